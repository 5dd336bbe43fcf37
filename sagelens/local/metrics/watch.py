"""Evaluates alarms when it is their time."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from sagelens.local.metrics.alarm import Alarm
from sagelens.local.metrics.book import AlarmBook
from sagelens.local.metrics.condition import Condition
from sagelens.local.metrics.data import MetricData
from sagelens.local.metrics.evaluation import evaluate
from sagelens.local.metrics.reasons import reason_data
from sagelens.local.ports import Clock

__all__ = ["Watch"]

log = logging.getLogger(__name__)

_TURN = 0.02
"""Seconds of evaluations in one turn of the loop."""


class Watch:
    """Alarms with a period below a minute are evaluated every ten seconds, others every minute, at whole multiples of these on
    the service's clock; one that falls behind makes up for nothing. While there is nothing to evaluate, nothing runs."""

    def __init__(self, book: AlarmBook, data: MetricData, clock: Clock) -> None:
        self._book = book
        self._data = data
        self._clock = clock
        self._interval = 0
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    def plan(self) -> None:
        """To be called on the loop whenever there are other alarms than before."""
        interval = min((alarm.check.interval for alarm in self._book if isinstance(alarm.check, Condition)), default=0)
        if interval == self._interval:
            return
        if self._task is None:
            self._last = self._clock.time()
        else:
            self._task.cancel()
        self._interval = interval
        self._task = asyncio.get_running_loop().create_task(self._run(interval), name="alarms") if interval else None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self, interval: int) -> None:
        while True:
            await self._clock.sleep(interval - self._clock.time() % interval)
            await self._evaluate_due()

    async def _evaluate_due(self) -> None:
        turn = time.monotonic()
        before, now = self._last, self._clock.time()
        self._last = now
        for name in [alarm.name for alarm in self._book]:
            alarm = self._book.get(name)  # as it is now: whoever was told of another one may have changed it
            if alarm is None or not isinstance(alarm.check, Condition):
                continue
            if now // alarm.check.interval > before // alarm.check.interval:
                try:
                    self._evaluate(alarm, alarm.check, now)
                except Exception:  # one alarm must not keep the others from being evaluated
                    log.exception("alarm %s could not be evaluated", name)
            if time.monotonic() - turn > _TURN:  # many alarms must not keep requests from being answered
                await asyncio.sleep(0)
                turn = time.monotonic()

    def _evaluate(self, alarm: Alarm, condition: Condition, now: float) -> None:
        datapoints = condition.datapoints(self._data, int(now // condition.interval * condition.interval))
        verdict = evaluate(condition, datapoints)
        if verdict is not None and verdict.state != alarm.state:
            self._book.set_state(alarm.name, verdict.state, verdict.reason, reason_data(condition, datapoints, now))
