"""One process of a job: its time limit, and stopping it as SageMaker does, politely first."""

from __future__ import annotations

import asyncio

from sagelens.local.jobs.job import Exit
from sagelens.local.ports import Clock, Process

__all__ = ["GRACE", "Execution"]

GRACE = 120.0
"""Seconds, on the wall, between SIGTERM and SIGKILL."""


class Execution:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    async def run(self, process: Process, limit: float) -> Exit:
        """Run to the end, to the limit in seconds of the service's clock, or until `stop`."""
        ended = asyncio.ensure_future(process.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        expired = asyncio.ensure_future(self._clock.sleep(limit))
        try:
            await asyncio.wait((ended, stopped, expired), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return Exit(ended.result())
            code = await _end(process, ended)
            return Exit(code, stopped=stopped.done(), timed_out=not stopped.done())
        finally:
            stopped.cancel()
            expired.cancel()
            if not ended.done():
                process.kill()
                ended.cancel()


async def _end(process: Process, ended: asyncio.Future[int]) -> int:
    process.terminate()
    await asyncio.wait((ended,), timeout=GRACE)
    if not ended.done():
        process.kill()
    return await ended
