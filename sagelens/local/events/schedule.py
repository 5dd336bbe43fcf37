"""Schedule expressions: `rate(5 minutes)` and `cron(0 3 ? * MON *)`, in UTC."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

__all__ = ["BadSchedule", "Schedule", "parse_schedule"]

_RATE = re.compile(r"rate\(([1-9][0-9]{0,8}) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^()]{1,200})\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = dict(JAN=1, FEB=2, MAR=3, APR=4, MAY=5, JUN=6, JUL=7, AUG=8, SEP=9, OCT=10, NOV=11, DEC=12)  # noqa: C408  short
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_Days = Callable[[int, int], set[int]]
"""Days of a month, by year and month."""


class BadSchedule(ValueError):
    """Why an expression is none."""


class Schedule(Protocol):
    def next(self, after: float, anchor: float) -> float | None:
        """The first time after this one, in seconds since the epoch; None if there is none. `anchor` is where rates begin."""
        ...


@dataclass(frozen=True)
class Rate:
    seconds: int

    def next(self, after: float, anchor: float) -> float | None:
        passed = math.floor((after - anchor) / self.seconds)
        return anchor + (max(passed, 0) + 1) * self.seconds


@dataclass(frozen=True)
class Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: frozenset[int]
    years: frozenset[int]

    def next(self, after: float, anchor: float) -> float | None:  # noqa: ARG002 - a rate's
        start = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._dates(start.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                    if found >= start:
                        return found.timestamp()
        return None

    def _dates(self, start: date) -> Iterator[date]:
        for year in range(start.year, _LAST_YEAR + 1):
            if year not in self.years:
                continue
            for month in sorted(self.months):
                if (year, month) >= (start.year, start.month):
                    for day in sorted(self.days(year, month)):
                        if date(year, month, day) >= start:
                            yield date(year, month, day)


def parse_schedule(text: str) -> Schedule:
    """Raises BadSchedule."""
    if match := _RATE.fullmatch(text):
        number, unit, plural = int(match[1]), match[2], match[3]
        if (number == 1) == bool(plural):
            raise BadSchedule(f"write rate(1 {unit}) and rate({max(number, 2)} {unit}s)")
        return Rate(number * _SECONDS[unit])
    if match := _CRON.fullmatch(text):
        return _cron(match[1].split())
    raise BadSchedule("write rate(5 minutes), or cron with minutes, hours, day of month, month, day of week and year")


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise BadSchedule(f"cron takes six fields, not {len(fields)}")
    minutes, hours, of_month, months, of_week, years = (field.upper() for field in fields)
    if (of_month == "?") == (of_week == "?"):
        raise BadSchedule("of day of month and day of week one has to be ?, and only one")
    return Cron(
        minutes=tuple(sorted(_values(minutes, 0, 59))),
        hours=tuple(sorted(_values(hours, 0, 23))),
        days=_days_of_month(of_month) if of_week == "?" else _days_of_week(of_week),
        months=frozenset(_values(months, 1, 12, _MONTHS)),
        years=frozenset(_values(years, _FIRST_YEAR, _LAST_YEAR)),
    )


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """`*`, `3`, `3-7`, `3,5`, `0/15`, `3-30/9`; names where there are some."""
    return {value for part in field.split(",") for value in _range(part, low, high, names or {})}


def _range(part: str, low: int, high: int, names: dict[str, int]) -> Iterator[int]:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    if slash and not (step.isdecimal() and step.isascii() and 1 <= int(step) <= high - low + 1):
        raise BadSchedule(f"{part} has no step of 1 to {high - low + 1}")
    if first == "*" and dash:
        raise BadSchedule(f"{part} is no range; * stands alone")
    begin = low if first == "*" else _number(first, low, high, names)
    end = _number(last, low, high, names) if dash else (high if slash or first == "*" else begin)
    every = int(step) if slash else 1
    if begin <= end:
        yield from range(begin, end + 1, every)
    elif names:  # FRI-MON
        yield from ((value - low) % (high - low + 1) + low for value in range(begin, end + high - low + 2, every))
    else:
        raise BadSchedule(f"{part} ends before it begins")


def _number(text: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() and text.isascii() and len(text) <= 4 else None)
    if value is None or not low <= value <= high:
        raise BadSchedule(f"{text or 'nothing'} is not between {low} and {high}")
    return value


def _days_of_month(field: str) -> _Days:
    """Numbers, `L` (the last), `L-3` (three before it), `LW` (the last working day), `15W` (the working day next to it)."""
    if field == "L":
        return lambda year, month: {_length(year, month)}
    if field == "LW":
        return lambda year, month: {_working(year, month, _length(year, month))}
    if match := re.fullmatch(r"L-([0-9]{1,2})", field):
        before = _number(match[1], 1, 30, {})
        return lambda year, month: {day for day in (_length(year, month) - before,) if day >= 1}
    if match := re.fullmatch(r"([0-9]{1,2})W", field):
        wanted = _number(match[1], 1, 31, {})
        return lambda year, month: {_working(year, month, wanted)} if wanted <= _length(year, month) else set()
    days = _values(field, 1, 31)
    return lambda year, month: {day for day in days if day <= _length(year, month)}


def _days_of_week(field: str) -> _Days:
    """1 (Sunday) to 7 or names, `6L` (the last Friday), `6#3` (the third Friday), `L` (Saturday)."""
    if field == "L":
        field = "7"
    if match := re.fullmatch(r"(\w+)L", field):
        weekday = _number(match[1], 1, 7, _DAYS)
        return lambda year, month: {_on(year, month, {weekday})[-1]}
    if match := re.fullmatch(r"(\w+)#([0-9])", field):
        weekday, which = _number(match[1], 1, 7, _DAYS), _number(match[2], 1, 5, {})
        return lambda year, month: set(_on(year, month, {weekday})[which - 1 : which])
    weekdays = _values(field, 1, 7, _DAYS)
    return lambda year, month: set(_on(year, month, weekdays))


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _on(year: int, month: int, weekdays: set[int]) -> list[int]:
    """The days of a month that are such weekdays, Sunday being 1."""
    return [day for day in range(1, _length(year, month) + 1) if date(year, month, day).isoweekday() % 7 + 1 in weekdays]


def _working(year: int, month: int, day: int) -> int:
    """The day itself, or the nearest one of the same month that is no weekend."""
    match date(year, month, day).isoweekday():
        case 6:
            return day - 1 if day > 1 else day + 2
        case 7:
            return day + 1 if day < _length(year, month) else day - 2
    return day
