"""A boto3 client whose requests are checked against SageMaker's own service model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def client(service: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.session.Session().client(service, region_name="us-east-1", **keys)


@pytest.fixture
def sagemaker() -> Any:
    return client("sagemaker")


@pytest.fixture
def stub(sagemaker: Any) -> Iterator[Stubber]:
    """Answers in the order in which they were added; every one of them must have been asked for."""
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def described() -> dict[str, Any]:
    """What DescribeModelPackage says of flights/3."""
    source = {"S3Uri": "s3://bucket/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {
        "ModelPackageName": "flights-3",
        "ModelPackageGroupName": "flights",
        "ModelPackageVersion": 3,
        "ModelPackageArn": ARN,
        "CreationTime": NOW,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [{"Image": "sagelens:local", "ModelDataSource": {"S3DataSource": source}}],
        },
        "CustomerMetadataProperties": {"model_digest": "d" * 64},
    }


@pytest.fixture
def summary() -> dict[str, Any]:
    return {
        "ModelPackageArn": ARN,
        "ModelPackageVersion": 3,
        "ModelPackageGroupName": "flights",
        "ModelPackageDescription": f"Model {'d' * 64}",
        "CreationTime": NOW,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }
