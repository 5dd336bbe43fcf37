"""What a request may ask of an endpoint, checked before anything is touched. AWS's limits, and those of this service."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.local.endpoints.sizes import size_of
from sagelens.local.endpoints.steps import Counts
from sagelens.local.ports import ApiError, Document

__all__ = ["DEFAULT_TIMEOUT", "MAX_INSTANCES", "check_capacity", "check_deployment", "check_endpoint_config", "invalid"]

MAX_INSTANCES = 8
"""Model servers of one endpoint on this machine."""

DEFAULT_TIMEOUT = 28800
"""MaximumExecutionTimeoutInSeconds where a DeploymentConfig does not say it: the longest that AWS allows."""

_UNSUPPORTED_CONFIG = {
    "AsyncInferenceConfig": "Asynchronous inference",
    "ExplainerConfig": "Clarify's online explanations",
    "CrossRegionTrafficConfig": "Cross-region traffic",
}
_UNSUPPORTED_VARIANT = {
    "ServerlessConfig": "Serverless inference",
    "InstancePools": "Instance pools",
    "ManagedInstanceScaling": "Managed instance scaling",
    "AcceleratorPartitionLayouts": "Accelerator partitions",
    "CapacityReservationConfig": "Capacity reservations",
}


@dataclass(frozen=True)
class _Bound:
    field: str
    lowest: int
    highest: int


_WAIT = _Bound("WaitIntervalInSeconds", 0, 3600)
_TERMINATION = _Bound("TerminationWaitInSeconds", 0, 3600)
_TIMEOUT = _Bound("MaximumExecutionTimeoutInSeconds", 600, 28800)


def invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def check_endpoint_config(request: Document) -> None:
    """Refuse an endpoint configuration that could not be served."""
    for member, words in _UNSUPPORTED_CONFIG.items():
        if member in request:
            raise invalid(f"{member}: {words} is not available on the local service. Leave {member} out.")
    production, shadow = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    names = [variant["VariantName"] for variant in (*production, *shadow)]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise invalid(f"ProductionVariants: variant names must be unique; given more than once: {', '.join(doubled)}.")
    for variant in (*production, *shadow):
        _check_variant(variant)
    if not sum(map(_weight, production)) > 0:
        raise invalid("ProductionVariants: at least one variant needs an InitialVariantWeight above 0.")
    if shadow:
        _check_shadow(production, shadow)


def _weight(variant: Document) -> float:
    return float(variant.get("InitialVariantWeight", 1.0))


def _check_shadow(production: list[Document], shadow: list[Document]) -> None:
    if (len(production), len(shadow)) != (1, 1):
        raise invalid(
            "ShadowProductionVariants: exactly one shadow variant beside exactly one production variant is allowed; given were "
            f"{len(shadow)} beside {len(production)}."
        )
    if _weight(shadow[0]) > _weight(production[0]):
        raise invalid(
            f"Shadow variant '{shadow[0]['VariantName']}': InitialVariantWeight {_weight(shadow[0]):g} over the production "
            f"variant's {_weight(production[0]):g} is more than 100 % of its requests. Lower it: that ratio is what is copied."
        )
    for variant in (*production, *shadow):
        if variant["InstanceType"].startswith("ml.inf1."):
            raise invalid(f"Variant '{variant['VariantName']}': shadow variants cannot be used with {variant['InstanceType']}.")


def _check_variant(variant: Document) -> None:
    name = variant["VariantName"]
    for member, words in _UNSUPPORTED_VARIANT.items():
        if member in variant:
            raise invalid(
                f"Variant '{name}': {words} ({member}) is not available on the local service. "
                "Use InstanceType and InitialInstanceCount."
            )
    for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
        if member not in variant:
            raise invalid(f"Variant '{name}': {member} is required for a variant served by instances.")


def check_capacity(endpoint: str, counts: Counts, instance_types: dict[str, str]) -> None:
    """Refuse more model servers than this machine is meant to hold."""
    total = sum(counts.values())
    if total > MAX_INSTANCES:
        kinds = ", ".join(sorted(set(instance_types.values())))
        asked = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ApiError(
            "ResourceLimitExceeded",
            f"The local service's limit '{kinds} for endpoint usage' is {MAX_INSTANCES} Instances an endpoint, with a request of "
            f"{total} Instances for endpoint '{endpoint}' ({asked}). Lower InitialInstanceCount for this environment.",
        )


def check_deployment(config: Document, counts: Counts) -> None:
    """Refuse a DeploymentConfig outside AWS's limits, for fleets of these sizes by variant."""
    policies = [name for name in ("BlueGreenUpdatePolicy", "RollingUpdatePolicy") if name in config]
    if len(policies) != 1:
        given = "both" if policies else "neither"
        raise invalid(f"DeploymentConfig: give exactly one of BlueGreenUpdatePolicy and RollingUpdatePolicy; {given} was given.")
    for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", ()):
        if not alarm.get("AlarmName", "").strip():
            raise invalid("AutoRollbackConfiguration.Alarms: an AlarmName must not be blank.")
    if "BlueGreenUpdatePolicy" in config:
        _check_blue_green(config["BlueGreenUpdatePolicy"], counts)
    else:
        _check_rolling(config["RollingUpdatePolicy"], counts)


