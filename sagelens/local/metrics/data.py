"""All metrics: takes observations for next to nothing, and gives them summed up over any windows."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NamedTuple

from sagelens.local.metrics.series import KEPT, Series
from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import Clock

__all__ = ["MetricData", "MetricId"]

_BATCH = 500
"""So many observations wait to be summed up together: half a millisecond's work."""

_MOST_SERIES = 5_000


class MetricId(NamedTuple):
    """A metric; its dimensions in order of their names."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricId:
        return cls(namespace, name, tuple(sorted(dimensions.items())))


class MetricData:
    """In memory, and bounded: three hours of at most 5,000 series; of more, those that were not fed for longest are dropped.

    A series is a metric in one unit. What the service observes itself has no unit, and answers to any.
    """

    def __init__(self, clock: Clock) -> None:
        self._time = clock.time
        self._pending: list[tuple[str, str, Mapping[str, str], float, float]] = []
        self._series: dict[MetricId, dict[str | None, Series]] = {}
        self._count = 0
        self._number = count()
        self._aged: list[tuple[int, int, MetricId, str | None, Series]] = []
        self._minute = 0
        self._touched: set[int] = set()

    def record(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        """One observation, now on the service's clock. The dimensions must stay as they are: they are read later."""
        pending = self._pending
        pending.append((namespace, name, dimensions, value, self._time()))
        if len(pending) >= _BATCH:
            self._sum_up()

    def series(self, metric: MetricId, unit: str | None) -> Series:
        """Where observations of this metric in this unit go."""
        units = self._series.setdefault(metric, {})
        series = units.get(unit)
        if series is None:
            series = units[unit] = Series(self._touched)
            series.roll(int(self._time()))
            self._count += 1
            if self._count > _MOST_SERIES:
                self._drop_stalest()
            heapq.heappush(self._aged, (int(self._time()), next(self._number), metric, unit, series))
            if len(self._aged) > 2 * _MOST_SERIES:
                self._aged = [entry for entry in self._aged if self._is_kept(*entry[2:])]
                heapq.heapify(self._aged)
        return series

    def summaries(self, metric: MetricId, *, start: int, end: int, period: int, unit: str | None = None) -> dict[int, Summary]:
        """By the beginning of each window of `period` seconds from `start` on, what was observed in it before `end`.

        Windows without observations are left out.
        """
        self._catch_up()
        found: dict[int, Summary] = {}
        whole = start % 60 == 0 and end % 60 == 0 and period % 60 == 0
        for series in self._in_unit(metric, unit):
            for moment, summary in series.minutes(start, end) if whole else series.between(start, end):
                found.setdefault(moment - (moment - start) % period, Summary()).merge(summary)
        return found

    def units(self, metric: MetricId) -> set[str]:
        """The units in which it was put."""
        return {unit for unit in self._series.get(metric, {}) if unit is not None}

    def metrics(self) -> dict[MetricId, int]:
        """Every metric, with the second at which it was last fed."""
        self._catch_up()
        return {metric: max(series.fed for series in units.values()) for metric, units in self._series.items()}

    def touch(self, start: int) -> None:
        """Give the minute that begins then once more when it is asked which were touched."""
        self._touched.add(start)

    def touched(self) -> list[int]:
        """The minutes, by their first seconds, for which anything came in since this was asked last."""
        self._catch_up()
        minutes = sorted(self._touched)
        self._touched.clear()
        return minutes

    def minute(self, start: int) -> Iterator[tuple[MetricId, str | None, Summary]]:
        """Everything that was observed in the minute that begins then."""
        for metric, units in self._series.items():
            for unit, series in units.items():
                whole = Summary()
                for _, summary in series.between(start, start + 60):
                    whole.merge(summary)
                if whole.count:
                    yield metric, unit, whole

    def restore(self, start: int, metric: MetricId, unit: str | None, summary: Summary) -> None:
        """Take what `minute` gave in an earlier service."""
        series = self.series(metric, unit)
        series.fed = max(series.fed, start)
        series.at(start).merge(summary)

    def _in_unit(self, metric: MetricId, unit: str | None) -> Iterator[Series]:
        for kept, series in self._series.get(metric, {}).items():
            if unit is None or kept is None or kept == unit:
                yield series

    def _catch_up(self) -> None:
        self._sum_up()
        self._roll(int(self._time()))

    def _sum_up(self) -> None:
        pending = self._pending
        if not pending:
            return
        # The tuples hold on to the dimensions, so within a batch an object's id stands for them.
        known: dict[int, Mapping[str, str]] = {}
        groups: defaultdict[tuple[str, str, int, int], list[float]] = defaultdict(list)
        for namespace, name, dimensions, value, time in pending:
            known[id(dimensions)] = dimensions
            groups[namespace, name, id(dimensions), int(time)].append(value)
        for (namespace, name, identity, moment), values in groups.items():
            series = self.series(MetricId.of(namespace, name, known[identity]), None)
            series.fed = moment
            series.at(moment).add_all(values)
        pending.clear()
        self._roll(moment)

    def _roll(self, now: int) -> None:
        """Once in a minute of the clock."""
        if now // 60 == self._minute:
            return
        self._minute = now // 60
        for metric, units in list(self._series.items()):
            for unit, series in list(units.items()):
                if not series.roll(now) and series.fed < now - KEPT:
                    self._drop(metric, unit)

    def _drop_stalest(self) -> None:
        """`_aged` is a heap of all series, and some that were dropped, by when they were fed at the latest that it knows of."""
        aged = self._aged
        while aged:
            known, number, metric, unit, series = aged[0]
            if not self._is_kept(metric, unit, series):
                heapq.heappop(aged)
            elif series.fed > known:
                heapq.heapreplace(aged, (series.fed, number, metric, unit, series))
            else:
                heapq.heappop(aged)
                self._drop(metric, unit)
                return

    def _is_kept(self, metric: MetricId, unit: str | None, series: Series) -> bool:
        return self._series.get(metric, {}).get(unit) is series

    def _drop(self, metric: MetricId, unit: str | None) -> None:
        units = self._series[metric]
        del units[unit]
        self._count -= 1
        if not units:
            del self._series[metric]
