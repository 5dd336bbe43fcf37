"""What one variant of an endpoint should be: so many servers of a model, with a weight."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sagelens.local.ports import Document

__all__ = ["Variant", "retained", "variants_of"]

_STARTUP = 480.0
"""AWS gives a container eight minutes to answer its first health check."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`startup` is how long a server may take until it answers /ping, in seconds."""

    name: str
    model: str
    count: int
    weight: float = 1.0
    instance_type: str = ""
    startup: float = _STARTUP
    image: str = ""

    def to_json(self) -> Document:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Variant:
        return cls(**document)


def variants_of(config: Document) -> tuple[Variant, ...]:
    """The variants that an endpoint configuration's body describes."""
    return tuple(
        Variant(
            name=variant["VariantName"],
            model=variant["ModelName"],
            count=variant["InitialInstanceCount"],
            weight=variant.get("InitialVariantWeight", 1.0),
            instance_type=variant["InstanceType"],
            startup=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP),
        )
        for variant in config["ProductionVariants"]
    )


def retained(new: tuple[Variant, ...], live: tuple[Variant, ...], excluded: Collection[str]) -> tuple[Variant, ...]:
    """RetainAllVariantProperties: the live counts and weights, except the excluded kinds, for the variants that stay."""
    living = {variant.name: variant for variant in live}

    def keep(variant: Variant) -> Variant:
        old = living.get(variant.name)
        if old is None:
            return variant
        return replace(
            variant,
            count=variant.count if "DesiredInstanceCount" in excluded else old.count,
            weight=variant.weight if "DesiredWeight" in excluded else old.weight,
        )

    return tuple(keep(variant) for variant in new)
