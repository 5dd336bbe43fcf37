"""Publishing a compiled pipeline: what S3 and SageMaker are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sagelens.errors import NotFound
from sagelens.pipeline.compose import Compiled, publish
from sagelens.pipeline.plan import Upload

BUCKET = "sagelens-flights-staging-111122223333"
KEY = "alias/sagelens-flights-data"
ROLE = "arn:aws:iam::111122223333:role/sagelens-flights-execution"
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/flights-toy"
ENCRYPTED = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}
COMPILED = Compiled("flights-toy", "{}", (Upload(f"s3://{BUCKET}/code/0123/a.py", text="pass"),))
MARKER = f"flights-toy/definitions/{COMPILED.digest}.json"


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")


@pytest.fixture
def s3() -> Iterator[tuple[Any, Stubber]]:
    made = client("s3")
    with Stubber(made) as stub:
        stub.add_client_error("head_object", "404", http_status_code=404)
        yield made, stub
        stub.assert_no_pending_responses()


def test_objects_are_encrypted_with_the_environments_key_and_the_pipeline_is_tagged(s3: tuple[Any, Stubber]) -> None:
    objects, stub = s3
    stub.add_response("head_bucket", {}, {"Bucket": BUCKET})
    stub.add_response("put_object", {}, {"Bucket": BUCKET, "Key": "code/0123/a.py", "Body": b"pass", **ENCRYPTED})
    stub.add_response("put_object", {}, {"Bucket": BUCKET, "Key": MARKER, "Body": b"{}", **ENCRYPTED})
    sagemaker = client("sagemaker")
    with Stubber(sagemaker) as asked:
        asked.add_client_error("describe_pipeline", "ResourceNotFound")
        wanted = {
            "PipelineName": "flights-toy",
            "PipelineDefinition": "{}",
            "ClientRequestToken": COMPILED.digest,
            "RoleArn": ROLE,
            "Tags": [{"Key": "sagelens:project", "Value": "flights"}],
        }
        asked.add_response("create_pipeline", {"PipelineArn": ARN}, wanted)
        tags = {"sagelens:project": "flights"}

        assert publish(COMPILED, sagemaker=sagemaker, s3=objects, bucket=BUCKET, role=ROLE, tags=tags, data_key=KEY) == ARN


def test_a_bucket_that_infra_has_to_make_is_not_made_here(s3: tuple[Any, Stubber]) -> None:
    objects, stub = s3
    stub.add_client_error("head_bucket", "404", http_status_code=404)

    with pytest.raises(NotFound, match=f"Bucket '{BUCKET}' does not exist. Deploy infra/"):
        publish(COMPILED, sagemaker=None, s3=objects, bucket=BUCKET, role=ROLE, tags={}, data_key=KEY)
