"""The API as boto3 uses it."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_core.front import Front


def test_boto3_invokes_and_reads_which_clock_ran(front: Front) -> None:
    answer = front.boto3().invoke_endpoint(EndpointName="echo", Body=b"1,2", ContentType="text/csv")

    assert answer["Body"].read() == b"1,2"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")
    told = answer["ResponseMetadata"]
    assert told["HTTPHeaders"]["date"] == "Fri, 01 Jan 2100 00:00:00 GMT"
    assert told["HTTPHeaders"]["x-sagelens-clock"] == "60x"
    assert told["RequestId"] == told["HTTPHeaders"]["x-amzn-requestid"]


def test_boto3_sends_a_file_after_it_was_told_to_go_on(front: Front) -> None:
    answer = front.boto3().invoke_endpoint(EndpointName="echo", Body=io.BytesIO(b"3,4"))

    assert answer["Body"].read() == b"3,4"


def test_boto3_keeps_its_connection_after_errors(front: Front) -> None:
    client = front.boto3()
    others = front.connections()
    for _ in range(3):
        with pytest.raises(ClientError) as error:
            client.invoke_endpoint(EndpointName="failing", Body=b"x")
        assert error.value.response["Error"]["Code"] == "ModelError"
        assert error.value.response["OriginalStatusCode"] == 500
    assert client.invoke_endpoint(EndpointName="echo", Body=b"y")["Body"].read() == b"y"
    assert len(front.connections() - others) == 1
    with pytest.raises(ClientError) as error:
        front.boto3("sagemaker").describe_model(ModelName="none")
    assert error.value.response["Error"]["Code"] == "ResourceNotFound"


def test_boto3_calls_a_model_once_though_it_fails(front: Front) -> None:
    client = front.boto3(retries={"total_max_attempts": 5})
    before = len(front.invoked)
    with pytest.raises(client.exceptions.ModelError):
        client.invoke_endpoint(EndpointName="failing", Body=b"{}")

    assert len(front.invoked) == before + 1
