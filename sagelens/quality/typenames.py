"""The names that a suite may give a column's type: those of Python, NumPy, pandas, Arrow and DuckDB."""

from __future__ import annotations

import re

__all__ = ["base_of", "is_of_type", "known_type_name"]

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_PLAIN = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_TEXT = ("VARCHAR", "ENUM", "UUID", "JSON")

# A name of no single width stands for all that have it: `int` is every integer, as it is in Python.
_NAMES: dict[str, tuple[str, ...]] = {
    "int": (*_INTEGERS, *_UNSIGNED),
    "integer": ("INTEGER",),
    "int8": ("TINYINT",),
    "int16": ("SMALLINT",),
    "int32": ("INTEGER",),
    "int64": ("BIGINT",),
    "uint8": ("UTINYINT",),
    "uint16": ("USMALLINT",),
    "uint32": ("UINTEGER",),
    "uint64": ("UBIGINT",),
    "float": ("FLOAT", "DOUBLE"),
    "float32": ("FLOAT",),
    "float64": ("DOUBLE",),
    "bool": ("BOOLEAN",),
    "bool_": ("BOOLEAN",),
    "str": _TEXT,
    "string": _TEXT,
    "large_string": _TEXT,
    "utf8": _TEXT,
    "text": _TEXT,
    "category": ("ENUM",),
    "bytes": ("BLOB",),
    "binary": ("BLOB",),
    "large_binary": ("BLOB",),
    "decimal": ("DECIMAL",),
    "decimal128": ("DECIMAL",),
    "numeric": ("DECIMAL",),
    "date": ("DATE",),
    "date32": ("DATE",),
    "datetime": (*_PLAIN, *_ZONED),
    "timestamp": (*_PLAIN, *_ZONED),
    "datetime64": (*_PLAIN, *_ZONED),
    "datetime64[s]": ("TIMESTAMP_S",),
    "datetime64[ms]": ("TIMESTAMP_MS",),
    "datetime64[us]": ("TIMESTAMP",),
    "datetime64[ns]": ("TIMESTAMP_NS",),
    "timestamp[s]": ("TIMESTAMP_S",),
    "timestamp[ms]": ("TIMESTAMP_MS",),
    "timestamp[us]": ("TIMESTAMP",),
    "timestamp[ns]": ("TIMESTAMP_NS",),
    "datetime64[us, utc]": ("TIMESTAMP WITH TIME ZONE",),
    "datetime64[ns, utc]": ("TIMESTAMPTZ_NS",),
    "datetimetz": _ZONED,
    "timestamptz": _ZONED,
    "time": ("TIME", "TIME_NS"),
    "time64": ("TIME", "TIME_NS"),
    "timedelta": ("INTERVAL",),
    "timedelta64": ("INTERVAL",),
    "duration": ("INTERVAL",),
    "list": ("LIST",),
    "dict": ("STRUCT", "MAP"),
    "struct": ("STRUCT",),
}
# Upper case is SQL: INTEGER is 32 bits wide, and TIMESTAMP has no zone.
_SQL = {
    *_INTEGERS,
    *_UNSIGNED,
    *_ZONED,
    *_PLAIN,
    *_TEXT,
    *("FLOAT", "DOUBLE", "BOOLEAN", "BLOB", "DECIMAL", "DATE", "TIME", "TIME_NS", "INTERVAL", "LIST", "STRUCT", "MAP"),
}
_SYNONYMS = {
    "BOOL": "BOOLEAN",
    "INT": "INTEGER",
    "LONG": "BIGINT",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
}
_PANDAS = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|Decimal|Timestamp|Timedelta")


def known_type_name(name: str) -> bool:
    return _bases(name) is not None


def is_of_type(duckdb_type: str, name: str) -> bool:
    """Whether a column of this DuckDB type is what the name says; `DECIMAL(18,2)` asks for just that."""
    if "(" in name:
        return name.upper().replace(" ", "") == duckdb_type.upper().replace(" ", "")
    return base_of(duckdb_type) in (_bases(name) or ())


def base_of(duckdb_type: str) -> str:
    """`DECIMAL` of `DECIMAL(18,2)`, `LIST` of `BIGINT[]`."""
    if duckdb_type.endswith("]"):
        return "LIST"
    return duckdb_type.partition("(")[0].strip().strip('"')


def _bases(name: str) -> tuple[str, ...] | None:
    if name.isupper():
        bare = base_of(name)
        known = _SYNONYMS.get(bare, bare)
        return (known,) if known in _SQL else None
    if _PANDAS.fullmatch(name):
        name = name.lower()
    return _NAMES.get(name) or _NAMES.get(name.replace("UTC", "utc"))
