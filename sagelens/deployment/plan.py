"""What is to be deployed, what to do next, and whether it has landed: decisions without effects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sagelens.deployment.endpoint import EndpointState
from sagelens.errors import Refused
from sagelens.values import Placement, digest_bytes

__all__ = [
    "MOVING",
    "Action",
    "Plan",
    "Progress",
    "ServedModel",
    "Stage",
    "Target",
    "model_name",
    "model_request",
    "name_prefix",
    "named_config",
    "next_action",
    "plan",
    "progress",
]

_LONGEST_NAME = 63
_SUFFIX = len("-0123456789ab-012345")
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model folder in S3 with the image that serves it, and where it runs."""

    digest: str
    image: str
    model_uri: str
    role: str
    environment: Mapping[str, str] = field(default_factory=dict)
    placement: Placement = field(default_factory=Placement)


@dataclass(frozen=True, kw_only=True)
class Target:
    """`data_capture` is EndpointConfig's DataCaptureConfig, where requests are to be captured."""

    endpoint: str
    model: ServedModel
    variant: str = "AllTraffic"
    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    data_capture: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """The requests, complete; the same target makes the same plan."""

    endpoint: str
    model: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def model_name(self) -> str:
        return str(self.model["ModelName"])

    @property
    def config_name(self) -> str:
        return str(self.config["EndpointConfigName"])


class Action(StrEnum):
    CREATE = "create"
    REPLACE = "replace"
    UPDATE = "update"
    FOLLOW = "follow"
    NOTHING = "nothing"


class Stage(StrEnum):
    MOVING = "moving"
    LANDED = "landed"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    ROLLBACK_FAILED = "rollback failed"


@dataclass(frozen=True)
class Progress:
    stage: Stage
    reason: str = ""


def plan(target: Target) -> Plan:
    """Names carry the model's digest and, after it, a digest of everything else that was asked for."""
    model = model_request(target.endpoint, target.model)
    variant = {
        "VariantName": target.variant,
        "ModelName": model["ModelName"],
        "InstanceType": target.instance_type,
        "InitialInstanceCount": target.instance_count,
        "InitialVariantWeight": 1.0,
    }
    config: dict[str, Any] = {"ProductionVariants": [variant]}
    if key := target.model.placement.volume_key:
        config["KmsKeyId"] = key
    if target.data_capture:
        config["DataCaptureConfig"] = dict(target.data_capture)
    return Plan(target.endpoint, model, named_config(target.endpoint, target.model.digest, config))


def named_config(endpoint: str, digest: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig's request, named after the endpoint, the model's digest and the content."""
    return {"EndpointConfigName": _name(endpoint, digest, content), **content}


def name_prefix(endpoint: str) -> str:
    """What the names of all configs of an endpoint begin with."""
    return f"{_cut(endpoint)}-"


def model_request(prefix: str, model: ServedModel) -> dict[str, Any]:
    """CreateModel's request, but for its tags, which may change without making another model."""
    source = {"S3Uri": f"{model.model_uri.rstrip('/')}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container: dict[str, Any] = {"Image": model.image, "ModelDataSource": {"S3DataSource": source}}
    if model.environment:
        container["Environment"] = dict(model.environment)
    content: dict[str, Any] = {
        "PrimaryContainer": container,
        "ExecutionRoleArn": model.role,
        "EnableNetworkIsolation": model.placement.isolated,
    }
    if vpc := model.placement.vpc:
        content["VpcConfig"] = vpc
    return {"ModelName": _name(prefix, model.digest, content), **content}


def model_name(prefix: str, model: ServedModel) -> str:
    return str(model_request(prefix, model)["ModelName"])


def _name(prefix: str, digest: str, content: Mapping[str, Any]) -> str:
    rest = digest_bytes(json.dumps(content, sort_keys=True).encode())[:6]
    return f"{_cut(prefix)}-{digest[:12]}-{rest}"


def _cut(prefix: str) -> str:
    return prefix[: _LONGEST_NAME - _SUFFIX].rstrip("-")


def next_action(endpoint: EndpointState | None, wanted: str) -> Action:
    """What takes the endpoint to the wanted config. Raises Refused for one that something else is changing."""
    if endpoint is None:
        return Action.CREATE
    if wanted in (endpoint.pending_config, _created(endpoint)):
        return Action.FOLLOW
    match endpoint.status:
        case "InService" if endpoint.pending_config is None:
            return Action.NOTHING if endpoint.config == wanted else Action.UPDATE
        case "UpdateRollbackFailed":
            return Action.UPDATE
        case "Failed":
            return Action.REPLACE
    raise Refused(
        f"Endpoint '{endpoint.name}' is {endpoint.status}"
        + (f" to {endpoint.pending_config}" if endpoint.pending_config else "")
        + "; it can be updated only while InService. Wait until it is, then deploy again."
    )


def _created(endpoint: EndpointState) -> str | None:
    return endpoint.config if endpoint.status == "Creating" else None


def progress(endpoint: EndpointState, wanted: str) -> Progress:
    """Landed means InService *and* the wanted config *and* nothing pending: after a rollback an endpoint is InService as well."""
    if endpoint.status in MOVING or (endpoint.status == "InService" and endpoint.pending_config is not None):
        return Progress(Stage.MOVING)
    if endpoint.status == "InService":
        if endpoint.config == wanted:
            return Progress(Stage.LANDED)
        return Progress(Stage.ROLLED_BACK, endpoint.failure_reason)
    if endpoint.status == "UpdateRollbackFailed":
        return Progress(Stage.ROLLBACK_FAILED, endpoint.failure_reason)
    return Progress(Stage.FAILED, endpoint.failure_reason or f"it is {endpoint.status}")
