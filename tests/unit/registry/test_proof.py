"""What may be deployed: an approved package whose folder is what was registered."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from sagelens.errors import Refused
from sagelens.registry import deployable
from sagelens.values import digest_listing

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3"
FILES = {"model/model.ubj": "a" * 64}
DIGEST = digest_listing(FILES)


@pytest.fixture
def s3() -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session().client("s3", region_name="us-east-1", **keys)


@pytest.fixture
def objects(s3: Any) -> Iterator[Stubber]:
    with Stubber(s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def holding(objects: Stubber, manifest: dict[str, Any]) -> None:
    body = json.dumps(manifest).encode()
    answer = {"Body": StreamingBody(io.BytesIO(body), len(body))}
    objects.add_response("get_object", answer, {"Bucket": "bucket", "Key": "model/manifest.json"})


def test_an_approved_and_unchanged_model_may(
    stub: Stubber, objects: Stubber, sagemaker: Any, s3: Any, described: dict[str, Any]
) -> None:
    described["CustomerMetadataProperties"] = {"model_digest": DIGEST}
    stub.add_response("describe_model_package", described)
    holding(objects, {"digest": DIGEST, "files": FILES})

    assert deployable(ARN, sagemaker=sagemaker, s3=s3).digest == DIGEST


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_one_that_is_not_approved_may_not(
    stub: Stubber, sagemaker: Any, s3: Any, described: dict[str, Any], approval: str
) -> None:
    stub.add_response("describe_model_package", {**described, "ModelApprovalStatus": approval})

    with pytest.raises(Refused, match=f"flights/3 is {approval}"):
        deployable(ARN, sagemaker=sagemaker, s3=s3)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"digest": "b" * 64, "files": FILES}, "manifest.json says"),
        ({"digest": DIGEST, "files": {"model/model.ubj": "c" * 64}}, "the files that manifest.json lists make"),
    ],
)
def test_one_whose_folder_was_changed_may_not(
    stub: Stubber,
    objects: Stubber,
    sagemaker: Any,
    s3: Any,
    described: dict[str, Any],
    manifest: dict[str, Any],
    said: str,
) -> None:
    described["CustomerMetadataProperties"] = {"model_digest": DIGEST}
    stub.add_response("describe_model_package", described)
    holding(objects, manifest)

    with pytest.raises(Refused, match=said):
        deployable(ARN, sagemaker=sagemaker, s3=s3)


def test_one_whose_folder_is_gone_may_not(
    stub: Stubber, objects: Stubber, sagemaker: Any, s3: Any, described: dict[str, Any]
) -> None:
    stub.add_response("describe_model_package", described)
    objects.add_client_error("get_object", "NoSuchKey", "no such key")

    with pytest.raises(Refused, match=r"cannot be read at s3://bucket/model/manifest\.json"):
        deployable(ARN, sagemaker=sagemaker, s3=s3)
