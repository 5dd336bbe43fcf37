"""The observations of one metric: by the second while they are fresh, by the minute afterwards, then forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from sagelens.local.metrics.summary import Summary

__all__ = ["AHEAD", "BY_SECOND", "KEPT", "Series"]

BY_SECOND = 15 * 60
"""For so many seconds observations are kept by the second."""

KEPT = 3 * 3600
"""So many seconds are they kept at all."""


AHEAD = 2 * 3600
"""So many seconds ahead of the clock may they be."""


class Series:
    """Moments are whole seconds since the epoch. `fed` is the clock's second at which an observation last came in; the minutes
    for which any came in are added to `touched`."""

    def __init__(self, touched: set[int]) -> None:
        self.fed = 0
        self._touched = touched
        self._seconds: dict[int, Summary] = {}
        self._minutes: dict[int, Summary] = {}
        self._whole: dict[int, Summary] = {}
        self._rolled = 0
        self._open: Summary | None = None

    def at(self, moment: int) -> Summary:
        """Where an observation of that second is to be added."""
        minute = moment - moment % 60
        self._touched.add(minute)
        self._whole.pop(minute, None)
        if moment < self._rolled:
            return self._minutes.setdefault(minute, Summary())
        summary = self._seconds.get(moment)
        if summary is None:
            if self._open is not None:
                self._open.compress()
            summary = self._open = self._seconds[moment] = Summary()
        return summary

    def roll(self, now: int) -> bool:
        """Put what is older than 15 minutes together by the minute, and forget what is older than three hours; whether
        anything is left."""
        self._rolled = (now - BY_SECOND) // 60 * 60
        for moment in sorted(moment for moment in self._seconds if moment < self._rolled):
            self._minutes.setdefault(moment - moment % 60, Summary()).merge(self._seconds.pop(moment))
        self._whole = {minute: summary for minute, summary in self._whole.items() if minute >= self._rolled}
        for moment in [moment for moment in self._minutes if moment < now - KEPT]:
            del self._minutes[moment]
        return bool(self._seconds or self._minutes)

    def between(self, start: int, end: int) -> Iterator[tuple[int, Summary]]:
        """What was observed from `start` on and before `end`."""
        yield from ((moment, summary) for moment, summary in self._minutes.items() if start <= moment < end)
        if end - start > len(self._seconds):
            yield from ((moment, summary) for moment, summary in self._seconds.items() if start <= moment < end)
            return
        for moment in range(start, end):
            if moment in self._seconds:
                yield moment, self._seconds[moment]

    def minutes(self, start: int, end: int) -> Iterator[tuple[int, Summary]]:
        """The same by the minute, where `start` and `end` are whole ones. A minute is summed up once and kept so: alarms look at
        the same minutes again and again."""
        if (end - start) // 60 > len(self._seconds) + len(self._minutes):
            yield from self.between(start, end)
            return
        for minute in range(start, end, 60):
            summary = self._minutes.get(minute) or self._whole.get(minute)
            if summary is None:
                summary = self._whole[minute] = Summary()
                for _, second in self.between(minute, minute + 60):
                    summary.merge(second)
            if summary.count:
                yield minute, summary
