"""Configs in which old and new model stand side by side, made from the config that serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.deployment.plan import named_config
from sagelens.deployment.release import Release
from sagelens.deployment.strategy import Shadow
from sagelens.errors import Refused

__all__ = ["new_variant_name", "shadow_config", "weighted_config"]

_CARRIED = ("DataCaptureConfig", "KmsKeyId", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")


def new_variant_name(release: Release) -> str:
    """`v3` after the model package's version, or `d0123abcd` after the digest."""
    return f"v{release.version}" if release.version else f"d{release.digest[:8]}"


def shadow_config(base: Mapping[str, Any], release: Release, strategy: Shadow) -> dict[str, Any]:
    """The live config with the new model as shadow: its weight relative to production's is the share of requests copied."""
    production = _production(base, release)
    sampled = production["InitialVariantWeight"] * strategy.sampling
    shadow = {**release.variant, "VariantName": f"{new_variant_name(release)}-shadow", "InitialVariantWeight": sampled}
    content = {**_carried(base), "ProductionVariants": [production], "ShadowProductionVariants": [shadow]}
    return named_config(release.endpoint, release.digest, content)


def weighted_config(base: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """The live config with the new model as second production variant. It begins without traffic: its instances start first."""
    production = _production(base, release)
    new = {**release.variant, "VariantName": new_variant_name(release), "InitialVariantWeight": 0.0}
    content = {**_carried(base), "ProductionVariants": [production, new]}
    return named_config(release.endpoint, release.digest, content)


def _production(config: Mapping[str, Any], release: Release) -> dict[str, Any]:
    variants = {variant["VariantName"]: variant for variant in config["ProductionVariants"]}
    if release.variant_name not in variants:
        raise Refused(
            f"Endpoint '{release.endpoint}' serves the variants {', '.join(variants)}, but {release.variant_name} is to be "
            "deployed; a variant cannot be renamed. Set deployment.variant to one of them."
        )
    return {"InitialVariantWeight": 1.0, **variants[release.variant_name]}


def _carried(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in _CARRIED if config.get(name)}
