"""Waiting on the clock of whoever answers: SageMaker's, or that of a local service which runs faster.

Every answer carries the HTTP header `Date`. Durations and limits are counted in that clock's seconds; how fast it runs against
the wall's is estimated from the answers, and decides only how long to sleep between them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["Pace"]

_WINDOW = 30.0
"""Seconds on the wall over which the pace is estimated: a driven clock may stand still and then leap."""


class Pace:
    """Polls come at a tenth of the time waited so far: at most `longest` clock seconds apart, at least `shortest` on the wall."""

    def __init__(
        self,
        *,
        shortest: float = 0.02,
        longest: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._shortest = shortest
        self._longest = longest
        self._sleep = sleep
        self._now = now
        self._wall = wall
        self._heard: deque[tuple[float, float]] = deque()

    def heard(self, answer: Mapping[str, Any]) -> None:
        """Take note of an answer's Date; answers without one are passed over."""
        stated = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if not stated:
            return
        now = self._now()
        self._heard.append((now, parsedate_to_datetime(stated).timestamp()))
        while len(self._heard) > 2 and now - self._heard[0][0] > _WINDOW:
            self._heard.popleft()

    def time(self) -> float:
        """Seconds since the epoch on the answering clock, as last heard; the wall's before anything was."""
        return self._heard[-1][1] if self._heard else self._wall()

    @property
    def rate(self) -> float:
        """How many of the clock's seconds pass in one of the wall's. Dates are in whole seconds: 1 holds until they deny it."""
        if len(self._heard) < 2:
            return 1.0
        (first, earlier), (last, later) = self._heard[0], self._heard[-1]
        passed, ticked = last - first, later - earlier
        if abs(passed - ticked) <= 1 or passed <= 0:
            return 1.0
        return float(ticked / passed) or 1.0

    def until(self, done: Callable[[], bool], *, timeout: float) -> bool:
        """Poll until it is done; whether that was before `timeout` clock seconds were up."""
        finished = done()
        began, started = self._now(), self.time()
        while not finished:
            waited = self.time() - started
            if waited >= timeout:
                return False
            self._rest(max(waited, (self._now() - began) * self.rate) / 10, timeout - waited)
            finished = done()
        return True

    def _rest(self, seconds: float, remaining: float) -> None:
        wall = min(seconds, self._longest, remaining) / self.rate
        self._sleep(min(max(wall, self._shortest), self._longest))
