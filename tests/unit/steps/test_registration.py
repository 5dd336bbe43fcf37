"""The registration step on a folder as packaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from sagelens.errors import BadData, ModelGateStopped
from sagelens.project import Approval
from sagelens.values import Check, Folder, GateKind, Metrics, Verdict
from steps.registration import Registration, register

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/1"
DIGEST = "e" * 64
METRICS = "s3://bucket/training/1/evaluate/output/metrics/metrics.json"


@pytest.fixture
def sagemaker() -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session().client("sagemaker", region_name="us-east-1", **keys)


@pytest.fixture
def stub(sagemaker: Any) -> Iterator[Stubber]:
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def servable(tmp_path: Path) -> Folder:
    (tmp_path / "manifest.json").write_text(json.dumps({"digest": DIGEST, "files": {}}))
    (tmp_path / "schema.json").write_text("{}")
    return Folder(tmp_path, uri="s3://bucket/training/1/package/output/servable", digest="a" * 64)


def verdict(passed: bool = True) -> Verdict:
    check = Check(name="roc_auc", subject="test", passed=passed, observed="0.688", expected="at least 0.68")
    return Verdict.of("model", GateKind.MODEL, (check,))


def registered(sagemaker: Any, servable: Folder, approval: Approval, passed: bool = True) -> Registration:
    metrics = Metrics({"roc_auc": 0.6881234567, "slice/carrier/AA/roc_auc": 0.7})
    metrics.uri = METRICS
    settings: dict[str, Any] = {
        "group": "flights",
        "image": "sagelens:local",
        "approval": approval,
        "tags": {"sagelens:project": "flights"},
        "sagemaker": sagemaker,
    }
    return register(servable, metrics, verdict(passed), **settings)


@pytest.mark.parametrize(("approval", "word"), [(Approval.AUTOMATIC, "Approved"), (Approval.MANUAL, "PendingManualApproval")])
def test_a_model_that_passed_becomes_a_package(
    stub: Stubber, sagemaker: Any, servable: Folder, approval: Approval, word: str
) -> None:
    metadata: dict[str, Any] = {
        "model_digest": DIGEST,
        "artifact_digest": "a" * 64,
        "schema_digest": ANY,
        "gate": "model",
        "gate_summary": "Gate  model : 1 of 1 checks passed",
        "metric.roc_auc": "0.688123",
    }
    if approval is Approval.AUTOMATIC:
        metadata |= {"approved_by": ANY, "approval_reason": ANY}
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": []})
    group = {"ModelPackageGroupName": "flights", "Tags": [{"Key": "sagelens:project", "Value": "flights"}]}
    stub.add_client_error("create_model_package_group", "ValidationException", "already exists", expected_params=group)
    asked = dict.fromkeys(("ModelPackageDescription", "InferenceSpecification", "ClientToken"), ANY) | {
        "ModelPackageGroupName": "flights",
        "ModelApprovalStatus": word,
        "CustomerMetadataProperties": metadata,
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": METRICS}}},
    }
    stub.add_response("create_model_package", {"ModelPackageArn": ARN}, asked)
    answer = {
        "ModelPackageName": "flights-1",
        "ModelPackageArn": ARN,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": word,
    }
    stub.add_response("describe_model_package", answer)

    registration = registered(sagemaker, servable, approval)

    assert registration == Registration(
        model_package_arn=ARN, model_package_group="flights", model_digest=DIGEST, status="registered", approval=word
    )


def test_a_model_that_failed_its_gate_is_not_registered(sagemaker: Any, servable: Folder) -> None:
    with pytest.raises(ModelGateStopped, match=r"observed 0\.688"):
        registered(sagemaker, servable, Approval.AUTOMATIC, passed=False)


def test_a_folder_without_a_manifest_is_bad_data(sagemaker: Any, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"manifest\.json' cannot be read as part of a servable model"):
        registered(sagemaker, Folder(tmp_path), Approval.AUTOMATIC)
