"""The servers of one variant: started, replaced when they are lost, drained before they are stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.errors import SagelensError
from sagelens.local.endpoints.instance import Health, Instance, Recipe
from sagelens.local.endpoints.server import NotHealthy, Server, Servers
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import ApiError

if TYPE_CHECKING:
    from sagelens.local.endpoints.capture import Capture

__all__ = ["NotProvisioned", "VariantFleet", "first_of"]

_log = logging.getLogger(__name__)

_STEADY = 30.0
"""A server that lived this long, in seconds, is replaced at once when it is lost; others with growing pauses."""
_LONGEST_PAUSE = 30.0
_LONGEST_DRAIN = 65.0
"""A request may take 60 seconds."""
_SUSPENSION = 0.1
_START_ERRORS = (NotHealthy, ApiError, SagelensError, OSError)


class NotProvisioned(Exception):
    """Servers could not be started; says of which variant, and why."""


class VariantFleet:
    """Servers of one variant. After a rollback that failed they come from two configurations: hence several recipes."""

    def __init__(self, recipes: Sequence[Recipe], servers: Servers, logs: Path, health: Health) -> None:
        variant = recipes[0].variant
        self.name = variant.name
        self.weight = variant.weight
        self.shadow = variant.shadow
        self.meter = recipes[0].meter
        self.capture: Capture | None = None
        self._recipes = list(recipes)
        self._servers = servers
        self._logs = logs / variant.name
        self._health = health
        self._instances: list[Instance] = []
        self._limit: int | None = None
        self._taking: list[Instance] = []
        self._next = 0
        self._changed = asyncio.Event()
        self._leaving: set[Instance] = set()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> int:
        return sum(instance.live for instance in self._instances)

    @property
    def taking(self) -> int:
        """Servers that take traffic."""
        return len(self._taking)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What runs, as variants: one for each configuration of which servers are there."""
        return tuple(recipe.variant for recipe in self._recipes if any(i.recipe is recipe for i in self._instances))

    def count(self, variant: Variant) -> int:
        return sum(instance.recipe.variant is variant for instance in self._instances)

    async def scale(self, count: int) -> None:
        """So many servers. Those that go take no more requests, answer what they have, and end, the last come first.

        NotProvisioned when a new one does not become healthy: then none of the new ones stays.
        """
        if count < len(self._instances):
            await self._dismiss(self._instances[count:])
            return
        fresh = [Instance(self._recipes[0]) for _ in range(count - len(self._instances))]
        self._instances += fresh
        try:
            await self._start_all(fresh)
        except BaseException:
            await self._dismiss(fresh)
            raise
        for instance in fresh:
            instance.keeper = asyncio.create_task(self._keep(instance))

    def revive(self) -> None:
        """Start every recipe's servers in the background, and go on until they run: for a fleet that has served before."""
        self._instances = [Instance(recipe) for recipe in self._recipes for _ in range(recipe.variant.count)]
        for instance in self._instances:
            instance.keeper = asyncio.create_task(self._keep(instance))

    def absorb(self, other: VariantFleet) -> None:
        """Take over another fleet's servers as they run."""
        for instance in other._instances:
            if instance.keeper is not None:
                instance.keeper.cancel()
            instance.keeper = asyncio.create_task(self._keep(instance))
        self._recipes += other._recipes
        self._instances += other._instances
        other._instances = []
        self.limit(None)

    def limit(self, count: int | None) -> None:
        """Let only so many servers take traffic; None for all."""
        self._limit = count
        self._refresh()

    def pick(self) -> Instance | None:
        """Of the servers that take traffic the one with the fewest requests under way, in turn among equals."""
        taking = self._taking
        count = len(taking)
        if count < 2:
            return taking[0] if taking else None
        self._next = start = (self._next + 1) % count
        best = taking[start]
        for place in range(start + 1 - count, start):
            instance = taking[place]
            if instance.outstanding < best.outstanding:
                best = instance
        return best

    async def changed(self) -> None:
        """Wait until another server takes traffic, or until someone stirs."""
        await self._changed.wait()

    def stir(self) -> None:
        """Wake whoever waits for a server, to choose anew."""
        self._changed.set()
        self._changed = asyncio.Event()

    def suspend(self, instance: Instance) -> None:
        """Leave out for a moment an instance that could not be reached."""
        self._set_live(instance, live=False)
        asyncio.get_running_loop().call_later(_SUSPENSION, self._resume, instance, instance.server)

    async def stop(self) -> None:
        """End every server at once, those included that are answering their last requests."""
        leaving, self._instances = [*self._instances, *self._leaving], []
        await _end_keepers(leaving)
        await asyncio.gather(*(self._stop(instance) for instance in leaving), *self._ending)

    async def _start_all(self, fresh: Iterable[Instance]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for instance in fresh:
                    group.create_task(self._start(instance))
        except* _START_ERRORS as errors:
            first = first_of(errors)
            model = self._recipes[0].variant.model
            raise NotProvisioned(f"Variant '{self.name}' with model '{model}': {first}.") from first

    async def _start(self, instance: Instance) -> None:
        recipe = instance.recipe
        variant = recipe.variant
        instance.server = await self._servers.start(
            recipe.model, log=self._logs / instance.id, within=variant.startup, instance_type=variant.instance_type
        )
        self._set_live(instance, live=True)

    async def _dismiss(self, leaving: Sequence[Instance]) -> None:
        """Let the instances answer what they have, then end them. That goes on if the caller is cancelled meanwhile."""
        leaving = list(leaving)
        self._instances = [instance for instance in self._instances if instance not in leaving]
        self._leaving.update(leaving)
        self._refresh()
        await asyncio.shield(self._unhurried(self._let_go(leaving)))

    async def _let_go(self, leaving: Sequence[Instance]) -> None:
        await _end_keepers(leaving)
        await _drained(leaving)
        await asyncio.gather(*(self._stop(instance) for instance in leaving))
        self._leaving.difference_update(leaving)

    def _unhurried(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that nobody cancels, so that no process is left behind; `stop` waits for it."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _stop(self, instance: Instance) -> None:
        """End an instance's server."""
        if (ending := self._release(instance)) is not None:
            await asyncio.shield(ending)

    def _release(self, instance: Instance) -> asyncio.Task[None] | None:
        """Take an instance's server out, and begin to end it."""
        self._set_live(instance, live=False)
        server, instance.server = instance.server, None
        return None if server is None else self._unhurried(self._servers.stop(server))

    async def _keep(self, instance: Instance) -> None:
        """Replace the instance's server whenever it is lost."""
        model = instance.recipe.variant.model
        failures = 0
        while True:
            started = time.monotonic()
            if instance.server is not None:
                why = await self._health.lost(instance, self._servers)
                _log.warning("a server of model %s %s; it is replaced", model, why)
                self._release(instance)
            failures = 0 if time.monotonic() - started > _STEADY else failures + 1
            if failures > 1:
                await asyncio.sleep(min(0.1 * 2.0 ** (failures - 2), _LONGEST_PAUSE))
            try:
                await self._start(instance)
            except _START_ERRORS as error:
                _log.warning("a server of model %s was not replaced: %s", model, error)

    def _set_live(self, instance: Instance, *, live: bool) -> None:
        instance.live = live
        self._refresh()

    def _refresh(self) -> None:
        self._taking = [instance for instance in self._instances if instance.live][: self._limit]
        if self._taking:
            self.stir()

    def _resume(self, instance: Instance, server: Server | None) -> None:
        if server is not None and instance.server is server and not server.ended.done():
            self._set_live(instance, live=True)


async def _end_keepers(instances: Iterable[Instance]) -> None:
    keepers = [instance.keeper for instance in instances if instance.keeper is not None]
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)


async def _drained(instances: Sequence[Instance]) -> None:
    until = time.monotonic() + _LONGEST_DRAIN
    while any(instance.outstanding for instance in instances) and time.monotonic() < until:  # noqa: ASYNC110  an event would cost each request something
        await asyncio.sleep(0.01)


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else error
