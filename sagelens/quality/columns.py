"""What kind of values a column holds, and the smallest step between two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sagelens.quality.typenames import base_of

__all__ = ["Column", "Kind", "column_of"]


class Kind(StrEnum):
    INTEGER = "whole numbers"
    FLOAT = "floating-point numbers"
    DECIMAL = "decimal numbers"
    BOOLEAN = "booleans"
    DATE = "dates"
    TIMESTAMP = "timestamps without a zone"
    INSTANT = "timestamps in UTC"
    TIME = "times of day"
    TEXT = "text"
    BINARY = "bytes"
    NESTED = "lists or structs"
    EMPTY = "nothing"
    OTHER = "other values"

    @property
    def numeric(self) -> bool:
        return self in (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)

    @property
    def temporal(self) -> bool:
        return self in (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)


_SECOND = 1_000_000_000  # ns
_DAY = 86_400 * _SECOND
_STEPS = {
    "DATE": _DAY,
    "TIMESTAMP_S": _SECOND,
    "TIMESTAMP_MS": 1_000_000,
    "TIMESTAMP": 1_000,
    "TIMESTAMP_NS": 1,
    "TIMESTAMP WITH TIME ZONE": 1_000,
    "TIMESTAMPTZ_NS": 1,
    "TIME": 1_000,
    "TIME_NS": 1,
}
_KINDS = {
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    "DECIMAL": Kind.DECIMAL,
    "BOOLEAN": Kind.BOOLEAN,
    "DATE": Kind.DATE,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.TIMESTAMP),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"), Kind.INSTANT),
    **dict.fromkeys(("TIME", "TIME_NS"), Kind.TIME),
    **dict.fromkeys(("VARCHAR", "ENUM", "UUID", "JSON"), Kind.TEXT),
    "BLOB": Kind.BINARY,
    **dict.fromkeys(("LIST", "STRUCT", "MAP"), Kind.NESTED),
    "NULL": Kind.EMPTY,
}
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Column:
    """A column of a table in DuckDB.

    `low` and `high` bound what the type can hold, counted in steps: of 1 for integers, of the last digit for decimals, of the
    unit in nanoseconds for what concerns time.
    """

    name: str
    type: str
    kind: Kind
    digits: int = 0
    step: int = 1
    low: int = 0
    high: int = 0

    @property
    def sql(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def value(self) -> str:
        """The SQL whose values are compared: exact, of one type for each kind."""
        if self.kind is Kind.FLOAT:
            return f"CAST({self.sql} AS DOUBLE)"
        if self.kind is Kind.TEXT and self.type != "VARCHAR":
            return f"CAST({self.sql} AS VARCHAR)"
        if self.kind is Kind.EMPTY:
            return f"CAST({self.sql} AS INTEGER)"
        return self.sql


def column_of(name: str, duckdb_type: str) -> Column:
    """The column of a name and a type as DuckDB's DESCRIBE says it."""
    base = base_of(duckdb_type)
    if base in _BITS:
        half = 2 ** (_BITS[base] - 1)
        return Column(name, duckdb_type, Kind.INTEGER, low=-half, high=half - 1)
    if base.removeprefix("U") in _BITS:
        return Column(name, duckdb_type, Kind.INTEGER, low=0, high=2 ** _BITS[base.removeprefix("U")] - 1)
    if match := _DECIMAL.fullmatch(duckdb_type):
        most = 10 ** int(match[1]) - 1
        return Column(name, duckdb_type, Kind.DECIMAL, digits=int(match[2]), low=-most, high=most)
    step = _STEPS.get(base, 1)
    low, high = (0, _DAY // step - 1) if base in ("TIME", "TIME_NS") else _INT64
    return Column(name, duckdb_type, _KINDS.get(base, Kind.OTHER), step=step, low=low, high=high)
