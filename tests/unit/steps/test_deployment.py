"""The smoke test of a deployment: what it asks, and what it takes back."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from sagelens.deployment import ServedModel, Target, plan
from sagelens.errors import NotFound, Refused, RollbackFailed, RolledBack, StepFailed
from sagelens.values import digest_listing
from steps.deployment import Deployment, SmokeTest, deploy, smoke_test
from steps.scoring import find_model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights"
ROWS = [{"carrier": "AA", "distance": 100}, {"carrier": "UA", "distance": 200}]
DEPLOYMENT = Deployment(
    endpoint_name="flights",
    endpoint_config_name="flights-new",
    model_name="flights-new",
    model_package_arn="arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/1",
    model_digest="d" * 64,
    model_uri="s3://bucket/model/",
    outcome="landed",
    previous_config="flights-old",
)


class Services:
    """The three clients of the step, each with its prepared answers."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        session = boto3.session.Session()
        self.clients = {
            "s3": session.client("s3", **keys),
            "sagemaker": session.client("sagemaker", **keys),
            "runtime": session.client("sagemaker-runtime", **keys),
        }
        self.s3, self.sagemaker, self.runtime = (Stubber(client) for client in self.clients.values())

    def answer(self, body: Any) -> None:
        asked = {"EndpointName": "flights", "ContentType": "application/json", "Accept": ANY}
        sent = json.dumps({"instances": ROWS}).encode()
        self.runtime.add_response("invoke_endpoint", {"Body": stream(json.dumps(body))}, {**asked, "Body": sent})

    def updates_back(self) -> None:
        asked = {"EndpointName": "flights", "EndpointConfigName": "flights-old", "RetainAllVariantProperties": True}
        self.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, asked)

    def shows(self, status: str, config: str) -> None:
        answer = {"EndpointName": "flights", "EndpointArn": ARN, "EndpointStatus": status, "EndpointConfigName": config}
        self.sagemaker.add_response("describe_endpoint", {**answer, "CreationTime": NOW, "LastModifiedTime": NOW})

    def smoke_test(self, deployment: Deployment = DEPLOYMENT) -> SmokeTest:
        return smoke_test(deployment, rows=2, **self.clients)


def stream(text: str) -> StreamingBody:
    return StreamingBody(io.BytesIO(text.encode()), len(text))


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services()
    lines = "".join(f"{json.dumps(row)}\n" for row in [*ROWS, {"carrier": "DL"}])
    made.s3.add_response("get_object", {"Body": stream(lines)}, {"Bucket": "bucket", "Key": "model/sample.jsonl"})
    with made.s3, made.sagemaker, made.runtime:
        yield made
        for stubber in (made.s3, made.sagemaker, made.runtime):
            stubber.assert_no_pending_responses()


def test_proper_answers_pass(services: Services) -> None:
    services.answer({"predictions": [{"score": 0.25, "label": False}, {"score": 0.75, "label": True}]})

    smoke = services.smoke_test()

    assert (smoke.rows, smoke.lowest_score, smoke.highest_score) == (2, 0.25, 0.75)


@pytest.mark.parametrize(
    "body",
    [
        {"predictions": [{"score": 0.5, "label": True}]},
        {"predictions": [{"score": 1.5, "label": True}] * 2},
        {"predictions": [{"score": float("nan"), "label": True}] * 2},
        {"predictions": [{"score": 0.5, "label": "late"}] * 2},
        {"predictions": [{"score": 0.5}] * 2},
        {"scores": [0.5, 0.5]},
        [0.5, 0.5],
    ],
)
def test_improper_answers_put_the_old_config_back(services: Services, body: Any) -> None:
    services.answer(body)
    services.updates_back()
    services.shows("InService", "flights-old")

    with pytest.raises(RolledBack, match="serves flights-old again"):
        services.smoke_test()


def test_an_endpoint_that_errs_is_put_back(services: Services) -> None:
    services.runtime.add_client_error("invoke_endpoint", "ModelError", "the model answered 500")
    services.updates_back()
    services.shows("InService", "flights-old")

    with pytest.raises(RolledBack, match="the model answered 500"):
        services.smoke_test()


def test_a_new_endpoint_that_errs_is_deleted(services: Services) -> None:
    services.runtime.add_client_error("invoke_endpoint", "ModelError", "500")
    services.sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "flights"})

    with pytest.raises(RolledBack, match="was new, so it was deleted"):
        services.smoke_test(replace(DEPLOYMENT, previous_config=None))


