from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from sagelens.errors import BadData, Refused
from sagelens.evaluation.champion import Champion, download, find_champion

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/3"
ASKED = {
    "ModelPackageGroupName": "flights",
    "ModelApprovalStatus": "Approved",
    "SortBy": "CreationTime",
    "SortOrder": "Descending",
}
SUMMARY = {
    "ModelPackageArn": ARN,
    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    "ModelPackageStatus": "Completed",
    "ModelPackageGroupName": "flights",
}
SOURCE = {"S3DataSource": {"S3Uri": "s3://bucket/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
PACKAGE = {
    "ModelPackageName": "flights",
    "ModelPackageArn": ARN,
    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": []},
    "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataSource": SOURCE}]},
    "CustomerMetadataProperties": {"model_digest": "d1"},
}


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def sagemaker() -> Iterator[tuple[Any, Stubber]]:
    made = client("sagemaker")
    with Stubber(made) as stub:
        yield made, stub


def test_the_champion_is_the_first_package_listed_also_after_an_empty_page(sagemaker: tuple[Any, Stubber]) -> None:
    made, stub = sagemaker
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [], "NextToken": "t"}, ASKED)
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, {**ASKED, "NextToken": "t"})
    stub.add_response("describe_model_package", PACKAGE, {"ModelPackageName": ARN})

    assert find_champion(made, "flights") == Champion(arn=ARN, digest="d1", uri="s3://bucket/model/")


def test_no_approved_package_is_no_champion(sagemaker: tuple[Any, Stubber]) -> None:
    made, stub = sagemaker
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": []}, ASKED)

    assert find_champion(made, "flights") is None


@pytest.mark.parametrize(
    ("code", "message"),
    [("ValidationException", "Model Package Group flights does not exist."), ("ResourceNotFound", "No such group")],
)
def test_a_group_that_does_not_exist_yet_has_no_champion(sagemaker: tuple[Any, Stubber], code: str, message: str) -> None:
    made, stub = sagemaker
    stub.add_client_error("list_model_packages", code, message)

    assert find_champion(made, "flights") is None


def test_other_errors_are_not_taken_for_an_absent_group(sagemaker: tuple[Any, Stubber]) -> None:
    made, stub = sagemaker
    stub.add_client_error("list_model_packages", "AccessDeniedException", "the role does not exist")

    with pytest.raises(ClientError, match="AccessDenied"):
        find_champion(made, "flights")


def test_a_package_of_another_make_says_what_it_lacks(sagemaker: tuple[Any, Stubber]) -> None:
    made, stub = sagemaker
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [SUMMARY]}, ASKED)
    stub.add_response("describe_model_package", {k: v for k, v in PACKAGE.items() if k != "CustomerMetadataProperties"})

    with pytest.raises(BadData, match="lacks 'CustomerMetadataProperties'"):
        find_champion(made, "flights")


def test_download_keeps_the_paths_below_the_prefix(tmp_path: Path) -> None:
    made = client("s3")
    champion = Champion(arn=ARN, digest="d1", uri="s3://bucket/model/")
    with Stubber(made) as stub:
        keys = [{"Key": "model/"}, {"Key": "model/a.json"}, {"Key": "model/code/b.py"}]
        stub.add_response("list_objects_v2", {"Contents": keys}, {"Bucket": "bucket", "Prefix": "model/"})
        for key, content in (("model/a.json", b"{}"), ("model/code/b.py", b"x = 1")):
            body = StreamingBody(io.BytesIO(content), len(content))
            stub.add_response("get_object", {"Body": body}, {"Bucket": "bucket", "Key": key})
        download(made, champion, tmp_path)

    assert (tmp_path / "a.json").read_bytes() == b"{}"
    assert (tmp_path / "code" / "b.py").read_bytes() == b"x = 1"


def test_a_key_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    made = client("s3")
    with Stubber(made) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "model/../../evil"}]})
        with pytest.raises(Refused, match="outside the model's folder"):
            download(made, Champion(arn=ARN, digest="d1", uri="s3://bucket/model"), tmp_path / "champion")
