"""Every expectation on random columns of every type, against a slow, exact reference."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import pyarrow as pa
import pytest

from sagelens.data import connection
from sagelens.quality import check_tables
from sagelens.values import Check

from . import reference
from .reference import Judged

_numbers = count()
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """A type: some of its values, as the reference knows them, as Arrow takes them, and as a suite writes them.

    `aside` is a little more than a value, which the type cannot hold.
    """

    name: str
    type: pa.DataType
    pool: tuple[Any, ...]
    stored: Callable[[Any], Any] = same
    written: Callable[[Any], Any] = same
    aside: Callable[[Any], Any] = same

    @property
    def numeric(self) -> bool:
        return pa.types.is_integer(self.type) or pa.types.is_floating(self.type) or pa.types.is_decimal(self.type)

    @property
    def text(self) -> bool:
        return self.name in ("string", "large_string", "category")


def _moments(unit: str) -> tuple[int, ...]:
    """Nanoseconds since 1970 that the unit can hold, and that are near each other."""
    base = 1_357_052_400 * 10**9
    return (*(base + steps * _UNITS[unit] for steps in (-1, 0, 1)), base - base % _DAY, -_UNITS[unit], 0)


def _iso(nanoseconds: int) -> str:
    seconds, part = divmod(nanoseconds, 10**9)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{part:09d}"


def _clock(nanoseconds: int) -> str:
    return _iso(nanoseconds)[11:]


def _date(nanoseconds: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(nanoseconds // _DAY)


def _day(nanoseconds: int) -> str:
    return _iso(nanoseconds) if nanoseconds % _DAY else _iso(nanoseconds)[:10]


def _half_more(value: int) -> float | int:
    return value + 0.5 if abs(value) < 2**50 else value


def _decimal_more(value: Decimal) -> Decimal:
    return value + Decimal("1e-11")


def _nanosecond_more(value: int) -> int:
    return value + 1


def _whole(bits: int, *, signed: bool) -> Kind:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    near = (0, 1, 2, 10, 2**53, 2**53 + 1, 2**53 + 2, -1, -(2**53) - 1)
    pool = dict.fromkeys([low, low + 1, high - 1, high, *(value for value in near if low <= value <= high)])
    name = f"int{bits}" if signed else f"uint{bits}"
    return Kind(name, getattr(pa, name)(), tuple(pool), aside=_half_more)


def _moment(unit: str, zone: str | None) -> Kind:
    size = _UNITS[unit]
    written = (lambda ns: f"{_iso(ns)}Z") if zone else _iso
    name = f"{'instant' if zone else 'timestamp'}_{unit}"
    return Kind(name, pa.timestamp(unit, zone), _moments(unit), lambda ns: ns // size, written, _nanosecond_more)


_FLOATS = (0.0, -0.0, 0.1, 0.5, 1.0, 2.0, float(2**53), -1.5, math.inf, -math.inf, math.nan)
_DECIMALS = tuple(map(Decimal, ("0", "0.1", "0.2", "-1", "12345678901234567890")))
_DAYS = tuple(_DAY * day for day in (0, 1, 15706, 15707, -1))
_TEXTS = ("", " ", "a", "A", "ä", "a\u0308", "10", "9", "[1]", "{}", "2013-01-01", "x\ny", "🤦🏼", "a%b", "None", "nan")
KINDS = [
    *(_whole(bits, signed=signed) for signed in (True, False) for bits in (8, 16, 32, 64)),
    Kind("float64", pa.float64(), _FLOATS),
    Kind("calm_float64", pa.float64(), (0.1, 0.2, 0.3, 1e16, 1.0, -2.5, 7.0)),
    Kind("float32", pa.float32(), (0.0, 0.5, 1.0, -1.5, 0.10000000149011612, 16777216.0)),
    *(Kind(f"decimal{n}", pa.decimal128(38, n), _DECIMALS, written=str, aside=_decimal_more) for n in (2, 10)),
    Kind("bool", pa.bool_(), (False, True)),
    Kind("date32", pa.date32(), _DAYS, _date, _day, _nanosecond_more),
    Kind("date64", pa.date64(), _DAYS, _date, _day, _nanosecond_more),
    *(_moment(unit, zone) for zone in (None, "Europe/Berlin") for unit in _UNITS),
    Kind("time", pa.time64("us"), (0, 1000, 3600 * 10**9, _DAY - 1000), lambda ns: ns // 1000, _clock),
    Kind("time_ns", pa.time64("ns"), (0, 1, 1000, 3600 * 10**9, _DAY - 1), written=_clock),
    Kind("string", pa.string(), _TEXTS),
    Kind("large_string", pa.large_string(), _TEXTS),
    Kind("category", pa.dictionary(pa.int32(), pa.string()), _TEXTS[:6]),
]


@dataclass(frozen=True)
class Column:
    kind: Kind
    values: tuple[Any, ...]

    @property
    def arrow(self) -> pa.Array:
        stored = [None if value is None else self.kind.stored(value) for value in self.values]
        if self.kind.name == "category":
            return pa.array(stored, pa.string()).dictionary_encode()
        return pa.array(stored, self.kind.type)


def columns(rng: random.Random, rows: int) -> list[Column]:
    found = []
    for kind in KINDS:
        nulls = rng.choice((0, 0.3, 0.3, 1))
        pool = rng.sample(kind.pool, rng.randint(1, len(kind.pool)))
        found.append(Column(kind, tuple(None if rng.random() < nulls else rng.choice(pool) for _ in range(rows))))
    return found


Case = tuple[str, dict[str, Any], Judged]


def bounds(
    rng: random.Random, pool: tuple[Any, ...], written: Callable[[Any], Any] = same, aside: Callable[[Any], Any] = same
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bounds as the suite writes them, and as the reference takes them."""
    some = rng.choices([value for value in pool if not reference.is_nan(value)], k=2)
    low, high = sorted(aside(value) if rng.random() < 0.4 else value for value in some)
    strict = low != high and rng.random() < 0.3
    flags = {"strict_min": strict, "strict_max": strict}
    kept = rng.choice(("low", "high", "both"))
    exact = {"low": None if kept == "high" else low, "high": None if kept == "low" else high, **flags}
    suite = {**flags, "min_value": exact["low"], "max_value": exact["high"]}
    return {key: written(value) if key.endswith("value") and value is not None else value for key, value in suite.items()}, exact


