"""Expectations of a column or a table as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from sagelens.quality.columns import Column, Kind
from sagelens.quality.limits import bounds, limited
from sagelens.quality.literals import Parameters, Undecidable, compare, equals_any
from sagelens.quality.phrases import listing
from sagelens.quality.port import Finding
from sagelens.quality.statistics import Figure, deviation, mean, median, quantile, sum_of
from sagelens.quality.suite import Expectation
from sagelens.quality.typenames import is_of_type
from sagelens.quality.view import View, plain, shown

__all__ = ["judge_whole"]

_SHOWN = 5


def judge_whole(view: View, expectation: Expectation) -> Finding:
    """The finding on an expectation that `row_test` has none for. Raises Undecidable."""
    return _JUDGES[expectation.type](view, expectation)


def _finding(passed: bool, observed: object) -> Finding:
    return Finding(passed=True) if passed else Finding(passed=False, observed=str(observed))


def _column(view: View, expectation: Expectation) -> Column:
    return view.columns[expectation.kwargs["column"]]


def _figure(take: Callable[[View, Column, Expectation], Figure | None]) -> Callable[[View, Expectation], Finding]:
    """A figure of the column between bounds."""

    def judged(view: View, expectation: Expectation) -> Finding:
        return _bounded(take(view, _column(view, expectation), expectation), expectation.kwargs)

    return judged


def _bounded(figure: Figure | None, kwargs: Mapping[str, Any]) -> Finding:
    if figure is None:
        return _finding(passed=False, observed="no value")
    low, high = (_bound(kwargs.get(key), figure) for key in ("min_value", "max_value"))
    above = low is None or (figure > low if kwargs.get("strict_min") else figure >= low)
    below = high is None or (figure < high if kwargs.get("strict_max") else figure <= high)
    return _finding(above and below, _said(figure))


def _bound(value: Any, figure: Figure) -> Figure | None:
    """Beside exact figures a bound is what is written (0.1 is a tenth), beside floats the float."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Undecidable(f"{value!r} cannot be compared with the figure {_said(figure)}. Write a number without quotes")
    if isinstance(value, float) and (isinstance(figure, float) or not math.isfinite(value)):
        return value
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _said(figure: Figure | None) -> str:
    if figure is None:
        return "no value"
    if isinstance(figure, Fraction) and figure.denominator == 1:
        return str(figure.numerator)
    return f"{float(figure):.6g}"


def _sum(view: View, column: Column, expectation: Expectation) -> Figure:
    return sum_of(view, column, expectation)[0]


def _extreme(word: str) -> Callable[[View, Expectation], Finding]:
    """The smallest or largest value. With NaN in the column there is none."""

    def judged(view: View, expectation: Expectation) -> Finding:
        column, parameters = _column(view, expectation), Parameters()
        if column.kind in (Kind.BINARY, Kind.NESTED, Kind.OTHER):
            raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), which have no order")
        within = limited(view, expectation, parameters)
        value = f"{word}({column.value})"
        if column.kind is Kind.FLOAT:
            value = f"CASE WHEN bool_or(isnan({column.value})) THEN CAST('nan' AS DOUBLE) ELSE {value} END"
        inside = " AND ".join(bounds('"value"', column, expectation.kwargs, parameters))
        found = f"SELECT {value} AS value FROM {view.name} WHERE {within}"  # noqa: S608 - names are quoted, values parameters
        written = shown(Column("value", column.type, column.kind))
        sql = f"SELECT coalesce({inside}, FALSE), {written} FROM ({found})"  # noqa: S608 - as above
        passed, extreme = view.row(sql, parameters)
        return _finding(passed, "no value" if extreme is None else plain(extreme))

    return judged


def _counts(view: View, expectation: Expectation, *, distinct: bool) -> tuple[int, int, int]:
    """Rows, values that are there, and, where asked, distinct ones."""
    column, parameters = _column(view, expectation), Parameters()
    within = limited(view, expectation, parameters)
    different = f"count(DISTINCT {column.value})" if distinct else "0"
    sql = f"SELECT count(*), count({column.sql}), {different} FROM {view.name} WHERE {within}"  # noqa: S608 - as above
    rows, present, found = view.row(sql, parameters)
    return rows, present, found