def _check_blue_green(policy: Document, counts: Counts) -> None:
    routing = policy["TrafficRoutingConfiguration"]
    kind = routing["Type"]
    _within(routing, _WAIT)
    _within(policy, _TERMINATION)
    _within(policy, _TIMEOUT)
    for member, owner in (("CanarySize", "CANARY"), ("LinearStepSize", "LINEAR")):
        if (member in routing) != (kind == owner):
            raise invalid(f"TrafficRoutingConfiguration.{member} belongs to Type {owner}, and {owner} needs it; Type is {kind}.")
    if kind == "CANARY":
        _check_size("CanarySize", routing["CanarySize"], (1, 50), counts)
    if kind == "LINEAR":
        _check_size("LinearStepSize", routing["LinearStepSize"], (10, 50), counts)
    _check_time(policy, _waits_of_blue_green(policy, counts))


def _check_rolling(policy: Document, counts: Counts) -> None:
    if len(counts) > 1:
        raise invalid(f"RollingUpdatePolicy: several production variants ({', '.join(counts)}) cannot be updated by rolling.")
    _within(policy, _WAIT)
    _within(policy, _TIMEOUT)
    _check_size("MaximumBatchSize", policy["MaximumBatchSize"], (5, 50), counts)
    if "RollbackMaximumBatchSize" in policy:
        _check_size("RollbackMaximumBatchSize", policy["RollbackMaximumBatchSize"], (5, 100), counts)
    batches = max(size_of(policy["MaximumBatchSize"]).batches(count) for count in counts.values())
    _check_time(policy, batches * policy["WaitIntervalInSeconds"])


def _within(document: Document, bound: _Bound) -> None:
    value = document.get(bound.field, bound.lowest)
    if not bound.lowest <= value <= bound.highest:
        raise invalid(f"{bound.field}: {value} is not within {bound.lowest} and {bound.highest} seconds.")


def _check_size(field: str, size: Document, percents: tuple[int, int], counts: Counts) -> None:
    lowest, highest = percents
    value = size["Value"]
    if size["Type"] == "CAPACITY_PERCENT":
        if not lowest <= value <= highest:
            raise invalid(f"{field}: {value} percent is not within {lowest} and {highest} percent of the capacity.")
        return
    for variant, count in counts.items():
        most = count * highest // 100
        if not 1 <= value <= most or value * 100 < lowest * count:
            raise invalid(
                f"{field}: {value} of the {count} instances of variant '{variant}' is not within {lowest} and {highest} percent. "
                + (f"At most {most} is allowed." if most else "Use CAPACITY_PERCENT, or more instances.")
            )


def _waits_of_blue_green(policy: Document, counts: Counts) -> int:
    routing = policy["TrafficRoutingConfiguration"]
    partial = {"ALL_AT_ONCE": 0, "CANARY": 1}.get(routing["Type"], 0)
    if routing["Type"] == "LINEAR":
        partial = max(size_of(routing["LinearStepSize"]).steps(count) for count in counts.values()) - 1
    return int(partial * routing["WaitIntervalInSeconds"] + policy.get("TerminationWaitInSeconds", 0))


def _check_time(policy: Document, waits: int) -> None:
    timeout = policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT)
    if waits >= timeout:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds: {timeout} seconds must be more than all waits together, {waits} seconds. "
            "Raise it, or shorten WaitIntervalInSeconds or TerminationWaitInSeconds."
        )