def some_of(rng: random.Random, kind: Kind) -> list[Any]:
    """Values for a set, some of which no row can have. Beside dates, those would be refused."""
    picked = [value for value in rng.sample(kind.pool, rng.randint(1, len(kind.pool))) if not reference.is_nan(value)]
    aside = same if kind.name.startswith("date") else kind.aside
    return [aside(value) if rng.random() < 0.2 else value for value in picked or kind.pool[:1]]


def on_rows(rng: random.Random, column: Column) -> Iterator[Case]:
    kind, values = column.kind, column.values
    share = rng.choice((1, 0.9, 0.5, 0.1))
    suite, exact = bounds(rng, kind.pool, kind.written, kind.aside)
    allowed = some_of(rng, kind)
    listed = {"value_set": [kind.written(value) for value in allowed], "mostly": share}
    yield (
        "values_to_be_between",
        {**suite, "mostly": share},
        reference.of_rows(values, lambda v: reference.inside(v, **exact), share),
    )
    yield "values_to_be_in_set", listed, reference.of_rows(values, lambda v: reference.in_set(v, allowed), share)
    yield "values_to_not_be_in_set", listed, reference.of_rows(values, lambda v: not reference.in_set(v, allowed), share)
    yield "values_to_be_unique", {"mostly": share}, reference.unique(values, share)
    yield "values_to_not_be_null", {"mostly": share}, reference.mostly(values.count(None), len(values), share)
    yield "values_to_be_null", {"mostly": share}, reference.mostly(len(values) - values.count(None), len(values), share)
    for word in ("increasing", "decreasing"):
        strictly = rng.random() < 0.5
        found = reference.ordered(values, rising=word == "increasing", strictly=strictly)
        yield f"values_to_be_{word}", {"strictly": strictly}, found


def on_wholes(rng: random.Random, column: Column) -> Iterator[Case]:
    kind, values = column.kind, column.values
    distinct = {reference.key(value) for value in values if value is not None}
    allowed = some_of(rng, kind)
    known, common = set(allowed), reference.modes(values)
    listed = {"value_set": [kind.written(value) for value in allowed]}
    yield "distinct_values_to_be_in_set", listed, (distinct <= known, None)
    yield "distinct_values_to_contain_set", listed, (known <= distinct, None)
    yield "distinct_values_to_equal_set", listed, (known == distinct, None)
    yield "most_common_value_to_be_in_set", listed, (len(common) == 1 and set(common) <= known, None)
    yield "most_common_value_to_be_in_set", {**listed, "ties_okay": True}, (bool(set(common) & known), None)
    for name in ("min", "max"):
        suite, exact = bounds(rng, kind.pool, kind.written, kind.aside)
        yield f"{name}_to_be_between", suite, judged(reference.figure(name, values), exact)
    for name in ("unique_value_count", "proportion_of_unique_values", "proportion_of_non_null_values"):
        suite, exact = bounds(rng, (0, 1, 2, 5) if name == "unique_value_count" else (0.0, 0.1, 0.5, 0.9, 1.0))
        exact |= {key: tenths(exact[key]) for key in ("low", "high")}
        yield f"{name}_to_be_between", suite, judged(reference.figure(name, values), exact)


