"""A clock that stands still until a test moves it, so that hours pass in milliseconds and always in the same order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

__all__ = ["DrivenClock"]

_EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z: a whole hour, so that periods begin where a test expects them to."""

_MOST_TURNS = 10_000
_BLIND_TURNS = 100


class DrivenClock:
    """The service's clock in the hands of a test. Use it on one event loop.

        clock = DrivenClock()
        task = asyncio.create_task(deploy(clock))
        await clock.advance(600)                          # ten minutes pass
        waited = await clock.until(task.done, 8 * 3600)   # or as many as it takes, in seconds

    Sleepers wake in the order of their times, those of one time in the order in which they lay down. After each the loop runs
    until nothing on it is ready, so whatever a woken task starts happens at that task's time, further sleeps included.
    Threads, processes and sockets are not waited for: where those take part, use a ScaledClock.
    """

    label = "driven"

    def __init__(self, start: float = _EPOCH) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        """Seconds since the epoch, on this clock."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved by this many seconds; at once, but not before others had a turn, for none."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move the clock by this many seconds, waking on the way whoever sleeps until then.

        ValueError for a negative number; RuntimeError when the loop never comes to rest.
        """
        if seconds < 0:
            raise ValueError(f"A clock cannot be moved by {seconds} seconds: it only runs forward.")
        end = self._now + seconds
        await _settle()
        while (due := self._due()) is not None and due <= end:
            await self._wake()
        self._now = end

    async def until(self, predicate: Callable[[], object], limit: float) -> float:
        """Move the clock from sleeper to sleeper until `predicate()` holds; return the seconds that took.

        TimeoutError when it does not hold after `limit` seconds, or when nobody sleeps any longer.
        """
        start, end = self._now, self._now + limit
        await _settle()
        while not predicate():
            due = self._due()
            if due is None:
                raise TimeoutError(f"After {self._now - start:g} s nobody sleeps on the clock, and the condition does not hold.")
            if due > end:
                self._now = end
                raise TimeoutError(f"The condition does not hold after {limit:g} s of the clock.")
            await self._wake()
        return self._now - start

    def _due(self) -> float | None:
        """When the next sleeper wakes; those that were cancelled are forgotten."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def _wake(self) -> None:
        due, _, woken = heapq.heappop(self._sleepers)
        self._now = max(self._now, due)
        woken.set_result(None)
        await _settle()


async def _settle() -> None:
    """Let the loop run until only the caller is left."""
    # asyncio offers no question "is anything ready?"; its own loops keep that queue here, others get many turns instead.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    if ready is None:
        for _ in range(_BLIND_TURNS):
            await asyncio.sleep(0)
        return
    for _ in range(_MOST_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise RuntimeError(f"The event loop did not come to rest in {_MOST_TURNS} turns: a task keeps itself busy without sleeping.")
