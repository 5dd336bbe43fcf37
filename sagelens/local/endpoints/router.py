"""Which server answers a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

from sagelens.local.endpoints.http import Answer, Broken, Unreachable
from sagelens.local.endpoints.mirror import Mirror
from sagelens.local.endpoints.variant_fleet import VariantFleet
from sagelens.local.ports import ApiError

__all__ = ["REQUEST_TIMEOUT", "Route", "Routed", "Router"]

REQUEST_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Route:
    """A fleet takes this share of its variant's requests; its variant has this weight among all."""

    fleet: VariantFleet
    share: float
    weight: float


@dataclass(frozen=True, slots=True)
class Routed:
    answer: Answer
    variant: str
    instance: str


class _Wheel:
    """Takes fleets in turn so that any run of requests is split by weight as evenly as whole requests allow."""

    def __init__(self, weighted: Sequence[tuple[VariantFleet, float]]) -> None:
        positive = [(fleet, weight) for fleet, weight in weighted if weight > 0]
        self._weighted = positive or [(fleet, 1.0) for fleet, _ in weighted]
        self._total = sum(weight for _, weight in self._weighted)
        self._credit = [0.0] * len(self._weighted)

    def next(self) -> VariantFleet:
        if len(self._weighted) == 1:
            return self._weighted[0][0]
        credit = self._credit
        for place, (_, weight) in enumerate(self._weighted):
            credit[place] += weight
        best = max(range(len(credit)), key=credit.__getitem__)
        credit[best] -= self._total
        return self._weighted[best][0]


class Router:
    """The traffic of one endpoint. `point` says where it goes; a request under way stays where it is."""

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()
        self.mirror: Mirror | None = None
        self._all: _Wheel | None = None
        self._by_variant: dict[str, _Wheel] = {}

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self._by_variant)

    def point(self, routes: Iterable[Route], mirror: Mirror | None = None) -> None:
        """Send the traffic along these routes from now on, requests that still wait for a server included, and copies of it
        to the mirror."""
        before, self.routes, self.mirror = self.routes, tuple(route for route in routes if route.share > 0), mirror
        served = self.routes
        self._all = _Wheel([(route.fleet, route.share * route.weight) for route in served]) if served else None
        names = dict.fromkeys(route.fleet.name for route in served)
        self._by_variant = {
            name: _Wheel([(route.fleet, route.share) for route in served if route.fleet.name == name]) for name in names
        }
        for route in before:
            route.fleet.stir()

    async def send(self, head: bytes, body: bytes, variant: str | None) -> Routed:
        """One answer from one server. Only a request that reached nobody is tried elsewhere."""
        loop = asyncio.get_running_loop()
        started = perf_counter()
        left = REQUEST_TIMEOUT
        while True:
            fleet = self._choose(variant)
            if left <= 0:
                fleet.meter.took(0, 0.0, perf_counter() - started)
                raise ApiError(
                    "ServiceUnavailable",
                    f"No model server was available within {REQUEST_TIMEOUT:g} seconds. Try the call again.",
                    503,
                )
            instance = fleet.pick()
            if instance is None:
                await _wait_for(fleet, left)
                left = REQUEST_TIMEOUT - (perf_counter() - started)
                continue
            asked = perf_counter()
            try:
                answer = await instance.request(head, body, timeout=left)
            except Unreachable:
                fleet.suspend(instance)
                left = REQUEST_TIMEOUT - (perf_counter() - started)
                continue
            except (Broken, TimeoutError):
                instance.meter.took(0, perf_counter() - asked, asked - started)
                raise
            # Counted once the answer is on its way: it costs what a caller would wait for.
            loop.call_soon(instance.meter.took, answer.status, perf_counter() - asked, asked - started)
            if fleet.capture is not None:
                fleet.capture.take(head, body, answer)
            if self.mirror is not None:
                self.mirror.offer(head, body)
            return Routed(answer, fleet.name, instance.id)

    def _choose(self, variant: str | None) -> VariantFleet:
        wheel = self._all if variant is None else self._by_variant.get(variant)
        if wheel is None:
            raise ApiError("ServiceUnavailable", "The endpoint's servers are being stopped. Try the call again.", 503)
        return wheel.next()


async def _wait_for(fleet: VariantFleet, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await fleet.changed()
    except TimeoutError:
        return