def on_numbers(rng: random.Random, column: Column) -> Iterator[Case]:
    """Bounds are taken from beside the figure itself, since only there is it told whether it is exact."""
    for name in ("sum", "mean", "median", "stdev"):
        figure = reference.figure(name, column.values)
        if isinstance(figure, float) and (name == "stdev" or math.isnan(figure)):
            continue  # to the last digit no two ways of computing it agree; NaN is in test_values
        suite, exact = bounds(rng, beside(figure) or (-1, 0, 1))
        yield f"{name}_to_be_between", suite, judged(figure, exact)


def beside(figure: Any) -> tuple[Any, ...]:
    if figure is None or (isinstance(figure, float) and not math.isfinite(figure)):
        return ()
    if isinstance(figure, float):
        return (math.nextafter(figure, -math.inf), figure, math.nextafter(figure, math.inf))
    return (math.floor(figure) - 1, math.floor(figure), math.floor(figure) + 1)


def tenths(bound: float | None) -> Fraction | None:
    return None if bound is None else Fraction(str(bound))


def judged(figure: Any, exact: dict[str, Any]) -> Judged:
    return figure is not None and reference.inside(figure, **exact), None


def on_texts(rng: random.Random, column: Column) -> Iterator[Case]:
    values = column.values
    expression = rng.choice((r"^[a-z]$", r"\d", "a", "^$", r"\s", "(?=a)a", "^.$"))
    matches = reference.matches(expression)
    low, high = sorted(rng.choices(range(4), k=2))
    lengths = {"min_value": low, "max_value": high}
    yield "values_to_match_regex", {"regex": expression}, reference.of_rows(values, matches)
    yield "values_to_not_match_regex", {"regex": expression}, reference.of_rows(values, lambda text: not matches(text))
    yield (
        "values_to_match_regex_list",
        {"regex_list": [expression, "b"]},
        reference.of_rows(values, lambda t: matches(t) or "b" in t),
    )
    yield "value_lengths_to_be_between", lengths, reference.of_rows(values, lambda text: low <= len(text) <= high)
    yield "value_lengths_to_equal", {"value": low}, reference.of_rows(values, lambda text: len(text) == low)
    yield "values_to_match_like_pattern", {"like_pattern": "a%"}, reference.of_rows(values, lambda text: text.startswith("a"))
    yield "values_to_be_json_parseable", {}, reference.of_rows(values, reference.is_json)


def on_whole_numbers_as_text(column: Column) -> Iterator[Case]:
    digit = reference.matches(r"^-?\d$")
    yield "value_lengths_to_equal", {"value": 1}, reference.of_rows(column.values, lambda value: len(str(value)) == 1)
    yield "values_to_match_regex", {"regex": r"^-?\d$"}, reference.of_rows(column.values, lambda value: digit(str(value)))


def cases(rng: random.Random, column: Column) -> Iterator[Case]:
    yield from on_rows(rng, column)
    yield from on_wholes(rng, column)
    if column.kind.numeric:
        yield from on_numbers(rng, column)
    if column.kind.text:
        yield from on_texts(rng, column)
    if pa.types.is_integer(column.kind.type):
        yield from on_whole_numbers_as_text(column)


def run(table: pa.Table, expectations: list[dict[str, Any]], **more: Any) -> tuple[Check, ...]:
    """The checks of a suite that has travelled as JSON, as it does to a job."""
    name = f"exact_{next(_numbers)}"
    connection().con.register(name, table)
    suite = json.loads(json.dumps({"name": "s", "expectations": expectations, **more}))
    try:
        return check_tables(connection().table(name), gate="g", tables=("t",), suites={"t": suite}).checks
    finally:
        connection().con.unregister(name)


@pytest.mark.parametrize(("seed", "rows"), list(enumerate((0, 1, 2, 12, 12, 25, 25, 40))))
def test_the_verdict_is_that_of_exact_values(seed: int, rows: int) -> None:
    rng = random.Random(seed)
    held = columns(rng, rows)
    asked = [(column, case) for column in held for case in cases(rng, column)]
    expectations = [
        {"type": f"expect_column_{name}", "kwargs": {"column": column.kind.name, **kwargs}} for column, (name, kwargs, _) in asked
    ]

    checks = run(pa.table({column.kind.name: column.arrow for column in held}), expectations)

    wrong = [
        (column.kind.name, name, kwargs, wanted, (check.passed, check.unexpected_count, check.observed), column.values)
        for (column, (name, kwargs, wanted)), check in zip(asked, checks, strict=True)
        if check.passed is not wanted[0]
        or check.observed.startswith("could not")
        or (not check.passed and check.unexpected_count != wanted[1])
    ]
    assert wrong == []
    assert len(checks) > 300
