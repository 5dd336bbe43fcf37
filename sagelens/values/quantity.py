"""How configuration writes sizes, shares and times: `"10%"` or a number of instances; seconds, or `"500ms"`, `"10m"`, `"1h"`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Size", "as_percent", "as_time", "seconds_of", "share_of"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class Size:
    """A part of a fleet: so many percent of its capacity, or so many instances. SageMaker's CapacitySize."""

    value: int
    percent: bool

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)

    @classmethod
    def of(cls, given: object, what: str) -> Size:
        """From `"10%"` or `2`. Raises ValueError; `what` names the setting in its message."""
        if isinstance(given, Size):
            return given
        text = str(given).strip()
        percent = text.endswith("%")
        number = text.removesuffix("%").strip()
        if isinstance(given, bool) or not number.isdecimal() or int(number) < 1:
            raise ValueError(f'{what} is {given!r}; give whole percents such as "10%", or a number of instances such as 1')
        return cls(int(number), percent)

    def instances(self, count: int) -> int:
        """How many of `count` instances this is: rounded up, so at least one, and at most all."""
        return min(math.ceil(count * self.value / 100) if self.percent else self.value, count)

    def times(self, number: int) -> Size:
        """So many parts of this size together."""
        return Size(min(self.value * number, 100) if self.percent else self.value * number, self.percent)

    def steps(self, count: int) -> int:
        """How many parts of this size make the whole of the capacity; the last takes what remains."""
        return math.ceil((100 if self.percent else count) / self.value)

    def batches(self, count: int) -> int:
        """How many batches of whole instances make the whole fleet."""
        return math.ceil(count / self.instances(count))

    def share(self, count: int) -> float:
        """The share of the traffic that this part of the fleet takes: k of n instances take k/n.

        Where percents are less than one instance and would still take all, they are themselves the share.
        """
        active = self.instances(count)
        return self.value / 100 if self.percent and active == count else active / count

    def request(self) -> dict[str, Any]:
        return {"Type": "CAPACITY_PERCENT" if self.percent else "INSTANCE_COUNT", "Value": self.value}


def seconds_of(given: object, what: str) -> float:
    """Seconds of a number, or of a text with a unit: ms, s, m, h, d. Raises ValueError."""
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < math.inf:
        return float(given)
    match = _TIME.fullmatch(given.strip()) if isinstance(given, str) else None
    if match is None:
        raise ValueError(f'{what} is {given!r}; give seconds, or a time such as "500ms", "90s", "10m", "1h" or "7d"')
    return float(match[1]) * _UNITS[match[2] or "s"]


def share_of(given: object, what: str) -> float:
    """A share from 0 to 1, of a number from 0 to 1 or a text such as `"2.5%"`. Raises ValueError."""
    text = str(given).strip()
    match = _PERCENT.fullmatch(text)
    try:
        share = float(match[1]) / 100 if match else float(text)
    except ValueError:
        share = math.nan
    if isinstance(given, bool) or not 0 <= share <= 1:
        raise ValueError(f'{what} is {given!r}; give a share such as "10%" or 0.1, at most "100%"')
    return share


def as_percent(share: float) -> str:
    return f"{share * 100:g}%"


def as_time(seconds: float) -> str:
    """The shortest exact way to write a time: 600 is `10m`, 90 is `90s`."""
    for unit, length in reversed(_UNITS.items()):
        if seconds and math.isclose(seconds / length, round(seconds / length), rel_tol=1e-9) and seconds >= length:
            return f"{round(seconds / length)}{unit}"
    return f"{seconds:g}s"
