"""An endpoint as the store keeps it, and as DescribeEndpoint shows it.

`LocalVariants` are the variants that serve, with the counts that they ought to have; `LocalCapture` the DataCaptureConfig in
force; `LocalDeployment` the deployment under way; `LocalScaling` when a change of weights and capacities began; `LocalEvents`
the states that deployments went through, with their times. DescribeEndpoint derives AWS's members from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sagelens.local.endpoints.deployment import Stage
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.variant import Variant, production, shadows
from sagelens.local.ports import Document, Resource

__all__ = ["describe", "live_variants", "summary"]

Running = Callable[[str], int]
"""How many servers of a variant run."""


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


def describe(endpoint: Resource, *, blue: Running, green: Running) -> Document:
    """`blue` tells of the fleet that serves, `green` of the one that is coming."""
    kept = ("EndpointConfigName", "FailureReason", "LastDeploymentConfig")
    answer = {**summary(endpoint), **{key: endpoint.body[key] for key in kept if key in endpoint.body}}
    live = live_variants(endpoint)
    for member, variants in (("ProductionVariants", production(live)), ("ShadowProductionVariants", shadows(live))):
        if variants:
            answer[member] = [
                _variant(same, blue(same[0].name), endpoint.created) | _scaling(endpoint, same) for same in _by_name(variants)
            ]
    if (capture := endpoint.body.get("LocalCapture")) is not None:
        answer["DataCaptureConfig"] = _capture(capture)
    if "LocalDeployment" in endpoint.body:
        answer["PendingDeploymentSummary"] = _pending(Rollout.from_json(endpoint.body["LocalDeployment"]), green)
    return answer


def _by_name(variants: Iterable[Variant]) -> list[list[Variant]]:
    """After a rollback that failed a variant comes from two configurations; AWS's shape has one entry for it."""
    found: dict[str, list[Variant]] = {}
    for variant in variants:
        found.setdefault(variant.name, []).append(variant)
    return list(found.values())


def _variant(same: Sequence[Variant], running: int, resolved: float) -> Document:
    images = dict.fromkeys(variant.image for variant in same if variant.image)
    return {
        "VariantName": same[0].name,
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": resolved} for image in images],
        "CurrentWeight": same[0].weight,
        "DesiredWeight": same[0].weight,
        "CurrentInstanceCount": running,
        "DesiredInstanceCount": sum(variant.count for variant in same),
    }


def _scaling(endpoint: Resource, same: Sequence[Variant]) -> Document:
    scaling = endpoint.body.get("LocalScaling")
    if scaling is None or same[0].name not in scaling["variants"]:
        return {}
    count = sum(variant.count for variant in same)
    return {"VariantStatus": [_status("Updating", f"Scaling desired instance count to {count}.", scaling["started"])]}


def _capture(config: Document) -> Document:
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _pending(rollout: Rollout, running: Running) -> Document:
    def shown(variant: Variant) -> Document:
        return {
            **_variant([variant], running(variant.name), rollout.started),
            "VariantStatus": [_status(*_stage(rollout, variant.name), rollout.since)],
            "InstanceType": variant.instance_type,
        }

    shadow = {"ShadowProductionVariants": [shown(variant) for variant in shadows(rollout.variants)]}
    return {
        "EndpointConfigName": rollout.config,
        "ProductionVariants": [shown(variant) for variant in production(rollout.variants)],
        "StartTime": rollout.started,
        **{member: variants for member, variants in shadow.items() if variants},
    }


def _status(status: str, message: str, since: float) -> Document:
    return {"Status": status, "StatusMessage": message, "StartTime": since}


def _stage(rollout: Rollout, name: str) -> tuple[str, str]:  # noqa: PLR0911  one for each stage that is seen
    """AWS's status of a variant in this stage, and what it is about."""
    deployment = rollout.deployment
    target = deployment.target
    active, green, blue = (counts.get(name, 0) for counts in (target.active, target.green, target.blue))
    match deployment.stage:
        case Stage.PROVISIONING:
            return "Creating", f"Launching {green - deployment.green.get(name, 0)} instance(s)."
        case Stage.SHIFTING:
            return "ActivatingTraffic", f"Turning on traffic for {active} {'' if target.full else 'canary '}instance(s)."
        case Stage.BAKING:
            which = "TerminationWaitInSeconds" if target.full and not rollout.rolling else "WaitIntervalInSeconds"
            capacity = "full" if target.full else "canary"
            return "Baking", f"Baking for {target.wait:g} second(s) ({which}) on {capacity} capacity of {active} instance(s)."
        case Stage.RETIRING:
            return "Deleting", f"Terminating {deployment.blue.get(name, 0) - blue} instance(s) of the old fleet."
        case Stage.RESTORING:
            return "Updating", f"Scaling desired instance count of the old fleet to {blue}."
        case Stage.REMOVING:
            return "Deleting", f"Terminating {deployment.green.get(name, 0) - green} instance(s)."
        case _:
            return "Updating", "Returning the traffic to the old fleet."
