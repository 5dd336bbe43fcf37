"""Expectations that hold or fail for each row: which rows they look at, and which are otherwise, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from sagelens.quality.columns import Column, Kind
from sagelens.quality.limits import bounds, limited
from sagelens.quality.lines import pair_equal, pair_greater, same
from sagelens.quality.literals import Parameters, Undecidable, compare, equals_any
from sagelens.quality.statistics import finite, mean_and_deviation, quantile
from sagelens.quality.suite import Expectation
from sagelens.quality.texts import bad_texts, length
from sagelens.quality.view import View

__all__ = ["RowTest", "row_test"]

_KEY = '"sagelens gate key"'
_ROW = '"sagelens gate row"'
_COUNTED = Column("the length", "BIGINT", Kind.INTEGER, low=-(2**63), high=2**63 - 1)


@dataclass(frozen=True)
class RowTest:
    """`within` says of a row of `source` whether it counts, `unexpected` whether it is otherwise; true or false, never null.

    Where rows are otherwise because of other rows, `otherwise` holds just those that are.
    """

    source: str
    within: str
    unexpected: str = "TRUE"
    otherwise: str = ""


@dataclass(frozen=True)
class _Asked:
    """An expectation on a view, and the parameters of the query in the making."""

    view: View
    expectation: Expectation
    parameters: Parameters

    @property
    def kwargs(self) -> Mapping[str, Any]:
        return self.expectation.kwargs

    @property
    def columns(self) -> list[Column]:
        return [self.view.columns[name] for name in self.expectation.columns]

    @property
    def column(self) -> Column:
        return self.columns[0]

    @property
    def limit(self) -> str:
        return limited(self.view, self.expectation, self.parameters)


def row_test(view: View, expectation: Expectation, parameters: Parameters) -> RowTest | None:
    """The test of an expectation that looks at rows; None for one of the column or table as a whole. Raises Undecidable."""
    asked = _Asked(view, expectation, parameters)
    of_value = _PREDICATES.get(expectation.type)
    if of_value is not None:
        within = f"({asked.limit}) AND {asked.column.sql} IS NOT NULL"
        return RowTest(view.name, within, f"NOT coalesce({of_value(asked)}, FALSE)")
    special = _SPECIAL.get(expectation.type)
    return special(asked) if special is not None else None


def _between(asked: _Asked) -> str:
    return " AND ".join(bounds(asked.column.value, asked.column, asked.kwargs, asked.parameters))


def _in_set(asked: _Asked) -> str:
    return equals_any(asked.column.value, asked.kwargs["value_set"], asked.column, asked.parameters)


def _not_in_set(asked: _Asked) -> str:
    return f"NOT {_in_set(asked)}"


def _length(asked: _Asked) -> str:
    said = length(asked.column)
    if "value" in asked.kwargs:
        return compare(said, "=", asked.kwargs["value"], _COUNTED, asked.parameters)
    return " AND ".join(bounds(said, _COUNTED, asked.kwargs, asked.parameters))


def _like(asked: _Asked) -> str:
    column, escape = asked.column, asked.kwargs.get("escape")
    if column.kind not in (Kind.TEXT, Kind.EMPTY):
        raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), and this needs text")
    patterns = asked.kwargs.get("like_pattern_list") or [asked.kwargs["like_pattern"]]
    ending = f" ESCAPE {asked.parameters.add(escape)}" if escape else ""
    said = f"CAST({column.sql} AS VARCHAR)"
    word = " AND " if asked.kwargs.get("match_on") == "all" else " OR "
    return "(" + word.join(f"{said} LIKE {asked.parameters.add(pattern)}{ending}" for pattern in patterns) + ")"


def _not_like(asked: _Asked) -> str:
    return f"NOT {_like(asked)}"


def _z_score(asked: _Asked) -> str:
    column, threshold = asked.column, _as_written(asked.kwargs["threshold"])
    mean, deviation = mean_and_deviation(asked.view, column, asked.expectation)
    if mean is None or not deviation:
        return "TRUE"  # fewer than two values, or all the same: none is far from the others
    if asked.kwargs.get("double_sided") is False:
        return compare(column.value, "<", mean + threshold * deviation, column, asked.parameters)
    reach = abs(threshold) * deviation
    return _window(asked, (">", mean - reach), ("<", mean + reach))


def _no_outlier(asked: _Asked) -> str:
    column, multiplier = asked.column, _as_written(asked.kwargs.get("multiplier", 1.5))
    if asked.kwargs.get("method", "iqr") == "iqr":
        first, third = (quantile(asked.view, column, asked.expectation, share, "linear") for share in (0.25, 0.75))
        if first is None or third is None:
            return "TRUE"
        low, high = finite(column, first), finite(column, third)
        reach = multiplier * (high - low)
        return _window(asked, (">=", low - reach), ("<=", high + reach))
    mean, deviation = mean_and_deviation(asked.view, column, asked.expectation)
    if mean is None or deviation is None:
        return "TRUE"
    reach = multiplier * deviation
    return _window(asked, (">", mean - reach), ("<", mean + reach)) if reach else _window(asked, ("=", mean))


def _window(asked: _Asked, *sides: tuple[str, Fraction]) -> str:
    column = asked.column
    return " AND ".join(compare(column.value, sign, at, column, asked.parameters) for sign, at in sides)


def _as_written(number: float) -> Fraction:
    return Fraction(repr(number))


def _not_null(asked: _Asked) -> RowTest:
    return RowTest(asked.view.name, f"({asked.limit})", f"{asked.column.sql} IS NULL")


def _null(asked: _Asked) -> RowTest:
    return RowTest(asked.view.name, f"({asked.limit})", f"{asked.column.sql} IS NOT NULL")


def _unique(asked: _Asked) -> RowTest:
    return _once(asked, f"({asked.limit}) AND {asked.column.sql} IS NOT NULL", asked.column.value)


def _once(asked: _Asked, within: str, key: str) -> RowTest:
    """No key twice among the rows; all rows that share one are otherwise."""
    counted = f"(SELECT *, {key} AS {_KEY} FROM {asked.view.name} WHERE {within})"  # noqa: S608 - names are quoted, values parameters
    repeated = f"SELECT {_KEY} FROM {counted} GROUP BY {_KEY} HAVING count(*) > 1"  # noqa: S608 - as above
    otherwise = f"(SELECT * FROM {counted} SEMI JOIN ({repeated}) AS repeated USING ({_KEY}))"  # noqa: S608 - as above
    return RowTest(asked.view.name, within, otherwise=otherwise)


def _ordered(asked: _Asked) -> RowTest:
    column = asked.column
    if column.kind in (Kind.NESTED, Kind.BINARY, Kind.OTHER):
        raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), which have no order")
    rising = "increasing" in asked.expectation.type
    sign = (">" if rising else "<") + ("" if asked.kwargs.get("strictly") else "=")
    numbered = f"(SELECT *, row_number() OVER () AS {_ROW} FROM {asked.view.name})"  # noqa: S608 - as above
    within = f"({asked.limit}) AND {column.sql} IS NOT NULL"
    before = f"lag({column.value}) OVER (ORDER BY {_ROW}) AS {_KEY}"
    source = f"(SELECT *, {before} FROM {numbered} WHERE {within} ORDER BY {_ROW})"  # noqa: S608 - as above
    follows = f"{column.value} {sign} {_KEY}"
    if column.kind is Kind.FLOAT:
        follows += f" AND NOT isnan({column.value}) AND NOT isnan({_KEY})"
    return RowTest(source, "TRUE", f"{_KEY} IS NOT NULL AND NOT ({follows})")


def _texts(asked: _Asked) -> RowTest:
    within = f"({asked.limit}) AND {asked.column.sql} IS NOT NULL"
    bad = bad_texts(asked.view, asked.column, asked.expectation, within, asked.parameters)
    return RowTest(asked.view.name, within, bad)


def _pair(asked: _Asked, predicate: str) -> RowTest:
    ignored = asked.kwargs.get("ignore_row_if", "both_values_are_missing")
    kept = _kept({"both_values_are_missing": "OR", "either_value_is_missing": "AND"}.get(ignored), _two(asked))
    return RowTest(asked.view.name, f"({asked.limit}) AND {kept}", f"NOT coalesce({predicate}, FALSE)")


def _kept(word: str | None, columns: Sequence[Column]) -> str:
    """Rows with any value (OR), with all (AND), or every row."""
    return "(" + f" {word} ".join(f"{column.sql} IS NOT NULL" for column in columns) + ")" if word else "TRUE"


def _two(asked: _Asked) -> tuple[Column, Column]:
    return asked.view.columns[asked.kwargs["column_A"]], asked.view.columns[asked.kwargs["column_B"]]


def _pair_greater(asked: _Asked) -> RowTest:
    return _pair(asked, pair_greater(*_two(asked), or_equal=bool(asked.kwargs.get("or_equal"))))


def _pair_equal(asked: _Asked) -> RowTest:
    return _pair(asked, pair_equal(*_two(asked)))


def _pair_in_set(asked: _Asked) -> RowTest:
    left, right = _two(asked)
    any_of = [
        f"({_is(left, first, asked.parameters)} AND {_is(right, second, asked.parameters)})"
        for first, second in asked.kwargs["value_pairs_set"]
    ]
    return _pair(asked, "(" + " OR ".join(any_of) + ")")


def _is(column: Column, value: Any, parameters: Parameters) -> str:
    if value is None:
        return f"{column.sql} IS NULL"
    return f"coalesce({compare(column.value, '=', value, column, parameters)}, FALSE)"


def _record(asked: _Asked, predicate: str) -> RowTest:
    return RowTest(asked.view.name, _record_within(asked), f"NOT coalesce({predicate}, FALSE)")


def _record_within(asked: _Asked) -> str:
    ignored = asked.kwargs.get("ignore_row_if", "all_values_are_missing")
    kept = _kept({"all_values_are_missing": "OR", "any_value_is_missing": "AND"}.get(ignored), asked.columns)
    return f"({asked.limit}) AND {kept}"


def _compound(asked: _Asked) -> RowTest:
    key = "row(" + ", ".join(column.value for column in asked.columns) + ")"
    return _once(asked, _record_within(asked), key)


def _all_equal(asked: _Asked) -> RowTest:
    first, *others = asked.columns
    alike = (f"({first.sql} IS NULL AND {one.sql} IS NULL OR coalesce({pair_equal(first, one)}, FALSE))" for one in others)
    return _record(asked, _every(alike))


def _all_different(asked: _Asked) -> RowTest:
    return _record(asked, _every(f"NOT {same(a, b)}" for a, b in combinations(asked.columns, 2)))


def _every(conditions: Iterable[str]) -> str:
    return " AND ".join(conditions) or "TRUE"


def _sum_equal(asked: _Asked) -> RowTest:
    summed, total = _summed(asked.columns)
    wanted = asked.kwargs["sum_total"]
    if total.kind is Kind.DECIMAL and abs(_as_written(wanted)) * 10**total.digits > total.high:
        raise Undecidable(
            f"{wanted!r} with the {total.digits} digits behind the point of these columns is beyond DuckDB's numbers"
        )
    return _record(asked, compare(summed, "=", wanted, total, asked.parameters))


def _summed(columns: list[Column]) -> tuple[str, Column]:
    """The sum of a row, and a column of its type: exact, but with floating-point numbers, which add up as they do in Python."""
    for column in columns:
        if not column.kind.numeric and column.kind is not Kind.BOOLEAN:
            raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), and a sum needs numbers")
    digits = max(column.digits for column in columns)
    if any(column.kind is Kind.FLOAT for column in columns):
        total = Column("the sum", "DOUBLE", Kind.FLOAT)
    elif digits:
        most = 10**38 - 1  # what DuckDB's widest decimal holds
        total = Column("the sum", f"DECIMAL(38,{digits})", Kind.DECIMAL, digits=digits, low=-most, high=most)
    else:
        total = Column("the sum", "HUGEINT", Kind.INTEGER, low=-(2**127), high=2**127 - 1)
    return "(" + " + ".join(f"CAST({column.sql} AS {total.type})" for column in columns) + ")", total


_PREDICATES: dict[str, Callable[[_Asked], str]] = {
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_value_lengths_to_equal": _length,
    "expect_column_value_z_scores_to_be_less_than": _z_score,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_match_like_pattern": _like,
    "expect_column_values_to_match_like_pattern_list": _like,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_not_be_outliers": _no_outlier,
    "expect_column_values_to_not_match_like_pattern": _not_like,
    "expect_column_values_to_not_match_like_pattern_list": _not_like,
}
_SPECIAL: dict[str, Callable[[_Asked], RowTest]] = {
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_column_values_to_be_dateutil_parseable": _texts,
    "expect_column_values_to_be_decreasing": _ordered,
    "expect_column_values_to_be_increasing": _ordered,
    "expect_column_values_to_be_json_parseable": _texts,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_match_json_schema": _texts,
    "expect_column_values_to_match_regex": _texts,
    "expect_column_values_to_match_regex_list": _texts,
    "expect_column_values_to_match_strftime_format": _texts,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_not_match_regex": _texts,
    "expect_column_values_to_not_match_regex_list": _texts,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_multicolumn_sum_to_equal": _sum_equal,
    "expect_multicolumn_values_to_be_equal": _all_equal,
    "expect_select_column_values_to_be_unique_within_record": _all_different,
}
