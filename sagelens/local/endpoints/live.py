"""The fleets of one endpoint as they run, and which of them takes how much of the traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from sagelens.local.endpoints.deployment import Deployment
from sagelens.local.endpoints.fleet import Fleet
from sagelens.local.endpoints.mirror import Mirror
from sagelens.local.endpoints.router import Route, Router
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import Document

__all__ = ["Live", "MakeFleet"]

MakeFleet = Callable[[tuple[Variant, ...], Document | None], Fleet]
"""A fleet for these variants with this DataCaptureConfig; ApiError when a model is gone."""


class Live:
    """`blue` serves, `green` is on its way. `task` is the change that is under way."""

    def __init__(self, make_fleet: MakeFleet) -> None:
        self.router = Router()
        self.blue: Fleet | None = None
        self.green: Fleet | None = None
        self.task: asyncio.Task[None] | None = None
        self.make_fleet = make_fleet

    def serve(self, variants: tuple[Variant, ...], capture: Document | None) -> None:
        """Bring back a fleet that has served before; requests wait until its servers run."""
        self.blue = self.make_fleet(variants, capture)
        self.blue.revive()
        self.settle()

    def direct(self, deployment: Deployment) -> None:
        """Route as a deployment says: each fleet's part, over so many of its servers."""
        routes: list[Route] = []
        if self.blue is not None:
            routes += _routes(self.blue, lambda name: 1.0 - deployment.share.get(name, 0.0))
            for fleet in self.blue.production:
                fleet.limit(deployment.blue_active(fleet.name))
        if self.green is not None:
            routes += _routes(self.green, lambda name: deployment.share.get(name, 0.0))
            for fleet in self.green.production:
                fleet.limit(deployment.active.get(fleet.name, 0))
        moved = min(deployment.share.values(), default=0.0) >= 1.0
        self.router.point(routes, self._mirror(self.green if moved else self.blue))

    def settle(self) -> None:
        """All traffic to blue, over all of its servers."""
        if self.blue is None:
            self.router.point([])
            return
        for fleet in self.blue.production:
            fleet.limit(None)
        self.router.point(_routes(self.blue, lambda _: 1.0), self._mirror(self.blue))

    def reweigh(self, weights: Mapping[str, float]) -> None:
        """Split the traffic by new weights from now on."""
        if self.blue is not None:
            for name, weight in weights.items():
                self.blue.by_variant[name].weight = weight
        self.settle()

    def promote(self) -> None:
        """Green serves; blue's servers are gone."""
        self.blue, self.green = self.green, None
        self.settle()

    def merge(self) -> None:
        """Both fleets go on as one: what a rollback that failed leaves."""
        green, self.green = self.green, None
        if self.blue is not None and green is not None:
            self.blue.absorb(green)
        self.settle()

    async def abandon(self) -> bool:
        """Give up on green, whatever became of it; whether blue serves."""
        green, self.green = self.green, None
        self.settle()
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

    def _mirror(self, fleet: Fleet | None) -> Mirror | None:
        """The one in use if it is still right, so that what is under way goes on being counted."""
        if fleet is None or not fleet.shadows:
            return None
        (shadow,), total = fleet.shadows, sum(production.weight for production in fleet.production)
        part = min(1.0, shadow.weight / total) if total > 0 else 0.0
        used = self.router.mirror
        return used if used is not None and (used.fleet, used.part) == (shadow, part) else Mirror(shadow, part)


def _routes(fleet: Fleet, share: Callable[[str], float]) -> Iterable[Route]:
    """Weights are relative within a fleet: those of one configuration say nothing beside those of another."""
    total = sum(production.weight for production in fleet.production) or 1.0
    return [Route(production, share(production.name), production.weight / total) for production in fleet.production]
