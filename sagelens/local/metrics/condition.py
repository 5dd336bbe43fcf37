"""What a metric alarm watches for, and what it says of the datapoints that it got."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from sagelens.local.metrics.data import MetricData
from sagelens.local.metrics.queries import MetricStat, Queries, Query, Windows

__all__ = ["ALARM", "INSUFFICIENT_DATA", "OK", "OPERATORS", "Condition", "Datapoint"]

OK = "OK"
ALARM = "ALARM"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"

OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""What is compared, and how a reason says it."""

_EXTRA = 2
"""So many periods more than the evaluation periods are looked at, to get over missing data, as in CloudWatch's own examples.
CloudWatch says that the number depends on the period, and not how."""

_EVERY_MINUTE = 60
_EVERY_TEN_SECONDS = 10


@dataclass(frozen=True)
class Datapoint:
    """The value of one window that begins at `start`, from so many samples."""

    start: int
    value: float
    samples: float


@dataclass(frozen=True, kw_only=True)
class Condition:
    """`datapoints_to_alarm` of `evaluation_periods`: M out of N. `low_samples` is evaluate or ignore."""

    queries: Queries
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison_operator: str
    threshold: float
    treat_missing_data: str = "missing"
    low_samples: str = "evaluate"

    @property
    def watched(self) -> Query:
        return self.queries.returned[0]

    @property
    def period(self) -> int:
        return self.watched.period

    @property
    def interval(self) -> int:
        """It is evaluated every so many seconds, at whole multiples of them."""
        return _EVERY_TEN_SECONDS if self.period < _EVERY_MINUTE else _EVERY_MINUTE

    @property
    def range(self) -> int:
        """The evaluation range: how many periods are looked at."""
        return self.evaluation_periods + _EXTRA

    def breached_by(self, datapoint: Datapoint) -> bool:
        breaches, _ = OPERATORS[self.comparison_operator]
        return breaches(datapoint.value, self.threshold)

    def datapoints(self, data: MetricData, end: int) -> list[Datapoint | None]:
        """Those of the evaluation range, oldest first, None where one is missing. The newest window ends at `end`."""
        windows = Windows(end - self.range * self.period, self.period, self.range)
        source = self.watched.source
        if isinstance(source, MetricStat):
            summaries = source.summaries(data, windows)
            points = source.points(summaries)
            samples = {start: summary.count for start, summary in summaries.items()}
        else:
            points = self.queries.answer(data, lambda _: windows)[self.watched.id]
            samples = {}
        return [Datapoint(start, points[start], samples.get(start, 0.0)) if start in points else None for start in windows.starts]
