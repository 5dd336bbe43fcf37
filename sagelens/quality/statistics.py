"""Figures of a column, exact for whole and decimal numbers; for floating-point ones as Python's `statistics` gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sagelens.quality.columns import Column, Kind
from sagelens.quality.limits import limited
from sagelens.quality.literals import Parameters, Undecidable
from sagelens.quality.suite import Expectation
from sagelens.quality.view import View

__all__ = ["Figure", "deviation", "finite", "mean", "mean_and_deviation", "median", "quantile", "sum_of"]

Figure = Fraction | float
"""A float is what floating-point columns give; NaN where the column holds one."""


def sum_of(view: View, column: Column, expectation: Expectation) -> tuple[Figure, int]:
    """The sum of the values that are there, and how many they are."""
    _need_numbers(column, booleans=True)
    if column.kind is Kind.FLOAT:
        return _float_sum(lambda: _values(view, column, expectation)), _there(view, column, expectation)
    return _exact_sum(view, column, expectation, squared=False)


def mean(view: View, column: Column, expectation: Expectation) -> Figure | None:
    total, count = sum_of(view, column, expectation)
    return total / count if count else None


def deviation(view: View, column: Column, expectation: Expectation) -> Figure | None:
    """The standard deviation of a sample; None for fewer than two values."""
    squared = _variance(view, column, expectation)
    return None if squared is None else _root(squared)


def mean_and_deviation(view: View, column: Column, expectation: Expectation) -> tuple[Fraction | None, Fraction | None]:
    """Both, for windows around the mean. Raises Undecidable where NaN or infinity makes them undefined."""
    middle, spread = mean(view, column, expectation), deviation(view, column, expectation)
    return (None if middle is None else finite(column, middle)), (None if spread is None else finite(column, spread))


def finite(column: Column, figure: Figure) -> Fraction:
    """A figure to measure from. Raises Undecidable."""
    if isinstance(figure, float) and not math.isfinite(figure):
        raise Undecidable(f"column '{column.name}' holds NaN or infinity, so no value is near or far")
    return Fraction(figure)


def median(view: View, column: Column, expectation: Expectation) -> Figure | None:
    """The value in the middle, or between the two that are."""
    _need_numbers(column)
    count = _present(view, column, expectation)
    if not count:
        return None
    low, high = _at(view, column, expectation, (count - 1) // 2), _at(view, column, expectation, count // 2)
    return low if low == high else (low + high) / 2


def quantile(view: View, column: Column, expectation: Expectation, share: float, rounding: str) -> Figure | None:
    """The value at a share of the way; `rounding` says what to do between two: linear, lower, higher, midpoint, nearest."""
    _need_numbers(column)
    count = _present(view, column, expectation)
    if not count:
        return None
    place = Fraction(repr(share)) * (count - 1)
    low, high = (_at(view, column, expectation, position) for position in (math.floor(place), math.ceil(place)))
    match rounding:
        case "lower":
            return low
        case "higher":
            return high
        case "nearest":
            return low if round(place) == math.floor(place) else high
        case "midpoint":
            return low if low == high else (low + high) / 2
    rest = place - math.floor(place)
    return low if not rest or low == high else low + (high - low) * (float(rest) if isinstance(low, float) else rest)


def _variance(view: View, column: Column, expectation: Expectation) -> Figure | None:
    """Of a sample; None for fewer than two values."""
    _need_numbers(column)
    if column.kind is Kind.FLOAT:
        return _float_variance(lambda: _values(view, column, expectation), _there(view, column, expectation))
    total, count = _exact_sum(view, column, expectation, squared=False)
    squares, _ = _exact_sum(view, column, expectation, squared=True)
    return (squares * count - total * total) / (count * (count - 1)) if count > 1 else None


def _present(view: View, column: Column, expectation: Expectation) -> int:
    """How many values there are. DuckDB sorts NaN behind all, where it would pass for the largest."""
    parameters = Parameters()
    within = limited(view, expectation, parameters)
    nan = f"count(*) FILTER (isnan({column.value}))" if column.kind is Kind.FLOAT else "0"
    sql = f"SELECT count({column.sql}), {nan} FROM {view.name} WHERE {within}"  # noqa: S608 - names are quoted, values parameters
    count, of_nan = view.row(sql, parameters)
    if of_nan:
        raise Undecidable(f"column '{column.name}' holds NaN in {of_nan} rows, which have no place in the order")
    return int(count)


def _at(view: View, column: Column, expectation: Expectation, position: int) -> Figure:
    parameters = Parameters()
    within = limited(view, expectation, parameters)
    sql = (
        f"SELECT {column.value} FROM {view.name} WHERE ({within}) AND {column.sql} IS NOT NULL "  # noqa: S608 - as above
        f"ORDER BY 1 LIMIT 1 OFFSET {position}"
    )
    (value,) = view.row(sql, parameters)
    return value if isinstance(value, float) else Fraction(value)


def _exact_sum(view: View, column: Column, expectation: Expectation, *, squared: bool) -> tuple[Fraction, int]:
    """The sum of whole or decimal numbers, or of their squares, and how many they are."""
    import duckdb

    parameters = Parameters()
    within = limited(view, expectation, parameters)
    value = column.sql if column.kind is Kind.DECIMAL else f"CAST({column.value} AS HUGEINT)"
    term = f"{value} * {value}" if squared else value
    sql = f"SELECT sum({term}), count({column.sql}) FROM {view.name} WHERE {within}"  # noqa: S608 - as above
    try:
        total, count = view.row(sql, parameters)
    except duckdb.Error:  # beyond what DuckDB's widest numbers hold; Python's have no end
        exact = (Fraction(one) for one in _values(view, column, expectation))
        total = sum((one * one if squared else one for one in exact), Fraction(0))
        return total, _there(view, column, expectation)
    return Fraction(total or 0), int(count)


def _there(view: View, column: Column, expectation: Expectation) -> int:
    """How many values there are."""
    parameters = Parameters()
    within = limited(view, expectation, parameters)
    (count,) = view.row(f"SELECT count({column.sql}) FROM {view.name} WHERE {within}", parameters)  # noqa: S608 - as above
    return int(count)


def _values(view: View, column: Column, expectation: Expectation) -> Iterator[int | float | Decimal]:
    parameters = Parameters()
    within = limited(view, expectation, parameters)
    sql = f"SELECT {column.value} AS value FROM {view.name} WHERE ({within}) AND {column.sql} IS NOT NULL"  # noqa: S608 - as above
    for batch in view.batches(sql, parameters):
        yield from batch.column(0).to_pylist()


_Again = Callable[[], Iterable[Any]]
"""Reads the values from their first on; they are never held together, however many they are."""


def _float_sum(values: _Again) -> float:
    try:
        return math.fsum(values())
    except OverflowError:
        return float(sum(values()))
    except ValueError:  # infinities of both signs
        return math.nan


def _float_variance(values: _Again, count: int) -> float | None:
    if count < 2:
        return None
    middle = _float_sum(values) / count
    if not math.isfinite(middle):
        return math.nan
    return _float_sum(lambda: ((value - middle) * (value - middle) for value in values())) / (count - 1)


def _root(squared: Figure) -> Figure:
    """The square root: exact where it is a fraction, else right to more digits than a float keeps."""
    if isinstance(squared, float):
        return math.sqrt(squared)
    above, below = math.isqrt(squared.numerator), math.isqrt(squared.denominator)
    if above * above == squared.numerator and below * below == squared.denominator:
        return Fraction(above, below)
    scale = 10**40
    return Fraction(math.isqrt(squared.numerator * scale * scale // squared.denominator), scale)


def _need_numbers(column: Column, *, booleans: bool = False) -> None:
    if column.kind.numeric or column.kind is Kind.EMPTY or (booleans and column.kind is Kind.BOOLEAN):
        return
    raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), and this needs numbers")
