"""What is on its way to rclone: whether nothing has been for a while, and how to hold what comes until rclone was replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sagelens.local.objects.keys import Asked

__all__ = ["Traffic"]

_FORGOTTEN = 3600.0
"""Seconds after which nobody comes back to an upload in parts that was begun, and not ended. rclone knows its parts, and would
lose them."""


class Traffic:
    """Of requests that are handed on to rclone."""

    def __init__(self) -> None:
        self._on_their_way = 0
        self._last = time.monotonic()
        self._uploads = 0
        self._last_part = -_FORGOTTEN
        self._some = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def one(self, asked: Asked) -> AsyncIterator[None]:
        """While a request is on its way; waits while requests are held."""
        while not self._open.is_set():
            await self._open.wait()
        self._on_their_way += 1
        self._count_uploads(asked)
        try:
            yield
        finally:
            self._on_their_way -= 1
            self._last = time.monotonic()
            self._some.set()

    async def rest(self, seconds: float) -> float:
        """Wait until there was something, and then nothing for so long. Gives the moment of the last, for `held`."""
        await self._some.wait()
        while True:
            missing = self._rests_at(seconds) - time.monotonic()
            if missing <= 0 and not self._on_their_way:
                self._some.clear()
                return self._last
            await asyncio.sleep(min(max(missing, seconds / 10), seconds))

    @asynccontextmanager
    async def held(self, since: float) -> AsyncIterator[bool]:
        """Hold what comes meanwhile. False, and nothing is held, where something has come after `since`."""
        if self._on_their_way or self._last != since:
            yield False
            return
        self._open.clear()
        try:
            yield True
        finally:
            self._open.set()

    def _rests_at(self, seconds: float) -> float:
        return max(self._last + seconds, self._last_part + _FORGOTTEN if self._uploads else 0.0)

    def _count_uploads(self, asked: Asked) -> None:
        given = asked.parameters
        if asked.method == "POST" and "uploads" in given:
            self._uploads += 1
        elif asked.method in {"POST", "DELETE"} and "uploadId" in given:
            self._uploads = max(0, self._uploads - 1)
        elif "uploadId" not in given:
            return
        self._last_part = time.monotonic()
