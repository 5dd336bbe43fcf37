from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from sagelens.errors import BadInput, NotFound
from sagelens.registry import approve, describe, find_by_digest, latest_approved, reject

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3"


def test_the_latest_approved_is_the_highest_version_of_its_second(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], summary: dict[str, Any]
) -> None:
    older = {**summary, "ModelPackageVersion": 2, "ModelPackageArn": ARN.replace("/3", "/2")}
    asked = {"ModelPackageGroupName": "flights", "SortBy": "CreationTime", "SortOrder": "Descending"}
    asked["ModelApprovalStatus"] = "Approved"
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [older, summary]}, asked)
    stub.add_response("describe_model_package", described, {"ModelPackageName": ARN})

    package = latest_approved("flights", sagemaker=sagemaker)

    assert package is not None
    assert package.version == 3


def test_a_group_that_does_not_exist_holds_nothing(stub: Stubber, sagemaker: Any) -> None:
    stub.add_client_error("list_model_packages", "ValidationException", "ModelPackageGroup x does not exist.")

    assert latest_approved("x", sagemaker=sagemaker) is None


def test_other_errors_are_not_swallowed(stub: Stubber, sagemaker: Any) -> None:
    stub.add_client_error("list_model_packages", "AccessDeniedException", "not authorised")

    with pytest.raises(ClientError, match="not authorised"):
        latest_approved("x", sagemaker=sagemaker)


def test_a_digest_is_looked_for_on_every_page(
    stub: Stubber, sagemaker: Any, described: dict[str, Any], summary: dict[str, Any]
) -> None:
    failed = {**summary, "ModelPackageStatus": "Failed"}
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [failed], "NextToken": "t"})
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [summary]})
    stub.add_response("describe_model_package", described)

    package = find_by_digest("flights", "d" * 64, sagemaker=sagemaker)

    assert package is not None
    assert package.arn == ARN


def test_a_package_that_does_not_exist_is_not_found(stub: Stubber, sagemaker: Any) -> None:
    stub.add_client_error("describe_model_package", "ValidationException", "ModelPackage x does not exist.")

    with pytest.raises(NotFound, match="sagelens models list"):
        describe(ARN, sagemaker=sagemaker)


def test_a_rejection_says_who_and_why(stub: Stubber, sagemaker: Any, described: dict[str, Any]) -> None:
    stub.add_response("describe_model_package", described)
    asked = {"ModelPackageArn": ARN, "ModelApprovalStatus": "Rejected", "ApprovalDescription": "ann: too slow"}
    stub.add_response("update_model_package", {"ModelPackageArn": ARN}, asked)
    stub.add_response("describe_model_package", {**described, "ModelApprovalStatus": "Rejected"})

    assert reject(sagemaker, ARN, by="ann", reason="too slow").approval == "Rejected"


def test_nobody_approves_for_no_reason(sagemaker: Any) -> None:
    with pytest.raises(BadInput, match="Give both"):
        approve(sagemaker, ARN, by="ann", reason=" ")
