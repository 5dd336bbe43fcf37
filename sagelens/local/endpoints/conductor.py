"""The loop that carries a deployment to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from sagelens.errors import SagelensError
from sagelens.local.endpoints.deployment import Event, Outcome, Stage, advance
from sagelens.local.endpoints.fleet import NotProvisioned
from sagelens.local.endpoints.live import Live
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.ports import Alarms, ApiError, Clock

__all__ = ["Conductor"]


class Conductor:
    """Carries out one deployment on an endpoint's fleets. Every state is recorded before its effect begins.

    Routing takes no time, so an alarm that rings while the new fleet bakes has all traffic back on the old one before the call
    that told of it returns.
    """

    def __init__(
        self, live: Live, rollout: Rollout, record: Callable[[Rollout], None], *, clock: Clock, alarms: Alarms | None
    ) -> None:
        self.rollout = rollout
        self._live = live
        self._record = record
        self._clock = clock
        self._alarms = alarms

    async def run(self) -> None:
        """Until the deployment has landed, was rolled back, has failed or is stranded."""
        while not self.rollout.deployment.stage.final:
            await self._effect()

    def _take(self, event: Event) -> None:
        """Go on to the next stage; one that only routes is done with at once."""
        deployment = advance(self.rollout.deployment, event)
        self.rollout = replace(self.rollout, deployment=deployment, since=self._clock.time())
        match deployment.stage:
            case Stage.LANDED:
                self._live.promote()
            case Stage.STRANDED:
                self._live.merge()
        self._record(self.rollout)
        if deployment.stage in (Stage.SHIFTING, Stage.RETURNING):
            target = deployment.target
            self._live.direct(replace(deployment, share=target.share, active=target.active))
            self._take(Event(Outcome.SHIFTED))

    async def _effect(self) -> None:
        """Do what the stage is for, and take how that ended."""
        deployment = self.rollout.deployment
        match deployment.stage:
            case Stage.PROVISIONING:
                self._take(await self._within_time(self._provision()))
            case Stage.BAKING:
                await self._bake()
            case Stage.RETIRING:
                self._take(await self._retire())
            case Stage.RESTORING:
                self._take(await self._restore())
            case Stage.REMOVING:
                self._take(await self._remove())
            case _:
                raise ValueError(f"Stage {deployment.stage} has no effect.")

    async def _provision(self) -> Event:
        live, rollout = self._live, self.rollout
        try:
            if live.green is None:
                live.green = live.make_fleet(rollout.variants, rollout.capture)
            await live.green.scale(rollout.deployment.target.green)
        except (NotProvisioned, ApiError, SagelensError) as error:
            return Event(Outcome.FAILED, str(error))
        return Event(Outcome.READY)

    async def _retire(self) -> Event:
        if self._live.blue is not None:
            await self._live.blue.scale(self.rollout.deployment.target.blue)
        return Event(Outcome.DRAINED)

    async def _restore(self) -> Event:
        assert self._live.blue is not None
        deployment = self.rollout.deployment
        try:
            await self._live.blue.scale(deployment.target.blue)
        except (NotProvisioned, ApiError, SagelensError) as error:
            return Event(Outcome.FAILED, f"{deployment.reason} The rollback failed as well: {error}".strip())
        return Event(Outcome.READY)

    async def _remove(self) -> Event:
        live, deployment = self._live, self.rollout.deployment
        if live.green is not None:
            await live.green.scale(deployment.target.green)
            if deployment.last:
                live.green = None
                live.settle()
        return Event(Outcome.DRAINED)

    async def _bake(self) -> None:
        """Wait and watch the alarms. One that is in ALARM already trips at once."""
        tripped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(name: str, state: str, reason: str) -> None:
            if state != "ALARM" or tripped.done():
                return
            tripped.set_result(None)
            self._take(Event(Outcome.TRIPPED, _rang(name, reason)))

        names = self.rollout.alarms
        unsubscribe = self._alarms.subscribe(names, told) if names and self._alarms is not None else None
        try:
            for name in names:
                told(name, *(self._state(name)))
            if not tripped.done():
                event = await self._within_time(self._wait(), tripped)
                if not tripped.done():
                    self._take(event)
        finally:
            if unsubscribe is not None:
                unsubscribe()

    def _state(self, name: str) -> tuple[str, str]:
        """An alarm that was deleted meanwhile cannot ring."""
        found = self._alarms.state(name) if self._alarms is not None else None
        return found or ("INSUFFICIENT_DATA", "")

    async def _wait(self) -> Event:
        if wait := self.rollout.deployment.target.wait:
            await self._clock.sleep(wait)
        return Event(Outcome.OVER)

    async def _within_time(self, effect: Coroutine[Any, Any, Event], tripped: asyncio.Future[None] | None = None) -> Event:
        """The effect's event, or TRIPPED when the deployment's time runs out first. Ended early by `tripped`."""
        rollout = self.rollout
        working = asyncio.ensure_future(effect)
        waited: set[asyncio.Future[Any]] = {working}
        over: asyncio.Future[None] | None = None
        if rollout.timeout is not None:
            over = asyncio.ensure_future(self._clock.sleep(rollout.started + rollout.timeout - self._clock.time()))
            waited.add(over)
        try:
            await asyncio.wait(waited | ({tripped} if tripped else set()), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            return Event(Outcome.TRIPPED, f"MaximumExecutionTimeoutInSeconds of {rollout.timeout or 0:g} seconds exceeded.")
        finally:
            for task in waited:
                task.cancel()
            await asyncio.wait(waited)


def _rang(name: str, reason: str) -> str:
    why = f": {reason}" if reason else ""
    return f"Alarm {name} is in ALARM{why.rstrip('.')}."
