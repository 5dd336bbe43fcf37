"""What is kept of the observations of one moment: enough for every statistic, in bounded space."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, exp, inf, log
from operator import mul

__all__ = ["RELATIVE_ERROR", "Summary"]

RELATIVE_ERROR = 0.01
"""How far a percentile may be from the value observed, as a share of it, once more distinct values came than are kept."""

_MOST_DISTINCT = 128
_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = log(_GROWTH)
_CENTRE = 2 / (_GROWTH + 1)


@dataclass(slots=True)
class Summary:
    """Count, sum, extremes and a histogram. `values` counts observations by value; past some distinct ones, neighbours share the
    middle of a bin of logarithmic width. `whole` is false once a statistic set came in, of which only the sums are known."""

    count: float = 0.0
    total: float = 0.0
    minimum: float = inf
    maximum: float = -inf
    values: dict[float, float] = field(default_factory=dict)
    whole: bool = True
    limit: int = _MOST_DISTINCT

    def add(self, value: float, times: float = 1.0) -> None:
        self.count += times
        self.total += value * times
        self.minimum, self.maximum = min(self.minimum, value), max(self.maximum, value)
        self._tally({value: times})

    def add_counted(self, values: Sequence[float], counts: Sequence[float]) -> None:
        """Add so many observations of each; at least one is given."""
        tally: defaultdict[float, float] = defaultdict(float)
        for value, times in zip(values, counts, strict=True):
            tally[value] += times
        self.count += sum(counts)
        self.total += sum(map(mul, values, counts))
        self.minimum, self.maximum = min(self.minimum, *values), max(self.maximum, *values)
        self._tally(tally)

    def add_all(self, values: Sequence[float]) -> None:
        """Add one observation of each; at least one is given."""
        self.count += len(values)
        self.total += sum(values)
        self.minimum, self.maximum = min(self.minimum, *values), max(self.maximum, *values)
        self._tally(Counter(values))

    def add_set(self, count: float, total: float, minimum: float, maximum: float) -> None:
        """Add a statistic set. One of a single value, `minimum` = `maximum`, tells as much as its observations would."""
        if minimum == maximum or count == 1:
            self.add(minimum, count)
            return
        self.count += count
        self.total += total
        self.minimum, self.maximum = min(self.minimum, minimum), max(self.maximum, maximum)
        self.whole = False

    def merge(self, other: Summary) -> None:
        self.count += other.count
        self.total += other.total
        self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        self.whole = self.whole and other.whole
        self._tally(other.values)

    def compress(self) -> None:
        """Put neighbouring values together. What was put together stays as it is when this is done again."""
        bins: defaultdict[tuple[int, bool], float] = defaultdict(float)
        zeros = 0.0
        for value, times in self.values.items():
            if value:
                bins[ceil(log(abs(value)) / _LOG_GROWTH - 1e-9), value < 0] += times
            else:
                zeros += times
        self.values = {_centre(number, negative=negative): times for (number, negative), times in bins.items()}
        if zeros:
            self.values[0.0] = zeros
        self.limit = max(_MOST_DISTINCT, 2 * len(self.values))

    def percentile(self, percent: float) -> float | None:
        """The smallest value that `percent` of the observations do not exceed; None where that cannot be known."""
        if not self.count or not self.whole:
            return None
        if percent in {0, 100}:
            return self.maximum if percent else self.minimum
        rank, seen = self.count * percent / 100, 0.0
        for value in sorted(self.values):
            seen += self.values[value]
            if seen >= rank * (1 - 1e-12):
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def _tally(self, counts: Mapping[float, float]) -> None:
        for value, times in counts.items():
            self.values[value] = self.values.get(value, 0.0) + times
        if len(self.values) > self.limit:
            self.compress()


def _centre(number: int, *, negative: bool) -> float:
    """The middle of a bin: no value in it is further from it than the relative error."""
    centre = _CENTRE * exp(number * _LOG_GROWTH)
    return -centre if negative else centre
