"""Collection: every declared source becomes a table, with a record of where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.data import Table, read_sources, shape_of
from sagelens.values import Classification, Column, LocalSource

__all__ = ["CollectedSource", "CollectionRecord", "collect"]


@dataclass(frozen=True, kw_only=True)
class CollectedSource:
    """Where one table came from, who answers for it, and what was found in it."""

    name: str
    uri: str
    origin: str
    licence: str
    classification: Classification
    owner: str
    digest: str
    rows: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class CollectionRecord:
    sources: tuple[CollectedSource, ...]


def collect(*, sources: dict[str, LocalSource]) -> tuple[*tuple[Table, ...], CollectionRecord]:
    """One table for each source, in the order of the sources, and last their record."""
    tables = read_sources(sources)
    record = CollectionRecord(tuple(_collected(sources[name], table) for name, table in tables.items()))
    return *tables.values(), record


def _collected(local: LocalSource, table: Table) -> CollectedSource:
    source, shape = local.source, shape_of(table)
    return CollectedSource(
        name=local.name,
        uri=source.uri,
        origin=source.origin,
        licence=source.licence,
        classification=source.classification,
        owner=source.owner,
        digest=local.digest,
        rows=shape.rows,
        columns=shape.columns,
    )
