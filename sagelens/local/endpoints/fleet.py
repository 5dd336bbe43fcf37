"""Fleets: the servers of each variant, replaced when they die, drained before they are stopped."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sagelens.errors import SagelensError
from sagelens.local.endpoints.http import Answer, Unreachable
from sagelens.local.endpoints.server import NotHealthy, Server, Servers
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import ApiError, Document

__all__ = ["Fleet", "Instance", "NotProvisioned", "VariantFleet"]

_log = logging.getLogger(__name__)

_STEADY = 30.0
"""A server that lived this long, in seconds, is replaced at once when it dies; others with growing pauses."""
_LONGEST_PAUSE = 30.0
_LONGEST_DRAIN = 65.0
"""A request may take 60 seconds."""
_SUSPENSION = 0.1
_START_ERRORS = (NotHealthy, ApiError, SagelensError, OSError)


class NotProvisioned(Exception):
    """A fleet could not be started; says which variant, and why."""


class Instance:
    """One place in a fleet: a server at most, and the requests that it is answering."""

    def __init__(self) -> None:
        self.id = f"i-{secrets.token_hex(9)[:17]}"
        self.server: Server | None = None
        self.live = False
        self.outstanding = 0

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> Answer:  # noqa: ASYNC109  passed on
        if self.server is None:
            raise Unreachable(f"instance {self.id} has no server")
        self.outstanding += 1
        try:
            return await self.server.client.request(head, body, timeout=timeout)
        finally:
            self.outstanding -= 1


class VariantFleet:
    """As many servers of one model as the variant asks for."""

    def __init__(self, variant: Variant, model: Document, servers: Servers, logs: Path) -> None:
        self.variant = variant
        self._model = model
        self._servers = servers
        self._logs = logs
        self._instances = [Instance() for _ in range(variant.count)]
        self._available = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._next = 0

    @property
    def ready(self) -> int:
        return sum(instance.live for instance in self._instances)

    @property
    def instances(self) -> tuple[Instance, ...]:
        return tuple(self._instances)

    async def start(self) -> None:
        """All servers, at the same time; NotProvisioned as soon as one does not become healthy."""
        try:
            async with asyncio.TaskGroup() as group:
                for instance in self._instances:
                    group.create_task(self._start(instance))
        except* _START_ERRORS as errors:
            first = _first(errors)
            raise NotProvisioned(f"Variant '{self.variant.name}' with model '{self.variant.model}': {first}.") from first
        self._keepers = [asyncio.create_task(self._keep(instance)) for instance in self._instances]

    def revive(self) -> None:
        """Start the servers in the background and go on until they run: for a fleet that has served before."""
        self._keepers = [asyncio.create_task(self._keep(instance)) for instance in self._instances]

    def pick(self) -> Instance | None:
        """The live instance with the fewest requests under way, in turn among equals."""
        count = len(self._instances)
        best: Instance | None = None
        for offset in range(count):
            instance = self._instances[(self._next + offset) % count]
            if instance.live and (best is None or instance.outstanding < best.outstanding):
                best = instance
        self._next = (self._next + 1) % count
        return best

    async def available(self) -> None:
        """Wait until an instance is live."""
        await self._available.wait()

    def suspend(self, instance: Instance) -> None:
        """Leave out for a moment an instance that could not be reached."""
        self._set_live(instance, live=False)
        server = instance.server
        asyncio.get_running_loop().call_later(_SUSPENSION, self._resume, instance, server)

    async def drain(self) -> None:
        """Let the requests under way end, then stop every server."""
        until = time.monotonic() + _LONGEST_DRAIN
        while any(instance.outstanding for instance in self._instances) and time.monotonic() < until:  # noqa: ASYNC110  an event would cost each request something
            await asyncio.sleep(0.01)
        await self.stop()

    async def stop(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(self._stop(instance) for instance in self._instances))

    async def _start(self, instance: Instance) -> None:
        log = self._logs / self.variant.name / instance.id
        instance.server = await self._servers.start(self._model, log=log, within=self.variant.startup)
        self._set_live(instance, live=True)

    async def _stop(self, instance: Instance) -> None:
        self._set_live(instance, live=False)
        server, instance.server = instance.server, None
        if server is not None:
            await self._servers.stop(server)

    async def _keep(self, instance: Instance) -> None:
        """Replace the instance's server whenever it ends."""
        failures = 0
        while True:
            started = time.monotonic()
            if instance.server is not None:
                await asyncio.wait((instance.server.ended,))
                code = instance.server.ended.result()
                _log.warning("a server of model %s ended with exit code %s; it is replaced", self.variant.model, code)
                await self._stop(instance)
            failures = 0 if time.monotonic() - started > _STEADY else failures + 1
            if failures > 1:
                await asyncio.sleep(min(0.1 * 2.0 ** (failures - 2), _LONGEST_PAUSE))
            try:
                await self._start(instance)
            except _START_ERRORS as error:
                _log.warning("a server of model %s was not replaced: %s", self.variant.model, error)

    def _set_live(self, instance: Instance, *, live: bool) -> None:
        instance.live = live
        if self.ready:
            self._available.set()
        else:
            self._available.clear()

    def _resume(self, instance: Instance, server: Server | None) -> None:
        if server is not None and instance.server is server and not server.ended.done():
            self._set_live(instance, live=True)


class Fleet:
    """The servers of one endpoint configuration."""

    def __init__(self, variants: Iterable[Variant], model: Callable[[str], Document], servers: Servers, logs: Path) -> None:
        self.by_variant: Mapping[str, VariantFleet] = {
            variant.name: VariantFleet(variant, model(variant.model), servers, logs) for variant in variants
        }

    async def start(self) -> None:
        """NotProvisioned when one variant's servers do not become healthy; what was started is still to be stopped."""
        try:
            async with asyncio.TaskGroup() as group:
                for fleet in self.by_variant.values():
                    group.create_task(fleet.start())
        except* NotProvisioned as errors:
            raise _first(errors) from None

    def revive(self) -> None:
        for fleet in self.by_variant.values():
            fleet.revive()

    async def drain(self) -> None:
        await asyncio.gather(*(fleet.drain() for fleet in self.by_variant.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(fleet.stop() for fleet in self.by_variant.values()))


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
