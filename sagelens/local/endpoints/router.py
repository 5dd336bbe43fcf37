"""Which server answers a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagelens.local.endpoints.fleet import Fleet, VariantFleet
from sagelens.local.endpoints.http import Answer, Unreachable
from sagelens.local.ports import ApiError

__all__ = ["REQUEST_TIMEOUT", "Routed", "Router"]

REQUEST_TIMEOUT = 60.0


@dataclass(frozen=True)
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
        self._all: _Wheel | None = None
        self._by_variant: dict[str, _Wheel] = {}

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self._by_variant)

    def point(self, shares: Iterable[tuple[Fleet, float]]) -> None:
        """Send this share of each variant's requests to each fleet."""
        served = [(fleet, share) for share_of, share in shares if share > 0 for fleet in share_of.by_variant.values()]
        self._all = _Wheel([(fleet, share * fleet.variant.weight) for fleet, share in served]) if served else None
        names = dict.fromkeys(fleet.variant.name for fleet, _ in served)
        self._by_variant = {name: _Wheel([(f, share) for f, share in served if f.variant.name == name]) for name in names}

    async def send(self, head: bytes, body: bytes, variant: str | None) -> Routed:
        """One answer from one server. Only a request that reached nobody is tried elsewhere."""
        loop = asyncio.get_running_loop()
        until = loop.time() + REQUEST_TIMEOUT
        while (left := until - loop.time()) > 0:
            fleet = self._choose(variant)
            instance = fleet.pick()
            if instance is None:
                await _wait_for(fleet, min(left, 1.0))
                continue
            try:
                answer = await instance.request(head, body, timeout=left)
            except Unreachable:
                fleet.suspend(instance)
                continue
            return Routed(answer, fleet.variant.name, instance.id)
        raise ApiError(
            "ServiceUnavailable", f"No model server was available within {REQUEST_TIMEOUT:g} seconds. Try the call again.", 503
        )

    def _choose(self, variant: str | None) -> VariantFleet:
        wheel = self._all if variant is None else self._by_variant.get(variant)
        if wheel is None:
            raise ApiError("ServiceUnavailable", "The endpoint's servers are being stopped. Try the call again.", 503)
        return wheel.next()


async def _wait_for(fleet: VariantFleet, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await fleet.available()
    except TimeoutError:
        return
