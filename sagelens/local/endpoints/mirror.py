"""Shadow traffic: copies of requests to a variant whose answers nobody gets."""

from __future__ import annotations

import asyncio
from time import perf_counter

from sagelens.local.endpoints.http import Broken, Unreachable
from sagelens.local.endpoints.variant_fleet import VariantFleet

__all__ = ["MOST_BYTES", "MOST_COPIES", "Mirror"]

MOST_COPIES = 64
"""Copies of one endpoint under way at a time; what comes meanwhile is not copied."""
MOST_BYTES = 64 * 1024 * 1024
_TIMEOUT = 60.0


class Mirror:
    """Copies a part of the requests, between 0 and 1, to the shadow fleet once they are answered."""

    def __init__(self, fleet: VariantFleet, part: float) -> None:
        self.fleet = fleet
        self.part = part
        self.skipped = 0
        """Requests that were due but not copied: too many under way, or no server."""
        self._credit = 0.0
        self._bytes = 0
        self._under_way: set[asyncio.Task[None]] = set()

    def offer(self, head: bytes, body: bytes) -> None:
        """Copy the request if its turn has come. Costs the caller nothing, and never fails it."""
        self._credit += self.part
        if self._credit < 1.0 - 1e-9:
            return
        self._credit -= 1.0
        if len(self._under_way) >= MOST_COPIES or self._bytes + len(body) > MOST_BYTES:
            self.skipped += 1
            return
        self._bytes += len(body)
        task = asyncio.create_task(self._copy(head, body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _copy(self, head: bytes, body: bytes) -> None:
        try:
            instance = self.fleet.pick()
            if instance is None:
                self.skipped += 1
                return
            asked = perf_counter()
            try:
                answer = await instance.request(head, body, timeout=_TIMEOUT)
            except Unreachable:
                self.fleet.suspend(instance)
                self.skipped += 1
            except (Broken, TimeoutError):
                instance.meter.took(0, perf_counter() - asked, 0.0)
            else:
                instance.meter.took(answer.status, perf_counter() - asked, 0.0)
                if self.fleet.capture is not None:
                    self.fleet.capture.take(head, body, answer)
        finally:
            self._bytes -= len(body)
