"""What one variant of an endpoint should be: so many servers of a model, with a weight."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sagelens.local.endpoints.steps import Counts
from sagelens.local.ports import Document

__all__ = ["Variant", "counts_of", "production", "retained", "shadows", "variants_of"]

_STARTUP = 480.0
"""AWS gives a container eight minutes to answer its first health check."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`startup` is how long a server may take until it answers /ping, in seconds; `config` is the endpoint configuration that
    the variant comes from. A `shadow` takes copies of requests: its weight over the production variant's is the part copied.
    `served` is the model as it was when the variant was deployed: model and configuration may be deleted meanwhile, or made
    anew with another content. It is empty for a variant that an older release kept."""

    name: str
    model: str
    count: int
    weight: float = 1.0
    instance_type: str = ""
    startup: float = _STARTUP
    image: str = ""
    config: str = ""
    shadow: bool = False
    served: Document = field(default_factory=dict, compare=False)

    def to_json(self) -> Document:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Variant:
        return cls(**document)


def variants_of(config: Document, name: str) -> tuple[Variant, ...]:
    """The variants that the body of the endpoint configuration of this name describes; shadows come last."""
    return tuple(
        Variant(
            name=variant["VariantName"],
            model=variant["ModelName"],
            count=variant["InitialInstanceCount"],
            weight=variant.get("InitialVariantWeight", 1.0),
            instance_type=variant["InstanceType"],
            startup=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP),
            config=name,
            shadow=shadow,
        )
        for member, shadow in (("ProductionVariants", False), ("ShadowProductionVariants", True))
        for variant in config.get(member, ())
    )


def production(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    return tuple(variant for variant in variants if not variant.shadow)


def shadows(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    return tuple(variant for variant in variants if variant.shadow)


def counts_of(variants: Iterable[Variant]) -> Counts:
    """Servers by variant; those of one name that come from two configurations are added up."""
    counts: dict[str, int] = {}
    for variant in variants:
        counts[variant.name] = counts.get(variant.name, 0) + variant.count
    return counts


def retained(new: tuple[Variant, ...], live: tuple[Variant, ...], excluded: Collection[str]) -> tuple[Variant, ...]:
    """RetainAllVariantProperties: the live counts and weights, except the excluded kinds, for the variants that stay."""
    weights = {variant.name: variant.weight for variant in live}
    counts = counts_of(live)

    def keep(variant: Variant) -> Variant:
        if variant.name not in counts:
            return variant
        return replace(
            variant,
            count=variant.count if "DesiredInstanceCount" in excluded else counts[variant.name],
            weight=variant.weight if "DesiredWeight" in excluded else weights[variant.name],
        )

    return tuple(keep(variant) for variant in new)
