"""Registration: the requests, and that an unchanged model is registered once."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from sagelens.registry import Candidate, register

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3"
DIGEST = "d" * 64
CANDIDATE = Candidate(
    group="flights", digest=DIGEST, image="sagelens:local", model_uri="s3://bucket/model", metadata={"metric.roc_auc": "0.688"}
)


def listing(stub: Stubber, *summaries: dict[str, Any]) -> None:
    expected = {"ModelPackageGroupName": "flights", "SortBy": "CreationTime", "SortOrder": "Descending"}
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": list(summaries)}, expected)


def describing(stub: Stubber, described: dict[str, Any]) -> None:
    stub.add_response("describe_model_package", described, {"ModelPackageName": ARN})


@pytest.mark.parametrize(("approved", "word"), [(True, "Approved"), (False, "PendingManualApproval")])
def test_a_new_model_is_registered_as_the_policy_says(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], approved: bool, word: str
) -> None:
    group_arn = "arn:aws:sagemaker:us-east-1:111122223333:model-package-group/flights"
    listing(stub)
    stub.add_response("create_model_package_group", {"ModelPackageGroupArn": group_arn}, {"ModelPackageGroupName": "flights"})
    source = {"S3Uri": "s3://bucket/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {
        "Image": "sagelens:local",
        "ModelDataSource": {"S3DataSource": source},
        "Environment": {"SAGELENS_MODEL_DIGEST": DIGEST},
    }
    metadata = {"model_digest": DIGEST, "metric.roc_auc": "0.688"}
    if approved:
        metadata |= {"approved_by": "the environment s policy", "approval_reason": "the gate passed"}
    request = {
        "ModelPackageGroupName": "flights",
        "ModelPackageDescription": f"Model {DIGEST}",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ANY,
            "SupportedResponseMIMETypes": ANY,
        },
        "ModelApprovalStatus": word,
        "CustomerMetadataProperties": metadata,
        "ClientToken": ANY,
    }
    stub.add_response("create_model_package", {"ModelPackageArn": ARN}, request)
    describing(stub, described)

    registered = register(CANDIDATE, approved=approved, reason="the gate passed", sagemaker=sagemaker)

    assert registered.created
    assert registered.package.arn == ARN


def test_an_unchanged_model_answers_with_its_package(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], summary: dict[str, Any]
) -> None:
    other = {**summary, "ModelPackageVersion": 4, "ModelPackageDescription": "Model of another digest"}
    listing(stub, other, summary)
    describing(stub, described)

    registered = register(CANDIDATE, approved=True, reason="r", sagemaker=sagemaker)

    assert not registered.created
    assert registered.package.version == 3


@pytest.mark.parametrize("waiting", ["PendingManualApproval", "Rejected"])
def test_an_automatic_policy_approves_what_waits_but_not_what_was_rejected(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], summary: dict[str, Any], waiting: str
) -> None:
    listing(stub, summary)
    describing(stub, {**described, "ModelApprovalStatus": waiting})
    if waiting == "PendingManualApproval":
        describing(stub, {**described, "ModelApprovalStatus": waiting})
        decision = {"ModelApprovalStatus": "Approved", "ApprovalDescription": "the environment's policy: r"}
        stub.add_response("update_model_package", {"ModelPackageArn": ARN}, {"ModelPackageArn": ARN, **decision})
        describing(stub, described)

    registered = register(CANDIDATE, approved=True, reason="r", sagemaker=sagemaker)

    assert registered.package.approval == ("Approved" if waiting == "PendingManualApproval" else "Rejected")


def test_the_same_model_under_another_image_is_another_package(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], summary: dict[str, Any]
) -> None:
    listing(stub, summary)
    described["InferenceSpecification"]["Containers"][0]["Image"] = "sagelens:older"
    describing(stub, described)
    stub.add_client_error("create_model_package_group", "ValidationException", "Model Package Group already exists")
    stub.add_response("create_model_package", {"ModelPackageArn": ARN.replace("/3", "/4")})
    stub.add_response("describe_model_package", {**described, "ModelPackageVersion": 4})

    registered = register(CANDIDATE, approved=False, reason="r", sagemaker=sagemaker)

    assert registered.created
