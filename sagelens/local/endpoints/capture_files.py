"""Writes captured requests into the object store: in batches, in a thread, off the way of requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from sagelens.local.endpoints.capture import Capture, Captured, CaptureSettings, line, path_for
from sagelens.local.ports import ApiError, Clock, Document, Objects

__all__ = ["CaptureFiles"]

_log = logging.getLogger(__name__)

_PAUSE = 2.0
"""Seconds of the wall from a request to its file."""
_MOST_BYTES = 64 * 1024 * 1024
"""Kept in memory at a time, for all endpoints; what comes meanwhile is not captured."""


@dataclass(eq=False)
class _Batch:
    endpoint: str
    variant: str
    settings: CaptureSettings
    events: list[Captured] = field(default_factory=list)


class CaptureFiles:
    """One for the service. `close` writes what is left."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock
        self._batches: dict[tuple[str, str, CaptureSettings], _Batch] = {}
        self._bytes = 0
        self._dropped = 0
        self._writing: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    def capture(self, endpoint: str, variant: str, config: Document | None) -> Capture | None:
        """Captures for one variant; None where the DataCaptureConfig is missing or switched off."""
        settings = CaptureSettings.of(config)
        if settings is None:
            return None
        batch = _Batch(endpoint, variant, settings)
        return Capture(settings, lambda captured: self._add(batch, captured), self._clock.time)

    async def close(self) -> None:
        """Write what was captured and not written yet."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait((self._writing,))
        await self._flush()

    def _add(self, batch: _Batch, captured: Captured) -> None:
        if self._bytes + captured.size > _MOST_BYTES:
            self._dropped += 1
            return
        self._bytes += captured.size
        kept = self._batches.setdefault((batch.endpoint, batch.variant, batch.settings), batch)
        kept.events.append(captured)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._soon())

    async def _soon(self) -> None:
        while self._batches:
            await asyncio.sleep(_PAUSE)
            await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        async with self._one_at_a_time:
            await self._write_all()

    async def _write_all(self) -> None:
        batches, self._batches = list(self._batches.values()), {}
        ready = [_Batch(batch.endpoint, batch.variant, batch.settings, batch.events) for batch in batches]
        for batch in batches:
            batch.events = []
        if self._dropped:
            _log.warning("%d requests were not captured: more came than could be written", self._dropped)
            self._dropped = 0
        try:
            await asyncio.to_thread(self._write, ready)
        finally:
            self._bytes -= sum(captured.size for batch in ready for captured in batch.events)

    def _write(self, batches: Iterable[_Batch]) -> None:
        for batch in batches:
            for _, events in groupby(batch.events, key=lambda captured: int(captured.moment // 3600)):
                try:
                    self._write_file(batch, list(events))
                except (OSError, ApiError) as error:
                    _log.warning("captured requests of endpoint %s were not written: %s", batch.endpoint, error)

    def _write_file(self, batch: _Batch, events: list[Captured]) -> None:
        place = path_for(batch.endpoint, batch.variant, events[0].moment)
        path: Path = self._objects.path(f"{batch.settings.destination}/{place}")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(b"".join(line(captured, batch.settings) for captured in events))
        partial.replace(path)