def test_what_had_landed_already_is_left_alone(services: Services) -> None:
    services.runtime.add_client_error("invoke_endpoint", "ModelError", "500")

    with pytest.raises(StepFailed, match="nothing was changed"):
        services.smoke_test(replace(DEPLOYMENT, outcome="already landed", previous_config=None))


def test_a_rollback_that_does_not_land_is_worse(services: Services) -> None:
    services.runtime.add_client_error("invoke_endpoint", "ModelError", "500")
    services.updates_back()
    services.shows("InService", "flights-new")

    with pytest.raises(RollbackFailed, match="could not be put back to flights-old"):
        services.smoke_test()


FILES = {"model/model.ubj": "a" * 64}
DIGEST = digest_listing(FILES)
PACKAGE = DEPLOYMENT.model_package_arn
ROLE = "arn:aws:iam::111122223333:role/r"


def package(approval: str = "Approved") -> dict[str, Any]:
    source = {"S3Uri": "s3://bucket/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "i", "ModelDataSource": {"S3DataSource": source}, "Environment": {"SAGELENS_MODEL_DIGEST": DIGEST}}
    return {
        "ModelPackageName": "flights-1",
        "ModelPackageGroupName": "flights",
        "ModelPackageVersion": 1,
        "ModelPackageArn": PACKAGE,
        "CreationTime": NOW,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": approval,
        "InferenceSpecification": {"Containers": [container]},
        "CustomerMetadataProperties": {"model_digest": DIGEST},
    }


@pytest.fixture
def registry() -> Iterator[Services]:
    """Services that hold one intact model."""
    made = Services()
    manifest = json.dumps({"digest": DIGEST, "files": FILES})
    made.s3.add_response("get_object", {"Body": stream(manifest)}, {"Bucket": "bucket", "Key": "model/manifest.json"})
    with made.s3, made.sagemaker, made.runtime:
        yield made
        made.sagemaker.assert_no_pending_responses()


def test_an_approved_package_reaches_a_new_endpoint(registry: Services) -> None:
    stub, clients = registry.sagemaker, registry.clients
    stub.add_response("describe_model_package", package(), {"ModelPackageName": PACKAGE})
    stub.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    stub.add_client_error("describe_model", "ValidationException", "Could not find model")
    stub.add_response("create_model", {"ModelArn": ARN})
    stub.add_client_error("describe_endpoint_config", "ValidationException", "Could not find endpoint configuration")
    stub.add_response("create_endpoint_config", {"EndpointConfigArn": ARN})
    stub.add_response("create_endpoint", {"EndpointArn": ARN})
    model = ServedModel(
        digest=DIGEST, image="i", model_uri="s3://bucket/model/", role=ROLE, environment={"SAGELENS_MODEL_DIGEST": DIGEST}
    )
    registry.shows("InService", plan(Target(endpoint="flights", model=model)).config_name)

    done = deploy(package=PACKAGE, endpoint="flights", role=ROLE, s3=clients["s3"], sagemaker=clients["sagemaker"])

    assert (done.outcome, done.previous_config, done.model_digest) == ("landed", None, DIGEST)


def test_a_package_that_waits_for_approval_is_not_deployed(registry: Services) -> None:
    registry.sagemaker.add_response("describe_model_package", package("PendingManualApproval"))
    clients = registry.clients

    with pytest.raises(Refused, match="sagelens models approve 1"):
        deploy(package=PACKAGE, endpoint="flights", role=ROLE, s3=clients["s3"], sagemaker=clients["sagemaker"])


def test_scoring_finds_the_latest_approved_model(registry: Services) -> None:
    stub, clients = registry.sagemaker, registry.clients
    summary = {"ModelPackageArn": PACKAGE, "CreationTime": NOW, "ModelPackageStatus": "Completed", "ModelPackageVersion": 1}
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [summary]})
    stub.add_response("describe_model_package", package())
    stub.add_response("describe_model_package", package())
    stub.add_client_error("describe_model", "ValidationException", "Could not find model")
    stub.add_response("create_model", {"ModelArn": ARN})

    found = find_model(group="flights", role=ROLE, s3=clients["s3"], sagemaker=clients["sagemaker"])

    assert found.model_name.startswith(f"flights-{DIGEST[:12]}-")
    assert (found.model_digest, found.model_package_arn) == (DIGEST, PACKAGE)


def test_scoring_without_an_approved_model_says_what_to_do(registry: Services) -> None:
    registry.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []})
    clients = registry.clients

    with pytest.raises(NotFound, match="holds no approved model"):
        find_model(group="flights", role=ROLE, s3=clients["s3"], sagemaker=clients["sagemaker"])
