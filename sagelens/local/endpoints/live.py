"""The loop that carries out a deployment on an endpoint's fleets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from sagelens.errors import SagelensError
from sagelens.local.endpoints.deployment import Deployment, Event, Outcome, Stage, advance
from sagelens.local.endpoints.fleet import Fleet, NotProvisioned
from sagelens.local.endpoints.record import Rollout
from sagelens.local.endpoints.router import Router
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import ApiError, Clock

__all__ = ["Live"]

MakeFleet = Callable[[tuple[Variant, ...]], Fleet]
"""A fleet for these variants; ApiError when a model is gone."""


class Live:
    """The fleets of one endpoint: `blue` serves, `green` is on its way."""

    def __init__(self, make_fleet: MakeFleet, clock: Clock) -> None:
        self.router = Router()
        self.blue: Fleet | None = None
        self.green: Fleet | None = None
        self.task: asyncio.Task[None] | None = None
        self._make_fleet = make_fleet
        self._clock = clock

    def serve(self, variants: tuple[Variant, ...]) -> None:
        """Bring back a fleet that has served before; requests wait until its servers run."""
        self.blue = self._make_fleet(variants)
        self.blue.revive()
        self.router.point([(self.blue, 1.0)])

    async def roll_out(self, rollout: Rollout, record: Callable[[Rollout], None]) -> None:
        """Carry a deployment to its end. Every change is recorded before its effect begins."""
        while not rollout.deployment.stage.final:
            event = await self._effect(rollout)
            deployment = advance(rollout.deployment, event)
            rollout = replace(rollout, deployment=deployment, since=self._clock.time())
            self._settle(deployment.stage)
            record(rollout)

    async def abandon(self) -> bool:
        """Give up on green, whatever became of it; whether blue serves."""
        green, self.green = self.green, None
        self.router.point([(self.blue, 1.0)] if self.blue else [])
        if green is not None:
            await green.stop()
        return self.blue is not None

    async def retire(self) -> None:
        """Take no more requests, answer those under way, stop every server."""
        self.router.point([])
        await asyncio.gather(*(fleet.drain() for fleet in (self.blue, self.green) if fleet))
        self.blue = self.green = None

    async def close(self) -> None:
        """Stop at once; what was under way is taken up again by the next service."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait((self.task,))
        self.router.point([])
        await asyncio.gather(*(fleet.stop() for fleet in (self.blue, self.green) if fleet))
        self.blue = self.green = None

    async def _effect(self, rollout: Rollout) -> Event:
        """Do what a stage is for; how that ended."""
        deployment = rollout.deployment
        match deployment.stage:
            case Stage.PROVISIONING:
                return await self._within_time(rollout, self._provision(rollout.variants))
            case Stage.SHIFTING:
                return self._shift(deployment.shift.share)
            case Stage.BAKING:
                return await self._within_time(rollout, self._bake(deployment))
            case Stage.RETURNING:
                return self._shift(0.0)
            case Stage.RETIRING:
                return await self._drain(self.blue)
            case Stage.REMOVING:
                return await self._drain(self.green)
        raise ValueError(f"Stage {deployment.stage} has no effect.")

    async def _provision(self, variants: tuple[Variant, ...]) -> Event:
        try:
            self.green = self._make_fleet(variants)
            await self.green.start()
        except (NotProvisioned, ApiError, SagelensError) as error:
            return Event(Outcome.FAILED, str(error))
        return Event(Outcome.READY)

    def _shift(self, share: float) -> Event:
        fleets = ((self.blue, 1.0 - share), (self.green, share))
        self.router.point([(fleet, part) for fleet, part in fleets if fleet])
        return Event(Outcome.SHIFTED)

    async def _bake(self, deployment: Deployment) -> Event:
        if deployment.shift.wait:
            await self._clock.sleep(deployment.shift.wait)
        return Event(Outcome.OVER)

    @staticmethod
    async def _drain(fleet: Fleet | None) -> Event:
        if fleet is not None:
            await fleet.drain()
        return Event(Outcome.DRAINED)

    async def _within_time(self, rollout: Rollout, effect: Coroutine[Any, Any, Event]) -> Event:
        """The effect's event, or TRIPPED when the deployment's time runs out first."""
        if rollout.timeout is None:
            return await effect
        working = asyncio.ensure_future(effect)
        over = asyncio.ensure_future(self._clock.sleep(rollout.started + rollout.timeout - self._clock.time()))
        try:
            await asyncio.wait((working, over), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            return Event(Outcome.TRIPPED, f"MaximumExecutionTimeoutInSeconds of {rollout.timeout:g} seconds exceeded.")
        finally:
            for task in (working, over):
                task.cancel()
            await asyncio.wait((working, over))

    def _settle(self, stage: Stage) -> None:
        if stage is Stage.LANDED:
            self.blue, self.green = self.green, None
        elif stage.final:
            self.green = None
