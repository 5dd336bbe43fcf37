"""Collection: every declared source becomes a table, with a record of where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sagelens.data import SourceRead, Table, collect_sources, shape_of
from sagelens.values import Classification, Column, LocalSource

__all__ = ["CollectedSource", "CollectionRecord", "collect"]


@dataclass(frozen=True, kw_only=True)
class CollectedSource:
    """Where one table came from, who answers for it, and what was found in it.

    `decided` says of each column what its type follows from; `missing` counts, by column and word, what was read as missing.
    """

    name: str
    uri: str
    origin: str
    licence: str
    classification: Classification
    owner: str
    digest: str
    rows: int
    columns: tuple[Column, ...]
    decided: dict[str, str]
    missing: dict[str, dict[str, int]]


@dataclass(frozen=True)
class CollectionRecord:
    """`read_as_missing` says in one line, for the evidence, which words stood for a missing value, and how often."""

    sources: tuple[CollectedSource, ...]
    read_as_missing: str


def collect(*, sources: dict[str, LocalSource]) -> tuple[*tuple[Table, ...], CollectionRecord]:
    """One table for each source, in the order of the sources, and last their record."""
    read = collect_sources(sources)
    collected = tuple(_collected(sources[name], found) for name, found in read.items())
    record = CollectionRecord(collected, "; ".join(line for source in collected for line in _missing(source)))
    return *(found.table for found in read.values()), record


def _missing(source: CollectedSource) -> Iterator[str]:
    for column, words in source.missing.items():
        counts = ", ".join(f"{word or 'empty'} {count}" for word, count in words.items())
        yield f"{source.name}.{column}: {counts}"


def _collected(local: LocalSource, read: SourceRead) -> CollectedSource:
    source, shape = local.source, shape_of(read.table)
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
        decided={column.name: column.decided for column in read.columns},
        missing={column.name: column.missing for column in read.columns if column.missing},
    )