def _share_present(view: View, expectation: Expectation) -> Finding:
    rows, present, _ = _counts(view, expectation, distinct=False)
    return _bounded(Fraction(present, rows) if rows else Fraction(0), expectation.kwargs)


def _share_distinct(view: View, expectation: Expectation) -> Finding:
    _, present, distinct = _counts(view, expectation, distinct=True)
    return _bounded(Fraction(distinct, present) if present else Fraction(0), expectation.kwargs)


def _distinct(view: View, expectation: Expectation) -> Finding:
    return _bounded(Fraction(_counts(view, expectation, distinct=True)[2]), expectation.kwargs)


def _only(view: View, expectation: Expectation) -> Finding:
    strange = _strange(view, expectation)
    return _finding(not strange, strange)


def _all(view: View, expectation: Expectation) -> Finding:
    absent = _absent(view, expectation)
    return _finding(not absent, f"no {listing(absent, _SHOWN)} among the values")


def _exactly(view: View, expectation: Expectation) -> Finding:
    strange, absent = _strange(view, expectation), _absent(view, expectation)
    said = [strange] if strange else []
    said += [f"no {listing(absent, _SHOWN)} among the values"] if absent else []
    return _finding(not said, "; ".join(said))


def _strange(view: View, expectation: Expectation) -> str:
    """Says which values are not in the set, the first of them only, since there may be as many as rows; empty for none."""
    column, parameters = _column(view, expectation), Parameters()
    within = limited(view, expectation, parameters)
    known = equals_any(column.value, expectation.kwargs["value_set"], column, parameters)
    distinct = (
        f"SELECT DISTINCT {column.value} AS value FROM {view.name} "  # noqa: S608 - as above
        f"WHERE ({within}) AND {column.sql} IS NOT NULL AND NOT coalesce({known}, FALSE)"
    )
    found, total = _first(view, column, distinct, parameters)
    return f"{total} other values: {_listed(found, total)}" if total else ""


def _first(view: View, column: Column, distinct: str, parameters: Parameters) -> tuple[list[Any], int]:
    """The smallest of the values of a query with the column `value`, and how many it gives."""
    written = shown(Column("value", column.type, column.kind))
    sql = f'SELECT {written}, count(*) OVER () FROM ({distinct}) ORDER BY "value" LIMIT {_SHOWN}'  # noqa: S608 - as above
    found = view.rows(sql, parameters)
    return [plain(value) for value, _ in found], found[0][1] if found else 0


def _listed(found: list[Any], total: int) -> str:
    more = f" and {total - len(found)} more" if total > len(found) else ""
    return f"{listing(found)}{more}"


def _absent(view: View, expectation: Expectation) -> list[Any]:
    """Values of the set that no row has."""
    column, parameters = _column(view, expectation), Parameters()
    within = limited(view, expectation, parameters)
    wanted = list(expectation.kwargs["value_set"])
    if column.kind is Kind.EMPTY:
        return wanted
    held = [f"bool_or({compare(column.value, '=', value, column, parameters)})" for value in wanted]
    found = view.row(f"SELECT {', '.join(held)} FROM {view.name} WHERE {within}", parameters)  # noqa: S608 - as above
    return [value for value, there in zip(wanted, found, strict=True) if not there]


def _most_common(view: View, expectation: Expectation) -> Finding:
    column, parameters = _column(view, expectation), Parameters()
    within = limited(view, expectation, parameters)
    known = equals_any('"value"', expectation.kwargs["value_set"], column, parameters)
    grouped = (
        f"SELECT {column.value} AS value, count(*) AS times FROM {view.name} "  # noqa: S608 - as above
        f"WHERE ({within}) AND {column.sql} IS NOT NULL GROUP BY 1"
    )
    modes = f"SELECT value FROM ({grouped}) QUALIFY times = max(times) OVER ()"  # noqa: S608 - as above
    inside, total = view.row(f"SELECT count(*) FILTER (coalesce({known}, FALSE)), count(*) FROM ({modes})", parameters)  # noqa: S608
    passed = inside > 0 if expectation.kwargs.get("ties_okay") else total == 1 == inside
    return _finding(passed, _listed(*_first(view, column, modes, parameters)) or "no value")


