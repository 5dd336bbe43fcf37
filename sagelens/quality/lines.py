"""Two columns beside each other: each value on a line that both share, so that no comparison rounds."""

from __future__ import annotations

from sagelens.quality.columns import Column, Kind
from sagelens.quality.literals import Undecidable

__all__ = ["pair_equal", "pair_greater", "same"]


def pair_greater(left: Column, right: Column, *, or_equal: bool) -> str:
    """SQL: left is greater. False for NaN, false or null for what is missing. Raises Undecidable."""
    a, b = _shared(left, right)
    return _numbers_only(f"({a} {'>=' if or_equal else '>'} {b})", left, right)


def pair_equal(left: Column, right: Column) -> str:
    """SQL: both are equal. False for NaN, false or null for what is missing. Raises Undecidable."""
    a, b = _shared(left, right)
    return _numbers_only(f"({a} = {b})", left, right)


def same(left: Column, right: Column) -> str:
    """SQL: both are the same, as what is counted once: also both missing, and both NaN. Raises Undecidable."""
    a, b = _shared(left, right)
    equal = f"({a} = {b})" if left.kind is right.kind else _numbers_only(f"({a} = {b})", left, right)
    return f"({left.sql} IS NULL AND {right.sql} IS NULL OR coalesce({equal}, FALSE))"


def _numbers_only(sql: str, *columns: Column) -> str:
    present = [f"{column.sql} IS NOT NULL" for column in columns]
    numbers = [f"NOT isnan({column.value})" for column in columns if column.kind is Kind.FLOAT]
    return f"({' AND '.join([*present, *numbers, sql])})"


def _shared(left: Column, right: Column) -> tuple[str, str]:
    kinds = {left.kind, right.kind}
    if Kind.EMPTY in kinds:
        return "CAST(NULL AS INTEGER)", "CAST(NULL AS INTEGER)"  # what is missing equals nothing
    alike = left.type == right.type and Kind.OTHER not in kinds
    if alike or kinds in ({Kind.FLOAT}, {Kind.TEXT}):
        return left.value, right.value
    if kinds == {Kind.INTEGER, Kind.FLOAT}:
        return _parts(left, "DOUBLE"), _parts(right, "DOUBLE")
    if kinds <= {Kind.INTEGER, Kind.DECIMAL}:
        part = f"DECIMAL(38,{max(left.digits, right.digits)})"
        return _parts(left, part), _parts(right, part)
    if all(column.kind.temporal for column in (left, right)):
        return _nanoseconds(left), _nanoseconds(right)
    if kinds == {Kind.TIME}:
        return f"CAST({left.sql} AS TIME_NS)", f"CAST({right.sql} AS TIME_NS)"
    raise Undecidable(
        f"column '{left.name}' holds {left.kind} ({left.type}) and column '{right.name}' {right.kind} ({right.type}), "
        "which no comparison makes equal. Give both one type in preparation"
    )


def _parts(column: Column, type_of_rest: str) -> str:
    """Whole part and rest, compared one after the other: DuckDB alone would round 2^53 + 1 beside a double."""
    value = column.value
    if column.kind is Kind.INTEGER:
        return f"row(CAST({column.sql} AS HUGEINT), CAST(0 AS {type_of_rest}))"
    if column.kind is Kind.DECIMAL:
        return f"row(CAST(floor({value}) AS HUGEINT), CAST({value} - floor({value}) AS {type_of_rest}))"
    # Beyond 128 bits no integer is as large, so any integer there answers; the comparison shuts NaN out.
    sign = f"CASE WHEN isnan({value}) THEN 0 ELSE sign({value}) END"
    whole = (
        f"CASE WHEN NOT isfinite({value}) OR abs({value}) >= 1e38 THEN CAST({sign} * 1e38 AS HUGEINT) "
        f"ELSE CAST(floor({value}) AS HUGEINT) END"
    )
    rest = f"CASE WHEN isfinite({value}) THEN {value} - floor({value}) ELSE 0 END"
    return f"row({whole}, CAST({rest} AS {type_of_rest}))"


def _nanoseconds(column: Column) -> str:
    """Since 1970; a time without a zone is UTC."""
    if column.type in ("TIMESTAMP_NS", "TIMESTAMPTZ_NS"):
        return f"CAST(epoch_ns({column.sql}) AS HUGEINT)"
    moment = column.sql if column.kind is Kind.INSTANT else f"CAST({column.sql} AS TIMESTAMP)"
    return f"CAST(epoch_us({moment}) AS HUGEINT) * 1000"
