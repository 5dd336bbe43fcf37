"""An endpoint as the store keeps it, and as DescribeEndpoint shows it.

`LocalVariants` are the variants that serve; `LocalDeployment` is the deployment under way: its configuration, variants, state,
DeploymentConfig and times. DescribeEndpoint derives AWS's members from both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sagelens.local.endpoints.deployment import Deployment, Shift, Stage
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import Document, Resource

__all__ = ["Rollout", "describe", "live_variants", "summary"]

_STATUS = {
    Stage.PROVISIONING: ("Creating", "Launching {count} instance(s)."),
    Stage.SHIFTING: ("ActivatingTraffic", "Turning on traffic for {count} instance(s)."),
    Stage.BAKING: ("Baking", "Baking for {wait:g} second(s) ({which}) with {share:.0%} of the traffic on the new fleet."),
    Stage.RETIRING: ("Deleting", "Terminating the instances of the old fleet."),
    Stage.RETURNING: ("Updating", "Returning the traffic to the old fleet."),
    Stage.REMOVING: ("Deleting", "Terminating {count} instance(s)."),
}


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A deployment with what it deploys. `since` is when its stage began."""

    config: str
    variants: tuple[Variant, ...]
    deployment: Deployment
    started: float
    since: float
    strategy: Document | None = None
    timeout: float | None = None

    def to_json(self) -> Document:
        return {**asdict(self), "variants": [variant.to_json() for variant in self.variants]}

    @classmethod
    def from_json(cls, document: Document) -> Rollout:
        state = document["deployment"]
        deployment = Deployment(
            shifts=tuple(Shift(**shift) for shift in state["shifts"]),
            replaces=state["replaces"],
            stage=Stage(state["stage"]),
            step=state["step"],
            reason=state["reason"],
        )
        variants = tuple(Variant.from_json(variant) for variant in document["variants"])
        return cls(**{**document, "variants": variants, "deployment": deployment})


def live_variants(endpoint: Resource) -> tuple[Variant, ...]:
    return tuple(Variant.from_json(variant) for variant in endpoint.body.get("LocalVariants", ()))


def summary(endpoint: Resource) -> Document:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def describe(endpoint: Resource, *, blue: Callable[[str], int], green: Callable[[str], int]) -> Document:
    """`blue` and `green` tell how many of a variant's servers run in the fleet that serves and in the one that is coming."""
    kept = ("EndpointConfigName", "FailureReason", "LastDeploymentConfig")
    answer = {**summary(endpoint), **{key: endpoint.body[key] for key in kept if key in endpoint.body}}
    if live := live_variants(endpoint):
        answer["ProductionVariants"] = [_variant(variant, blue(variant.name), endpoint.created) for variant in live]
    if "LocalDeployment" in endpoint.body:
        answer["PendingDeploymentSummary"] = _pending(Rollout.from_json(endpoint.body["LocalDeployment"]), green)
    return answer


def _variant(variant: Variant, running: int, resolved: float) -> Document:
    image = {"SpecifiedImage": variant.image, "ResolvedImage": variant.image, "ResolutionTime": resolved}
    return {
        "VariantName": variant.name,
        "DeployedImages": [image] if variant.image else [],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": running,
        "DesiredInstanceCount": variant.count,
    }


def _pending(rollout: Rollout, running: Callable[[str], int]) -> Document:
    def shown(variant: Variant) -> Document:
        status: dict[str, Any] = {"VariantStatus": [_status(rollout, variant)], "InstanceType": variant.instance_type}
        return {**_variant(variant, running(variant.name), rollout.started), **status}

    return {
        "EndpointConfigName": rollout.config,
        "ProductionVariants": [shown(variant) for variant in rollout.variants],
        "StartTime": rollout.started,
    }


def _status(rollout: Rollout, variant: Variant) -> Document:
    deployment = rollout.deployment
    status, message = _STATUS[deployment.stage]
    which = "TerminationWaitInSeconds" if deployment.last else "WaitIntervalInSeconds"
    text = message.format(count=variant.count, wait=deployment.shift.wait, share=deployment.shift.share, which=which)
    return {"Status": status, "StatusMessage": text, "StartTime": rollout.since}
