"""The deployer's requests, in order, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sagelens.deployment import Deployed, ServedModel, Target, deploy, plan, roll_back
from sagelens.deployment.deployer import Pace
from sagelens.errors import Inconclusive, Refused, RollbackFailed, RolledBack, StepFailed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights"
MODEL = ServedModel(digest="d" * 64, image="sagelens:local", model_uri="s3://b/model", role="arn:aws:iam::111122223333:role/r")
TARGET = Target(endpoint="flights", model=MODEL)
PLAN = plan(TARGET)
BLUE_GREEN = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}


class FakeClock:
    """Time passes only while sleeping."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sagemaker() -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session().client("sagemaker", region_name="us-east-1", **keys)


@pytest.fixture
def stub(sagemaker: Any) -> Iterator[Stubber]:
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def absent(stub: Stubber, operation: str) -> None:
    stub.add_client_error(operation, "ValidationException", "Could not find it.")


def shows(stub: Stubber, status: str, config: str, pending: str | None = None, reason: str = "") -> None:
    answer: dict[str, Any] = {
        "EndpointName": "flights",
        "EndpointArn": ARN,
        "EndpointStatus": status,
        "EndpointConfigName": config,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
    }
    if pending:
        answer["PendingDeploymentSummary"] = {"EndpointConfigName": pending}
    if reason:
        answer["FailureReason"] = reason
    stub.add_response("describe_endpoint", answer, {"EndpointName": "flights"})


def makes_model_and_config(stub: Stubber) -> None:
    absent(stub, "describe_model")
    stub.add_response("create_model", {"ModelArn": ARN.replace("endpoint", "model")}, dict(PLAN.model))
    absent(stub, "describe_endpoint_config")
    config_arn = ARN.replace("endpoint", "endpoint-config")
    stub.add_response("create_endpoint_config", {"EndpointConfigArn": config_arn}, dict(PLAN.config))


def finds_model_and_config(stub: Stubber, **config: Any) -> None:
    made = {"ModelArn": ARN.replace("endpoint", "model"), "CreationTime": NOW, "EnableNetworkIsolation": False}
    stub.add_response("describe_model", {**PLAN.model, **made})
    config_arn = ARN.replace("endpoint", "endpoint-config")
    stub.add_response("describe_endpoint_config", {**PLAN.config, "EndpointConfigArn": config_arn, "CreationTime": NOW, **config})


def updates(stub: Stubber) -> None:
    asked = {"EndpointName": "flights", "EndpointConfigName": PLAN.config_name, "DeploymentConfig": BLUE_GREEN}
    stub.add_response("update_endpoint", {"EndpointArn": ARN}, {**asked, "RetainAllVariantProperties": True})


def deployed(sagemaker: Any, clock: FakeClock, timeout: float = 60) -> Deployed:
    return deploy(TARGET, sagemaker=sagemaker, pace=Pace(timeout=timeout, sleep=clock.sleep, now=clock.now))


def test_a_new_endpoint_is_created(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    absent(stub, "describe_endpoint")
    makes_model_and_config(stub)
    asked = {"EndpointName": "flights", "EndpointConfigName": PLAN.config_name}
    stub.add_response("create_endpoint", {"EndpointArn": ARN}, asked)
    shows(stub, "Creating", PLAN.config_name)
    shows(stub, "InService", PLAN.config_name)

    done = deployed(sagemaker, clock)

    assert (done.changed, done.previous_config, done.config) == (True, None, PLAN.config_name)
    assert clock.slept == [0.02]


def test_an_endpoint_in_service_is_updated_blue_green(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "InService", "old")
    makes_model_and_config(stub)
    updates(stub)
    shows(stub, "Updating", "old", pending=PLAN.config_name)
    shows(stub, "InService", PLAN.config_name)

    assert deployed(sagemaker, clock).previous_config == "old"


def test_nothing_changed_is_landed_already(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "InService", PLAN.config_name)

    assert not deployed(sagemaker, clock).changed


def test_a_rollback_is_never_taken_for_success(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "InService", "old")
    finds_model_and_config(stub)
    updates(stub)
    shows(stub, "Updating", "old", pending=PLAN.config_name)
    shows(stub, "InService", "old", reason="the new fleet failed its health check")

    with pytest.raises(RolledBack, match="the new fleet failed its health check"):
        deployed(sagemaker, clock)


def test_an_interrupted_deployment_is_followed_to_its_end(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "Updating", "old", pending=PLAN.config_name)
    shows(stub, "Updating", "old", pending=PLAN.config_name)
    shows(stub, "InService", PLAN.config_name)

    done = deployed(sagemaker, clock)

    assert (done.changed, done.previous_config) == (True, "old")


def test_an_endpoint_that_failed_is_made_anew(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "Failed", PLAN.config_name)
    finds_model_and_config(stub)
    stub.add_response("delete_endpoint", {}, {"EndpointName": "flights"})
    shows(stub, "Deleting", PLAN.config_name)
    absent(stub, "describe_endpoint")
    stub.add_response("create_endpoint", {"EndpointArn": ARN})
    shows(stub, "InService", PLAN.config_name)

    assert deployed(sagemaker, clock).changed


def test_a_new_endpoint_that_does_not_start_says_why(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    absent(stub, "describe_endpoint")
    finds_model_and_config(stub)
    stub.add_response("create_endpoint", {"EndpointArn": ARN})
    shows(stub, "Failed", PLAN.config_name, reason="no ping")

    with pytest.raises(StepFailed, match=r"did not come up with .*: no ping"):
        deployed(sagemaker, clock)


def test_waiting_ends(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "InService", "old")
    finds_model_and_config(stub)
    updates(stub)
    for _ in range(3):
        shows(stub, "Updating", "old", pending=PLAN.config_name)

    with pytest.raises(Inconclusive, match=r"within 0\.04 s"):
        deployed(sagemaker, clock, timeout=0.04)


def test_a_config_of_that_name_with_other_content_is_not_overwritten(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    shows(stub, "InService", "old")
    variant = {**PLAN.config["ProductionVariants"][0], "InstanceType": "ml.c5.large"}
    finds_model_and_config(stub, ProductionVariants=[variant])

    with pytest.raises(Refused, match=r"Endpoint config .* is not what this deployment would create"):
        deployed(sagemaker, clock)


def test_a_rollback_that_fails_is_said_to(stub: Stubber, sagemaker: Any, clock: FakeClock) -> None:
    stub.add_client_error("update_endpoint", "ValidationException", "Could not find endpoint configuration")

    with pytest.raises(RollbackFailed, match="could not be put back to old"):
        roll_back("flights", "old", sagemaker=sagemaker, pace=Pace(sleep=clock.sleep, now=clock.now))


def test_polls_slow_down_and_stay_within_bounds(clock: FakeClock) -> None:
    assert not Pace(timeout=3600, sleep=clock.sleep, now=clock.now).until(lambda: False)

    assert clock.slept[0] == 0.02
    assert clock.slept == sorted(clock.slept)
    assert max(clock.slept) == 30
