"""The service's clock."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from sagelens.local.pace import pace

__all__ = ["ClockFile", "ScaledClock"]


class ScaledClock:
    """Starts at `origin`, the wall's time unless given, and runs `scale` times as fast; 1 is the wall's own time."""

    def __init__(self, scale: float = 1.0, *, origin: float | None = None) -> None:
        if scale <= 0:
            raise ValueError(f"a clock cannot run at {scale} times the wall's pace; give a number above 0")
        self.scale = scale
        self.label = pace(scale)
        self._origin = time.time() if origin is None else origin
        self._started = time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch, on this clock."""
        if self.scale == 1.0:
            return time.time()
        return self._origin + (time.monotonic() - self._started) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait for this many of the clock's seconds."""
        await asyncio.sleep(max(seconds, 0.0) / self.scale)


class ClockFile:
    """Lets the next service's clock go on from the last one's, unless it is the wall's: what was kept must not lie in the future.

    A service that was stopped left the time at which that was. One that was killed could not; its clock is taken to have run on,
    so that whatever waited for a time waits no longer than it would have.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, scale: float) -> ScaledClock:
        last = self._last()
        if scale == 1.0:
            if last:
                self._write(last, scale, running=False)
            return ScaledClock(scale)
        clock = ScaledClock(scale, origin=max(time.time(), last))
        self._write(clock.time(), scale, running=True)
        return clock

    def stop(self, clock: ScaledClock) -> None:
        if clock.scale != 1.0:
            self._write(clock.time(), clock.scale, running=False)

    def _last(self) -> float:
        """The time to which the last clock that was not the wall's has come; 0 if there was none."""
        try:
            kept = json.loads(self._path.read_text())
            passed = (time.time() - kept["wall"]) * kept["scale"] if kept["running"] else 0.0
            return float(kept["clock"]) + max(passed, 0.0)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return 0.0

    def _write(self, clock: float, scale: float, *, running: bool) -> None:
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps({"clock": clock, "wall": time.time(), "scale": scale, "running": running}))
        partial.replace(self._path)
