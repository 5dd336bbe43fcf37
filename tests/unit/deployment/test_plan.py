"""Decisions about a deployment, without effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters

from sagelens.deployment import Action, EndpointState, ServedModel, Stage, Target, next_action, plan, progress
from sagelens.errors import Refused

MODEL = ServedModel(
    digest="0123456789abcdef" * 4,
    image="sagelens:local",
    model_uri="s3://bucket/model",
    role="arn:aws:iam::111122223333:role/sagelens",
    environment={"SAGELENS_MODEL_DIGEST": "0123456789abcdef" * 4},
)
TARGET = Target(endpoint="flights", model=MODEL)


def endpoint(status: str, config: str = "old", pending: str | None = None, reason: str = "") -> EndpointState:
    return EndpointState(name="flights", status=status, config=config, pending_config=pending, failure_reason=reason)


def test_names_carry_the_models_digest_and_are_stable() -> None:
    planned = plan(TARGET)

    assert planned == plan(TARGET)
    assert planned.model_name.startswith("flights-0123456789ab-")
    assert planned.config_name.startswith("flights-0123456789ab-")


@pytest.mark.parametrize(
    "other",
    [
        replace(TARGET, instance_count=2),
        replace(TARGET, instance_type="ml.m5.xlarge"),
        replace(TARGET, model=replace(MODEL, image="sagelens:next")),
        replace(TARGET, model=replace(MODEL, digest="f" * 64)),
    ],
)
def test_whatever_is_asked_for_differently_gets_another_config(other: Target) -> None:
    assert plan(other).config_name != plan(TARGET).config_name


def test_more_instances_do_not_need_another_model() -> None:
    assert plan(replace(TARGET, instance_count=2)).model_name == plan(TARGET).model_name


def test_a_long_endpoint_name_is_cut_so_that_the_digest_stays() -> None:
    name = plan(replace(TARGET, endpoint="a" * 42 + "-" + "b" * 20)).config_name

    assert len(name) <= 63
    assert "a-0123456789ab-" in name


def test_data_capture_is_part_of_the_config() -> None:
    capture = {"EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://b/c", "CaptureOptions": []}

    planned = plan(replace(TARGET, data_capture=capture))

    assert planned.config["DataCaptureConfig"] == capture
    assert planned.config_name != plan(TARGET).config_name


@pytest.mark.parametrize(
    ("operation", "request_"), [("CreateModel", plan(TARGET).model), ("CreateEndpointConfig", plan(TARGET).config)]
)
def test_the_requests_are_valid(operation: str, request_: Mapping[str, Any]) -> None:
    service = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))

    validate_parameters(request_, service.operation_model(operation).input_shape)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (None, Action.CREATE),
        (endpoint("InService", "new"), Action.NOTHING),
        (endpoint("InService"), Action.UPDATE),
        (endpoint("InService", pending="new"), Action.FOLLOW),
        (endpoint("UpdateRollbackFailed"), Action.UPDATE),
        (endpoint("Failed"), Action.REPLACE),
        (endpoint("Creating", "new"), Action.FOLLOW),
        (endpoint("Updating", pending="new"), Action.FOLLOW),
    ],
)
def test_what_comes_next(state: EndpointState | None, action: Action) -> None:
    assert next_action(state, "new") is action


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "Deleting", "OutOfService", "InService"])
def test_an_endpoint_that_something_else_is_changing_is_left_alone(status: str) -> None:
    with pytest.raises(Refused, match=f"Endpoint 'flights' is {status} to other; it can be updated only while InService"):
        next_action(endpoint(status, pending="other"), "new")


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        (endpoint("InService", "new"), Stage.LANDED),
        (endpoint("InService", "new", pending="new"), Stage.MOVING),
        (endpoint("InService", "old", pending="new"), Stage.MOVING),
        (endpoint("InService", "old"), Stage.ROLLED_BACK),
        (endpoint("Updating", "new"), Stage.MOVING),
        (endpoint("Creating", "new"), Stage.MOVING),
        (endpoint("RollingBack", "old"), Stage.MOVING),
        (endpoint("UpdateRollbackFailed"), Stage.ROLLBACK_FAILED),
        (endpoint("Failed", "new"), Stage.FAILED),
        (endpoint("OutOfService", "new"), Stage.FAILED),
    ],
)
def test_only_the_proof_counts_as_landed(state: EndpointState, stage: Stage) -> None:
    assert progress(state, "new").stage is stage


def test_a_rollback_tells_its_reason() -> None:
    assert progress(endpoint("InService", reason="the health check failed"), "new").reason == "the health check failed"
