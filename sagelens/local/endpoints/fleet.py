"""The servers of one endpoint configuration, by variant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sagelens.local.endpoints.instance import Health, Recipe
from sagelens.local.endpoints.meter import Meter
from sagelens.local.endpoints.server import Servers
from sagelens.local.endpoints.steps import Counts
from sagelens.local.endpoints.variant import Variant
from sagelens.local.endpoints.variant_fleet import NotProvisioned, VariantFleet, first_of
from sagelens.local.ports import Document

if TYPE_CHECKING:
    from sagelens.local.endpoints.capture import Capture

__all__ = ["Fleet", "NotProvisioned", "Supplies"]


@dataclass(frozen=True)
class Supplies:
    """What the fleets of an endpoint are made with. `model` is a model's body by its name; ApiError when it is gone."""

    model: Callable[[str], Document]
    servers: Servers
    logs: Path
    meter: Callable[[Variant], Meter]
    health: Health


class Fleet:
    """Made empty: `scale` starts its servers, or `revive` if it has served before."""

    def __init__(
        self, variants: Iterable[Variant], supplies: Supplies, capture: Callable[[str], Capture | None] = lambda _: None
    ) -> None:
        recipes: dict[str, list[Recipe]] = {}
        for variant in variants:
            recipe = Recipe(variant, variant.served or supplies.model(variant.model), supplies.meter(variant))
            recipes.setdefault(variant.name, []).append(recipe)
        self.by_variant: Mapping[str, VariantFleet] = {
            name: VariantFleet(made_of, supplies.servers, supplies.logs, supplies.health) for name, made_of in recipes.items()
        }
        for name, fleet in self.by_variant.items():
            fleet.capture = capture(name)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What runs now."""
        return tuple(
            replace(variant, count=fleet.count(variant), weight=fleet.weight)
            for fleet in self.by_variant.values()
            for variant in fleet.variants
        )

    @property
    def production(self) -> tuple[VariantFleet, ...]:
        return tuple(fleet for fleet in self.by_variant.values() if not fleet.shadow)

    @property
    def shadows(self) -> tuple[VariantFleet, ...]:
        return tuple(fleet for fleet in self.by_variant.values() if fleet.shadow)

    async def scale(self, counts: Counts) -> None:
        """So many servers of each variant; NotProvisioned when one does not become healthy."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, fleet in self.by_variant.items():
                    if name in counts:
                        group.create_task(fleet.scale(counts[name]))
        except* NotProvisioned as errors:
            raise first_of(errors) from None

    def revive(self) -> None:
        for fleet in self.by_variant.values():
            fleet.revive()

    def absorb(self, other: Fleet) -> None:
        """Take over the servers of another fleet that has no other variants."""
        for name, fleet in other.by_variant.items():
            self.by_variant[name].absorb(fleet)

    async def drain(self) -> None:
        """Answer what is under way, then end every server."""
        await self.scale(dict.fromkeys(self.by_variant, 0))

    async def stop(self) -> None:
        await asyncio.gather(*(fleet.stop() for fleet in self.by_variant.values()))
