"""What SageMaker cannot combine with deployment guardrails or shadow variants. Where it would silently do something else, or
says nothing, the local service refuses."""

from __future__ import annotations

from collections.abc import Iterable

from sagelens.local.endpoints.limits import invalid
from sagelens.local.endpoints.variant import Variant, production, shadows
from sagelens.local.ports import Alarms, Document

__all__ = ["check_alarms", "check_guardrails", "check_shadowed_models", "guarded"]


def guarded(config: Document | None) -> bool:
    """Whether a DeploymentConfig is more than all at once without a wait and without alarms."""
    if config is None:
        return False
    policy = config.get("BlueGreenUpdatePolicy")
    if policy is None or config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        return True
    staged: bool = policy["TrafficRoutingConfiguration"]["Type"] != "ALL_AT_ONCE"
    return staged or policy.get("TerminationWaitInSeconds", 0) > 0


def check_guardrails(config: Document, new: tuple[Variant, ...], live: tuple[Variant, ...], details: Document) -> None:
    """Refuse a DeploymentConfig that SageMaker would not carry out for these variants. `details` is the new endpoint
    configuration's body, completed by `Marketplace`, the variants that are made of products of AWS Marketplace."""
    _must_keep_names(production(new), production(live))
    if not guarded(config):
        return
    if shadow := [*shadows(new), *shadows(live)]:
        raise invalid(
            f"DeploymentConfig: guardrails are not available with shadow variants ({shadow[0].name}). Update without a "
            "DeploymentConfig, or take the shadow variant away first."
        )
    for variant in new:
        if variant.instance_type.startswith("ml.inf1."):
            raise _falls_back(variant.name, f"instance type {variant.instance_type}")
    for document in details["ProductionVariants"]:
        if "AcceleratorType" in document:
            raise _falls_back(document["VariantName"], f"Elastic Inference ({document['AcceleratorType']})")
    for name in details.get("Marketplace", ()):
        raise _falls_back(name, "a container from AWS Marketplace")


def check_alarms(names: Iterable[str], alarms: Alarms | None) -> None:
    """Refuse alarms that do not exist: nobody would ring."""
    missing = [name for name in names if alarms is None or alarms.state(name) is None]
    if missing:
        raise invalid(
            f"AutoRollbackConfiguration.Alarms: could not find {', '.join(missing)}. "
            "Create it with PutMetricAlarm before the update."
        )


def check_shadowed_models(models: Iterable[tuple[str, Document]]) -> None:
    """Refuse models that cannot be part of a shadow test; given by variant, as CreateModel's bodies."""
    for name, model in models:
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        if len(containers) > 1:
            raise invalid(f"Variant '{name}': shadow variants cannot be used with a model of {len(containers)} containers.")
        if any(container.get("Mode") == "MultiModel" for container in containers):
            raise invalid(f"Variant '{name}': shadow variants cannot be used with a multi-model container.")
        if model.get("Marketplace"):
            raise invalid(f"Variant '{name}': shadow variants cannot be used with a container from AWS Marketplace.")


def _falls_back(variant: str, what: str) -> Exception:
    return invalid(
        f"DeploymentConfig: variant '{variant}' uses {what}, for which SageMaker falls back to all at once without a word. "
        "Use ALL_AT_ONCE without TerminationWaitInSeconds and alarms, or another kind of instance."
    )


def _must_keep_names(new: tuple[Variant, ...], live: tuple[Variant, ...]) -> None:
    wanted, serving = sorted({variant.name for variant in new}), sorted({variant.name for variant in live})
    if wanted != serving:
        raise invalid(
            f"DeploymentConfig: the new configuration needs the same variant names as the old one; it has {', '.join(wanted)}, "
            f"the endpoint has {', '.join(serving)}."
        )
