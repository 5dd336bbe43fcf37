"""The service's clock."""

from __future__ import annotations

import asyncio
import time

__all__ = ["ScaledClock"]


class ScaledClock:
    """Starts at the wall's time and runs `scale` times as fast; 1 is the wall's own pace."""

    def __init__(self, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError(f"a clock cannot run at {scale} times the wall's pace; give a number above 0")
        self.scale = scale
        self._origin = time.time()
        self._started = time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch, on this clock."""
        if self.scale == 1.0:
            return time.time()
        return self._origin + (time.monotonic() - self._started) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait for this many of the clock's seconds."""
        await asyncio.sleep(max(seconds, 0.0) / self.scale)