def _quantiles(view: View, expectation: Expectation) -> Finding:
    column, ranges = _column(view, expectation), expectation.kwargs["quantile_ranges"]
    rounding = expectation.kwargs.get("allow_relative_error") or "nearest"
    found = [quantile(view, column, expectation, share, rounding) for share in ranges["quantiles"]]
    inside = [
        _bounded(figure, {"min_value": low, "max_value": high}).passed
        for figure, (low, high) in zip(found, ranges["value_ranges"], strict=True)
    ]
    said = ", ".join(f"{_said(figure)} at {share}" for share, figure in zip(ranges["quantiles"], found, strict=True))
    return _finding(all(inside), said)


def _of_type(view: View, expectation: Expectation) -> Finding:
    column = _column(view, expectation)
    names = expectation.kwargs.get("type_list") or [expectation.kwargs["type_"]]
    right = any(is_of_type(column.type, name) for name in names) or expectation.kwargs.get("mostly") == 0
    return _finding(right, f"type {column.type}")


def _rows(view: View, expectation: Expectation) -> Finding:
    parameters = Parameters()
    within = limited(view, expectation, parameters)
    (rows,) = view.row(f"SELECT count(*) FROM {view.name} WHERE {within}", parameters)  # noqa: S608 - as above
    return _counted(rows, expectation)


def _columns(view: View, expectation: Expectation) -> Finding:
    return _counted(len(view.names), expectation)


def _counted(count: int, expectation: Expectation) -> Finding:
    if "value" in expectation.kwargs:
        return _finding(count == expectation.kwargs["value"], count)
    return _bounded(Fraction(count), expectation.kwargs)


def _exists(view: View, expectation: Expectation) -> Finding:
    name, place = expectation.kwargs["column"], expectation.kwargs.get("column_index")
    if name not in view.names:
        return _finding(passed=False, observed=f"columns {listing(view.names, 30)}")
    return _finding(place is None or view.names.index(name) == place, f"at place {view.names.index(name)}")


def _column_set(view: View, expectation: Expectation) -> Finding:
    wanted, held = expectation.kwargs["column_set"], view.names
    missing = sorted(name for name in wanted if name not in held)
    unexpected = sorted(name for name in held if name not in wanted) if expectation.kwargs.get("exact_match", True) else []
    said = [f"missing columns {listing(missing, 30)}"] if missing else []
    said += [f"unexpected columns {listing(unexpected, 30)}"] if unexpected else []
    return _finding(not said, "; ".join(said))


def _column_list(view: View, expectation: Expectation) -> Finding:
    return _finding(list(expectation.kwargs["column_list"]) == list(view.names), listing(view.names, 30))


_JUDGES: dict[str, Callable[[View, Expectation], Finding]] = {
    "expect_column_distinct_values_to_be_in_set": _only,
    "expect_column_distinct_values_to_contain_set": _all,
    "expect_column_distinct_values_to_equal_set": _exactly,
    "expect_column_max_to_be_between": _extreme("max"),
    "expect_column_mean_to_be_between": _figure(mean),
    "expect_column_median_to_be_between": _figure(median),
    "expect_column_min_to_be_between": _extreme("min"),
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_proportion_of_non_null_values_to_be_between": _share_present,
    "expect_column_proportion_of_unique_values_to_be_between": _share_distinct,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_stdev_to_be_between": _figure(deviation),
    "expect_column_sum_to_be_between": _figure(_sum),
    "expect_column_to_exist": _exists,
    "expect_column_type_to_be": _of_type,
    "expect_column_unique_value_count_to_be_between": _distinct,
    "expect_column_values_to_be_in_type_list": _of_type,
    "expect_column_values_to_be_of_type": _of_type,
    "expect_table_column_count_to_be_between": _columns,
    "expect_table_column_count_to_equal": _columns,
    "expect_table_columns_to_match_ordered_list": _column_list,
    "expect_table_columns_to_match_set": _column_set,
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _rows,
}
