"""Lets metrics survive the service: by the minute, written once a minute and when the service ends."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.series import AHEAD, KEPT
from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import Clock, Resource
from sagelens.local.store import Store

__all__ = ["Keeper"]

log = logging.getLogger(__name__)

_KIND = "MetricMinute"
_EVERY = 60.0
"""Seconds of the wall's: it is the disk that is spared, however fast the service's clock runs."""


class Keeper:
    def __init__(self, store: Store, data: MetricData, clock: Clock, *, place: str) -> None:
        self._store = store
        self._data = data
        self._clock = clock
        self._place = place
        self._task: asyncio.Task[None] | None = None

    def recover(self) -> None:
        """Take up what an earlier service kept, and begin to keep."""
        self._forget()
        for kept in self._store.query(_KIND):
            for row in kept.body["rows"]:
                try:
                    self._data.restore(int(kept.created), *_read(row))
                except (TypeError, ValueError):
                    log.exception(
                        "a metric of %s was kept in a way that is not understood, and is left out: %.200s", kept.name, row
                    )
        self._data.touched()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="metrics")

    async def close(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._keep()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self._keep()

    async def _keep(self) -> None:
        """Whatever cannot be kept does not end the keeping of the rest: a minute is tried again the next time."""
        for start in self._data.touched():
            try:
                self._write(start)
            except Exception:
                log.exception("metrics of minute %s could not be kept; a restart would lose them", start)
                self._data.touch(start)
            await asyncio.sleep(0)  # a fast clock has many minutes to write, and requests wait meanwhile
        try:
            self._forget()
        except sqlite3.Error:
            log.exception("metrics that are too old could not be forgotten")

    def _write(self, start: int) -> None:
        body = {"rows": [row for observed in self._data.minute(start) if _is_writable(row := _row(*observed))]}
        arn, now = f"{self._place}{start}", self._clock.time()
        with self._store.transaction():
            if self._store.find(arn) is None:
                kept = Resource(kind=_KIND, arn=arn, name=str(start), created=float(start), modified=now, body=body)
                self._store.insert(kept)
            else:
                self._store.update(arn, modified=now, body=body, replace=True)

    def _forget(self) -> None:
        """Whatever is older than metrics are kept, or lies ahead, since a faster clock ran before."""
        now = self._clock.time()
        with self._store.transaction():
            for old in self._store.query(_KIND, created_before=now - KEPT):
                self._store.delete(old.arn)
            for ahead in self._store.query(_KIND, created_after=now + AHEAD):
                self._store.delete(ahead.arn)


def _row(metric: MetricId, unit: str | None, summary: Summary) -> list[Any]:
    summary.compress()
    sums = [summary.count, summary.total, summary.minimum, summary.maximum, summary.whole]
    return [metric.namespace, metric.name, metric.dimensions, unit, sums, list(summary.values.items())]


def _is_writable(row: Sequence[Any]) -> bool:
    """Whether the names of a metric are text that a database takes. Requests with others are refused; this is for what is not a
    request's."""
    try:
        json.dumps(row[:4], ensure_ascii=False).encode()
    except (TypeError, ValueError):
        log.exception("a metric cannot be kept, and is left out: %.200r", row[:4])
        return False
    return True


def _read(row: Sequence[Any]) -> tuple[MetricId, str | None, Summary]:
    namespace, name, dimensions, unit, (count, total, minimum, maximum, whole), values = row
    metric = MetricId(namespace, name, tuple((key, value) for key, value in dimensions))
    summary = Summary(count=count, total=total, minimum=minimum, maximum=maximum, whole=whole, values=dict(map(tuple, values)))
    return metric, unit, summary
