"""Expectations of several columns, and row conditions, against plain Python over the rows."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from sagelens.values import Check

from . import reference
from .reference import Judged
from .test_exact import run

Row = tuple[Any, ...]
_NOON = dt.datetime(2013, 1, 1, 12, tzinfo=dt.UTC)
_MOMENTS = (_NOON, _NOON.replace(hour=0), _NOON.replace(day=2, hour=0))
COLUMNS: dict[str, tuple[pa.DataType, tuple[Any, ...]]] = {
    "int": (pa.int64(), (0, 1, 2**53, 2**53 + 1, -(2**62))),
    "unsigned": (pa.uint64(), (0, 1, 2**53 + 1, 2**64 - 1)),
    "float": (pa.float64(), (0.0, 1.0, 0.5, float(2**53), float("inf"), float("-inf"), float("nan"))),
    "decimal": (pa.decimal128(20, 2), (Decimal("0.00"), Decimal("1.00"), Decimal("0.50"), Decimal("-0.50"))),
    "date": (pa.date32(), (dt.date(2013, 1, 1), dt.date(2013, 1, 2))),
    "naive": (pa.timestamp("us"), tuple(moment.replace(tzinfo=None) for moment in _MOMENTS)),
    "instant": (pa.timestamp("us", "UTC"), _MOMENTS),
    "text": (pa.string(), ("", "a", "b", "A")),
    "word": (pa.string(), ("a", "b")),
}
PAIRS = [
    *((a, b) for a in ("int", "unsigned", "float") for b in ("int", "unsigned", "float")),
    *((a, b) for a in ("int", "unsigned", "decimal") for b in ("decimal", "int")),
    *((a, b) for a in ("date", "naive", "instant") for b in ("date", "naive", "instant")),
    ("text", "word"),
]


def held(rng: random.Random, names: tuple[str, ...], rows: int = 30) -> list[Row]:
    return [tuple(None if rng.random() < 0.2 else rng.choice(COLUMNS[name][1]) for name in names) for _ in range(rows)]


def table(names: tuple[str, ...], rows: list[Row]) -> pa.Table:
    """Columns a, b, c, … of the types that are named."""
    return pa.table({chr(97 + i): pa.array([row[i] for row in rows], COLUMNS[name][0]) for i, name in enumerate(names)})


def line(value: Any) -> Any:
    """Moments of all types on one line; a time without a zone is UTC."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value


def there(row: Row) -> bool:
    return None not in row


def verdict(checks: tuple[Check, ...]) -> list[Judged]:
    assert [check.observed for check in checks if check.observed.startswith("could not")] == []
    return [(check.passed, 0 if check.passed else check.unexpected_count) for check in checks]


def wanted(rows: list[Row], holds: Callable[[Row], bool], counts: Callable[[Iterable[bool]], bool] = any) -> Judged:
    kept = [row for row in rows if counts(value is not None for value in row)]
    return reference.mostly(sum(not holds(row) for row in kept), len(kept))


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_pairs_compare_exactly(left: str, right: str) -> None:
    rows = held(random.Random(left + right), (left, right), 60)
    asked: list[tuple[str, dict[str, Any], Judged]] = []
    for ignored, counts in (("both_values_are_missing", any), ("either_value_is_missing", all), ("neither", lambda _: True)):
        greater = wanted(rows, lambda row: there(row) and line(row[0]) > line(row[1]), counts)
        at_least = wanted(rows, lambda row: there(row) and line(row[0]) >= line(row[1]), counts)
        equal = wanted(rows, lambda row: there(row) and line(row[0]) == line(row[1]), counts)
        asked.append(("values_a_to_be_greater_than_b", {"ignore_row_if": ignored}, greater))
        asked.append(("values_a_to_be_greater_than_b", {"ignore_row_if": ignored, "or_equal": True}, at_least))
        asked.append(("values_to_be_equal", {"ignore_row_if": ignored}, equal))

    checks = run(
        table((left, right), rows),
        [{"type": f"expect_column_pair_{name}", "kwargs": {"column_A": "a", "column_B": "b", **more}} for name, more, _ in asked],
    )

    assert verdict(checks) == [(passed, bad) for _, _, (passed, bad) in asked]


_RECORDS = (("int", "unsigned", "int"), ("text", "word", "word"), ("date", "naive", "instant"), ("float", "float", "int"))
_OF_RECORDS = (
    "multicolumn_values_to_be_equal",
    "select_column_values_to_be_unique_within_record",
    "compound_columns_to_be_unique",
)


@pytest.mark.parametrize("names", _RECORDS)
def test_records_compare_exactly(names: tuple[str, str, str]) -> None:
    rows = held(random.Random(str(names)), names, 60)
    kept = [row for row in rows if any(value is not None for value in row)]
    equal = sum(not all(line(value) == line(row[0]) for value in row) for row in kept)
    repeated = sum(len({reference.key(line(value)) for value in row}) < len(row) for row in kept)

    checks = run(
        table(names, rows), [{"type": f"expect_{name}", "kwargs": {"column_list": ["a", "b", "c"]}} for name in _OF_RECORDS]
    )

    assert verdict(checks) == [(not equal, equal), (not repeated, repeated), reference.repeated_rows(rows)]


