"""The slow, exact reference: what each expectation means, in plain Python over a column's values.

Values are Python's own; moments are nanoseconds since 1970, since Python's have none. Nothing here is shared with the library.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

Judged = tuple[bool, int | None]
"""Whether it passes, and of expectations on rows how many are otherwise."""


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def key(value: Any) -> Any:
    """What is counted as one value: NaN is, though it equals nothing."""
    return ("NaN",) if is_nan(value) else value


def mostly(bad: int, rows: int, share: float = 1) -> Judged:
    return Fraction(rows - bad) >= Fraction(str(share)) * rows, bad


def inside(value: Any, low: Any, high: Any, strict_min: bool = False, strict_max: bool = False) -> bool:
    above = low is None or (value > low if strict_min else value >= low)
    below = high is None or (value < high if strict_max else value <= high)
    return above and below


def of_rows(values: Sequence[Any], holds: Callable[[Any], bool], share: float = 1) -> Judged:
    present = [value for value in values if value is not None]
    return mostly(sum(not holds(value) for value in present), len(present), share)


def unique(values: Sequence[Any], share: float = 1) -> Judged:
    times = Counter(key(value) for value in values if value is not None)
    return mostly(sum(n for n in times.values() if n > 1), sum(times.values()), share)


def ordered(values: Sequence[Any], *, rising: bool, strictly: bool) -> Judged:
    present = [value for value in values if value is not None]
    bad = 0
    for before, after in pairwise(present):
        low, high = (before, after) if rising else (after, before)
        bad += not (low < high if strictly else low <= high)
    return mostly(bad, len(present))


def in_set(value: Any, allowed: Sequence[Any]) -> bool:
    return any(value == one for one in allowed)


def share(some: int, of: int) -> Fraction:
    return Fraction(some, of) if of else Fraction(0)


def figure(name: str, values: Sequence[Any]) -> Any:
    """None where there is none; NaN where the values have one."""
    present = [value for value in values if value is not None]
    if name in _COUNTS:
        return _COUNTS[name](present, values)
    if not present:
        return 0 if name == "sum" else None
    if any(is_nan(value) for value in present):
        return math.nan
    if name in ("min", "max"):
        return min(present) if name == "min" else max(present)
    of_floats = any(isinstance(value, float) for value in present)
    return _of_floats(name, present) if of_floats else _of_exact(name, [Fraction(value) for value in present])


_COUNTS: dict[str, Callable[[list[Any], Sequence[Any]], Any]] = {
    "unique_value_count": lambda present, _: len(set(map(key, present))),
    "proportion_of_unique_values": lambda present, _: (
        Fraction(len(set(map(key, present))), len(present)) if present else Fraction(0)
    ),
    "proportion_of_non_null_values": lambda present, values: Fraction(len(present), len(values)) if values else Fraction(0),
}


def _of_exact(name: str, exact: list[Fraction]) -> Any:
    match name:
        case "sum":
            return sum(exact)
        case "mean":
            return sum(exact) / len(exact)
        case "median":
            return statistics.median(exact)
    if len(exact) < 2:
        return None
    return Fraction(math.isqrt(int(statistics.variance(exact) * 10**60)), 10**30)


def _of_floats(name: str, present: list[float]) -> Any:
    match name:
        case "median":
            return statistics.median(present)
        case "sum" | "mean":
            total = _sum(present)
            return total if name == "sum" else total / len(present)
    if len(present) < 2:
        return None
    return math.nan if any(math.isinf(value) for value in present) else statistics.stdev(present)


def _sum(present: list[float]) -> float:
    try:
        return math.fsum(present)
    except (ValueError, OverflowError):
        return sum(present)


def modes(values: Sequence[Any]) -> list[Any]:
    times = Counter(key(value) for value in values if value is not None)
    return [value for value, n in times.items() if n == max(times.values())]


def matches(expression: str) -> Callable[[str], bool]:
    return lambda text: re.search(expression, text) is not None


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        return False
    return True


def repeated_rows(rows: Sequence[tuple[Any, ...]]) -> Judged:
    """Rows with any value, of which none may stand twice; missing values are alike."""
    kept = [tuple(key(value) for value in row) for row in rows if any(value is not None for value in row)]
    times = Counter(kept)
    return mostly(sum(n for n in times.values() if n > 1), len(kept))
