"""The values that a suite compares a column with: what they mean beside the column's type, and the SQL that compares exactly.

A value is turned into a point of the column's own line (a fraction, nanoseconds since 1970, text), and then into the nearest
value that the type can hold on the right side, so that no comparison rounds.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from sagelens.quality.columns import Column, Kind

__all__ = ["Parameters", "Point", "Undecidable", "compare", "equals_any", "point_of"]

Point = Fraction | float | bool | str
"""Fraction for numbers, and nanoseconds for times; float for the two infinities alone."""

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<part>\d{1,9}))?\s?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_CLOCK = re.compile(r"(?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<part>\d{1,9}))?")
_PARAMETER = re.compile(r"\$(sagelens_value_\d+)")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EXPECTED = {
    Kind.INTEGER: "a number without quotes",
    Kind.FLOAT: "a number without quotes",
    Kind.DECIMAL: "a number, or one in quotes",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2013-01-31",
    Kind.TIMESTAMP: "a date or a time such as 2013-01-31T15:00:00",
    Kind.INSTANT: "a date or a time such as 2013-01-31T15:00:00Z; without a zone it is UTC",
    Kind.TIME: "a time of day in quotes, such as '15:00:00'",
    Kind.TEXT: "text, in quotes where it looks like a number",
}


class Undecidable(Exception):
    """An expectation that the values of a column cannot answer. Its text says why, and what would be right."""


@dataclass
class Parameters:
    """The values of one query, by their names in it."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, value: Any) -> str:
        name = f"sagelens_value_{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def within(self, sql: str) -> dict[str, Any] | None:
        """Those that a query names: DuckDB refuses others."""
        named = {name: self.values[name] for name in _PARAMETER.findall(sql) if name in self.values}
        return named or None


def point_of(value: Any, column: Column) -> Point:
    """The value on the column's line. Raises Undecidable."""
    point = _POINTS[column.kind](value) if column.kind in _POINTS else None
    if point is None:
        expected = _EXPECTED.get(column.kind)
        hint = f"Write {expected}" if expected else "A gate compares no such values; ask for missing or repeated ones only"
        raise Undecidable(
            f"{value!r} cannot be compared with column '{column.name}', which holds {column.kind} ({column.type}). {hint}"
        )
    return point


def compare(sql: str, operator: str, value: Any, column: Column, parameters: Parameters) -> str:
    """SQL for `sql operator value`, where `sql` is of the column's type; operators are =, <, <=, >, >=.

    False for NaN; false or null for what is missing. Raises Undecidable.
    """
    if column.kind is Kind.EMPTY:
        return f"({sql} IS NOT NULL)"
    point = point_of(value, column)
    if operator == "=":
        _refuse_time_beside_dates(value, point, column)
        return equals_any(sql, [value], column, parameters)
    if isinstance(point, str | bool):
        return f"({sql} {operator} {parameters.add(point)})"
    if column.kind is Kind.FLOAT:
        return _compare_float(sql, operator, point, parameters)
    return _compare_steps(sql, operator, point, column, parameters)


def equals_any(sql: str, values: Iterable[Any], column: Column, parameters: Parameters) -> str:
    """SQL for `sql` being one of the values. Raises Undecidable."""
    if column.kind is Kind.EMPTY:
        return f"({sql} IS NOT NULL)"
    held = []
    for value in values:
        point = point_of(value, column)
        _refuse_time_beside_dates(value, point, column)
        literal = _held(point, column, parameters)
        if literal is not None:
            held.append(literal)
    return f"({sql} IN ({', '.join(held)}))" if held else "FALSE"


def _refuse_time_beside_dates(value: Any, point: Point, column: Column) -> None:
    if column.kind is Kind.DATE and isinstance(point, Fraction) and point % column.step:
        raise Undecidable(f"{value!r} has a time of day, and column '{column.name}' holds dates ({column.type}). Write a date")


def _held(point: Point, column: Column, parameters: Parameters) -> str | None:
    """The literal of a point; None where no value of the type is just that."""
    if isinstance(point, str | bool):
        return parameters.add(point)
    if column.kind is Kind.FLOAT:
        near = _nearest(point)
        exact = near == point if math.isinf(near) or isinstance(point, float) else Fraction(near) == point
        return f"CAST({parameters.add(near)} AS DOUBLE)" if exact else None
    if isinstance(point, float):
        return None
    steps = point / _step(column)
    if steps.denominator != 1 or not column.low <= steps.numerator <= column.high:
        return None
    return _literal(steps.numerator, column, parameters)