@pytest.mark.parametrize("names", [("int", "int"), ("unsigned", "int"), ("decimal", "decimal"), ("decimal", "int")])
def test_sums_of_a_record_are_exact(names: tuple[str, str]) -> None:
    rows = held(random.Random(str(names)), names, 40)
    total = next(sum(map(Fraction, row)) for row in rows if there(row))
    asked = int(total) if total.denominator == 1 else float(total)
    of_row = wanted(rows, lambda row: there(row) and sum(map(Fraction, row)) == total)
    kwargs = {"column_list": ["a", "b"], "sum_total": asked}

    assert verdict(run(table(names, rows), [{"type": "expect_multicolumn_sum_to_equal", "kwargs": kwargs}])) == [of_row]


def test_a_pair_of_a_set_may_have_a_missing_side() -> None:
    rows: list[Row] = [(1, "a"), (None, "a"), (2**53 + 1, None), (2**53, None), (None, None)]
    pairs = [[1, "a"], [None, "a"], [2**53 + 1, None]]
    kwargs = {"column_A": "a", "column_B": "b", "value_pairs_set": pairs}

    checks = run(table(("int", "text"), rows), [{"type": "expect_column_pair_values_to_be_in_set", "kwargs": kwargs}])

    assert verdict(checks) == [(False, 1)]
    assert checks[0].sample == ({"a": 2**53, "b": None},)


def test_columns_that_nothing_makes_comparable_are_refused() -> None:
    checks = run(
        table(("int", "text"), [(1, "1")]),
        [{"type": "expect_column_pair_values_to_be_equal", "kwargs": {"column_A": "a", "column_B": "b"}}],
    )

    assert not checks[0].passed
    assert "column 'a' holds whole numbers (BIGINT) and column 'b' text (VARCHAR)" in checks[0].observed


CONDITIONS: list[tuple[str, Callable[[Any, Any], bool]]] = [
    ("a > 1", lambda a, b: a is not None and a > 1),
    ("a >= 9007199254740993", lambda a, b: a is not None and a >= 2**53 + 1),
    ("not a > 1", lambda a, b: not (a is not None and a > 1)),
    ("~(a > 1)", lambda a, b: not (a is not None and a > 1)),
    ("a != 1", lambda a, b: a != 1),
    ('b == "a"', lambda a, b: b == "a"),
    ("b != 'a'", lambda a, b: b != "a"),
    ('b in ["a", "b"]', lambda a, b: b in ("a", "b")),
    ('b not in ["a", "b"]', lambda a, b: b not in ("a", "b")),
    ("a == 1 or b.isnull()", lambda a, b: a == 1 or b is None),
    ('(a > 0) & (b == "a")', lambda a, b: a is not None and a > 0 and b == "a"),
    ('a > 0 | b == "A"', lambda a, b: (a is not None and a > 0) or b == "A"),
    ('col("a").notNull() & col("b") == "a"', lambda a, b: a is not None and b == "a"),
    ("`a` == 1", lambda a, b: a == 1),
    ("0 < a <= 9007199254740992", lambda a, b: a is not None and 0 < a <= 2**53),
    ("1 < a", lambda a, b: a is not None and a > 1),
    ("-1 < a and a < 1.5", lambda a, b: a is not None and -1 < a < 1.5),
    ('b == "it\'s & so"', lambda a, b: False),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_a_condition_keeps_the_rows_that_it_says(condition: str, holds: Callable[[Any, Any], bool]) -> None:
    rows = held(random.Random(7), ("int", "text"), 60)
    count = sum(holds(*row) for row in rows)
    kwargs = {"value": count, "row_condition": condition, "condition_parser": "pandas"}

    checks = run(table(("int", "text"), rows), [{"type": "expect_table_row_count_to_equal", "kwargs": kwargs}])

    assert (checks[0].passed, checks[0].observed) == (True, "as expected")


def test_a_condition_on_a_column_that_is_not_there_fails_and_names_it() -> None:
    kwargs = {"column": "a", "row_condition": "kind == 'x'"}

    checks = run(table(("int",), [(1,)]), [{"type": "expect_column_values_to_not_be_null", "kwargs": kwargs}])

    assert not checks[0].passed
    assert checks[0].observed.startswith("no column kind in the table")


def test_a_column_between_backticks_is_no_other() -> None:
    data = pa.table({"a b": pa.array([1, 2]), "_quoted_0": pa.array([5, 5])})
    condition = "`a b` == 1 and _quoted_0 == 5"

    (found,) = run(data, [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1, "row_condition": condition}}])

    assert found.passed


def test_a_sum_beyond_what_duckdb_holds_is_refused() -> None:
    data = pa.table({"a": pa.array([Decimal(1)], pa.decimal128(38, 30)), "b": pa.array([10**9])})
    kwargs = {"column_list": ["a", "b"], "sum_total": 10**9 + 1}

    (found,) = run(data, [{"type": "expect_multicolumn_sum_to_equal", "kwargs": kwargs}])

    assert "is beyond DuckDB's numbers" in found.observed