def _compare_float(sql: str, operator: str, point: Fraction | float, parameters: Parameters) -> str:
    """Against the nearest double on the side that keeps the answer. DuckDB takes NaN for the greatest, so it is shut out."""
    near = _nearest(point)
    if isinstance(point, Fraction) and (math.isinf(near) or Fraction(near) != point):
        upward = operator in (">", ">=")
        operator = ">=" if upward else "<="
        beyond = math.isinf(near) or Fraction(near) > point
        if math.isinf(near):
            near = near if (near > 0) is upward else math.copysign(math.nextafter(math.inf, 0), near)
        elif beyond is not upward:
            near = math.nextafter(near, math.inf if upward else -math.inf)
    return f"({sql} {operator} CAST({parameters.add(near)} AS DOUBLE) AND NOT isnan({sql}))"


def _nearest(point: Fraction | float) -> float:
    try:
        return float(point)
    except OverflowError:
        return math.inf if point > 0 else -math.inf


def _compare_steps(sql: str, operator: str, point: Fraction | float, column: Column, parameters: Parameters) -> str:
    upward = operator in (">", ">=")
    if isinstance(point, float):
        return _always(sql, (point < 0) is upward)
    steps = point / _step(column)
    bound = math.floor(steps)
    if steps.denominator != 1:  # between two values of the type: above it begins after the lower one, below it ends with it
        operator = ">" if upward else "<="
    if bound < column.low:
        return _always(sql, upward)
    if bound > column.high:
        return _always(sql, not upward)
    return f"({sql} {operator} {_literal(bound, column, parameters)})"


def _always(sql: str, answer: bool) -> str:
    """One answer for whatever is there."""
    return f"({sql} IS NOT NULL)" if answer else "FALSE"


def _step(column: Column) -> Fraction:
    return Fraction(1, 10**column.digits) if column.kind is Kind.DECIMAL else Fraction(column.step)


def _literal(steps: int, column: Column, parameters: Parameters) -> str:
    if column.kind is Kind.INTEGER:
        return f"CAST({parameters.add(str(steps))} AS {column.type})"
    if column.kind is Kind.DECIMAL:
        return f"CAST({parameters.add(str(Decimal(steps).scaleb(-column.digits, _WIDE)))} AS {column.type})"
    nanoseconds = steps * column.step
    if column.kind is Kind.TIME:
        return f"CAST({parameters.add(_clock(nanoseconds))} AS {column.type})"
    return f"CAST({parameters.add(_moment(nanoseconds, column))} AS {column.type})"


def _moment(nanoseconds: int, column: Column) -> str:
    day = (_EPOCH + dt.timedelta(days=nanoseconds // _DAY)).date().isoformat()
    if column.kind is Kind.DATE:
        return day
    return f"{day} {_clock(nanoseconds % _DAY)}" + ("+00:00" if column.kind is Kind.INSTANT else "")


def _clock(nanoseconds: int) -> str:
    seconds, part = divmod(nanoseconds, 1_000_000_000)
    digits = f".{part:09d}".rstrip("0") if part else ""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{digits}"


def _number(value: Any) -> Fraction | float | None:
    """A float is taken as it is written (0.1 is a tenth), since that is what the suite says."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction) or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, float) and math.isinf(value):
        return value
    return Fraction(repr(value) if isinstance(value, float) else value)


def _float(value: Any) -> Fraction | float | None:
    """Beside binary numbers a float is the binary number that it is."""
    return Fraction(value) if isinstance(value, float) and math.isfinite(value) else _number(value)


def _decimal(value: Any) -> Fraction | float | None:
    if not isinstance(value, str):
        return _number(value)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _moment_point(value: Any) -> Fraction | None:
    """Nanoseconds since 1970; a time without a zone is UTC."""
    if isinstance(value, dt.date):
        value = value.isoformat()
    match = _ISO.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        written = dt.datetime.fromisoformat(f"{match['day']} {_padded(match['clock'])}{_zone(match['zone'])}")
        moment = written.astimezone(dt.UTC)  # which at the ends of the calendar may lie beyond them
    except (OverflowError, ValueError):
        return None
    whole = (moment - _EPOCH) // dt.timedelta(seconds=1)
    return Fraction(whole * 1_000_000_000 + _part(match["part"]))


def _time_point(value: Any) -> Fraction | None:
    if isinstance(value, dt.time) and value.tzinfo is None:
        value = value.isoformat()
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        clock = dt.time.fromisoformat(_padded(match["clock"]))
    except ValueError:
        return None
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    return Fraction(seconds * 1_000_000_000 + _part(match["part"]))


def _padded(clock: str | None) -> str:
    clock = clock or "00:00:00"
    return clock if clock.count(":") > 1 else f"{clock}:00"


def _zone(zone: str | None) -> str:
    return "+00:00" if zone in (None, "Z") else str(zone)


def _part(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


_DAY = 86_400_000_000_000  # ns
_WIDE = Context(prec=60)  # digits: more than a DECIMAL(38) and its exponent need
_POINTS: Mapping[Kind, Callable[[Any], Point | None]] = {
    Kind.INTEGER: _number,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _moment_point,
    Kind.TIMESTAMP: _moment_point,
    Kind.INSTANT: _moment_point,
    Kind.TIME: _time_point,
    Kind.TEXT: _text,
}
