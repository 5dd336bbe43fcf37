"""What the Api answers, and `call`, without a socket."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from sagelens.local.api import Api
from sagelens.local.api.protocol import HttpAnswer, HttpRequest
from sagelens.local.clock import ScaledClock
from sagelens.local.ports import ApiError, Document, Request

KEY = "SAGELENSKEY"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"


async def describe_model(request: Request) -> Document:
    if request["ModelName"] == "missing":
        raise ApiError("ResourceNotFound", "Could not find it.", Hint="none")
    if request["ModelName"] == "broken":
        raise RuntimeError("boom")
    if request["ModelName"] == "interrupted":
        raise asyncio.CancelledError
    return {"ModelName": request["ModelName"], "ModelArn": "arn", "CreationTime": 5.5, "Private": 1, "VpcConfig": None}


async def list_models(request: Request) -> Document:
    return {"Models": [{"CreationTime": object()}]}


async def invoke(request: Request) -> Document:
    if request["Body"] == b"bad":
        raise ApiError("ModelError", "the model said no", OriginalStatusCode=400, OriginalMessage="no")
    return {
        "Body": request["Body"][::-1],
        "ContentType": request.get("Accept", "text/csv"),
        "InvokedProductionVariant": request.get("TargetVariant", request["EndpointName"]),
    }


async def caller(request: Request) -> Document:
    return {"Account": "000000000000", "UserId": "a<b", "Arn": "arn"}


async def assume_role(request: Request) -> Document:
    return {"PackedPolicySize": len(request["PolicyArns"]), "SourceIdentity": request["PolicyArns"][1]["arn"]}


HANDLERS = {
    "sts.AssumeRole": assume_role,
    "sagemaker.DescribeModel": describe_model,
    "sagemaker.ListModels": list_models,
    "sagemaker-runtime.InvokeEndpoint": invoke,
    "sts.GetCallerIdentity": caller,
}


class Answer:
    def __init__(self, answer: HttpAnswer) -> None:
        self.status = answer.status
        self.headers = {"content-type": answer.content_type, "x-amzn-requestid": answer.request_id, **answer.headers}
        self.body = answer.body

    def json(self) -> Any:
        return json.loads(self.body)


def api() -> Api:
    return Api(HANDLERS, KEY, ScaledClock())


def send(headers: dict[str, str], body: bytes = b"{}", path: str = "/") -> Answer:
    given = {name.lower(): value for name, value in {"Authorization": SIGNED, **headers}.items()}
    return Answer(asyncio.run(api().answer(HttpRequest(method="POST", target=path, headers=given, body=body))))


def ask(operation: str, request: Any, **headers: str) -> Answer:
    return send({"X-Amz-Target": f"SageMaker.{operation}", **headers}, json.dumps(request).encode())


def test_an_answer_holds_what_the_model_knows_and_nothing_else() -> None:
    answer = ask("DescribeModel", {"ModelName": "m"})
    assert answer.status == 200
    assert answer.json() == {"ModelName": "m", "ModelArn": "arn", "CreationTime": 5.5}
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"


def test_an_error_of_a_handler_reaches_the_client() -> None:
    answer = ask("DescribeModel", {"ModelName": "missing"})
    assert answer.status == 400
    assert answer.json() == {"__type": "ResourceNotFound", "message": "Could not find it.", "Hint": "none"}


def test_a_request_is_validated_before_its_handler_sees_it() -> None:
    answer = ask("DescribeModel", {"ModelName": "m", "Extra": 1})
    assert (answer.status, answer.json()["__type"]) == (400, "ValidationException")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]"])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    answer = send({"X-Amz-Target": "SageMaker.DescribeModel"}, body)
    assert answer.status == 400
    assert answer.json()["__type"] in {"SerializationException", "ValidationException"}


@pytest.mark.parametrize("operation", ["CreateHub", "NoSuchThing"])
def test_what_is_not_offered_is_named(operation: str) -> None:
    answer = ask(operation, {})
    assert answer.json()["__type"] == "UnknownOperationException"
    assert f"{operation} is not offered by the local SageMaker" in answer.json()["message"]


def test_a_handler_that_breaks_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask("DescribeModel", {"ModelName": "broken"})
    assert (answer.status, answer.json()["__type"]) == (500, "InternalFailure")
    assert "RuntimeError: boom" in answer.json()["message"]
    assert "Traceback" in caplog.text


def test_a_client_is_answered_though_what_its_request_waited_for_was_cancelled() -> None:
    answer = ask("DescribeModel", {"ModelName": "interrupted"})
    assert (answer.status, answer.json()["__type"]) == (500, "InternalFailure")


def test_an_answer_that_cannot_be_encoded_is_an_internal_failure(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask("ListModels", {})
    assert (answer.status, answer.json()["__type"]) == (500, "InternalFailure")


@pytest.mark.parametrize(
    "authorization", ["", "AWS4-HMAC-SHA256 Credential=OTHER/x", f"Basic {KEY}", SIGNED.replace(KEY, KEY + "x")]
)
def test_only_the_projects_key_is_let_in(authorization: str) -> None:
    answer = ask("DescribeModel", {"ModelName": "m"}, Authorization=authorization)
    assert (answer.status, answer.json()["__type"]) == (403, "UnrecognizedClientException")


def test_a_request_of_no_aws_client_gets_a_plain_answer() -> None:
    answer = send({})
    assert answer.status == 404
    assert b"sagelens local env" in answer.body
    assert send({"X-Amz-Target": "DynamoDB_20120810.ListTables"}).status == 404


def test_an_invocation_passes_body_and_headers_both_ways() -> None:
    headers = {"Content-Type": "text/csv", "Accept": "application/json", "X-Amzn-SageMaker-Target-Variant": "blue"}
    answer = send(headers, b"\x00abc", "/endpoints/e%2D1/invocations")
    assert (answer.status, answer.body) == (200, b"cba\x00")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-invoked-production-variant"] == "blue"


def test_the_path_names_the_endpoint() -> None:
    assert send({}, b"x", "/endpoints/e%2D1/invocations").headers["x-amzn-invoked-production-variant"] == "e-1"
    assert send({}, b"x", "/endpoints/under_score/invocations").json()["message"].startswith("1 validation error")
    assert "not offered" in send({}, b"x", "/endpoints/e/elsewhere").json()["message"]


@pytest.mark.parametrize(
    "path", ["/endpoints//invocations", "/endpoints/e/invocations/", "/endpoints/a/b/invocations", "/endpoints/e"]
)
def test_a_path_that_names_no_operation_is_refused(path: str) -> None:
    answer = send({}, b"x", path)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "UnknownOperationException")


def test_streams_are_refused_by_name() -> None:
    answer = send({}, b"x", "/endpoints/e/invocations-response-stream")
    assert "InvokeEndpointWithResponseStream is not offered" in answer.json()["message"]


@pytest.mark.parametrize(
    ("header", "value", "constraint"),
    [
        ("X-Amzn-SageMaker-Target-Variant", "under_score", "regular expression pattern"),
        ("X-Amzn-SageMaker-Inference-Id", "i" * 65, "length less than or equal to 64"),
        ("Accept", "a" * 1025, "length less than or equal to 1024"),
    ],
)
def test_a_header_is_checked_as_the_model_demands(header: str, value: str, constraint: str) -> None:
    answer = send({header: value}, b"x", "/endpoints/e/invocations")
    assert answer.status == 400
    assert constraint in answer.json()["message"]


def test_an_invocation_may_be_larger_than_botocores_model_says() -> None:
    answer = send({}, bytes(7 * 1024 * 1024), "/endpoints/e/invocations")
    assert (answer.status, len(answer.body)) == (200, 7 * 1024 * 1024)


def test_a_model_error_carries_what_the_model_said() -> None:
    answer = send({}, b"bad", "/endpoints/e/invocations")
    assert answer.status == 424
    assert answer.headers["x-amzn-errortype"] == "ModelError"
    assert answer.json()["OriginalStatusCode"] == 400


def test_query_is_answered_in_xml() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    answer = send(form, b"Action=GetCallerIdentity&Version=2011-06-15")
    root = ET.fromstring(answer.body)
    space = {"s": "https://sts.amazonaws.com/doc/2011-06-15/"}
    assert root.findtext("s:GetCallerIdentityResult/s:UserId", namespaces=space) == "a<b"
    assert root.findtext("s:ResponseMetadata/s:RequestId", namespaces=space) == answer.headers["x-amzn-requestid"]

    refused = send(form, b"Action=GetSessionToken&Version=2011-06-15")
    assert b"<Code>UnknownOperationException</Code>" in refused.body
    assert refused.status == 400


def test_query_carries_lists_of_structures() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    role = "RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fr&RoleSessionName=session"
    policies = "&".join(f"PolicyArns.member.{number}.arn=arn:aws:iam::aws:policy-{number:02}" for number in (2, 10, 1))
    answer = send(form, f"Action=AssumeRole&Version=2011-06-15&{role}&{policies}".encode())
    assert b"<PackedPolicySize>3</PackedPolicySize><SourceIdentity>arn:aws:iam::aws:policy-02</SourceIdentity>" in answer.body

    refused = send(form, f"Action=AssumeRole&Version=2011-06-15&{role}&Nonsense=1".encode())
    assert b"Unknown member" in refused.body
    assert b"<Code>MalformedInput</Code>" in send(form, b"Action=AssumeRole&Version=2011-06-15&A=1&A.B=2").body


def test_rooms_call_one_another_as_clients_do() -> None:
    assert asyncio.run(api().call("sagemaker.DescribeModel", {"ModelName": "m"})) == {
        "ModelName": "m",
        "ModelArn": "arn",
        "CreationTime": 5.5,
    }
    invoked = asyncio.run(api().call("sagemaker-runtime.InvokeEndpoint", {"EndpointName": "e", "Body": b"12"}))
    assert invoked["Body"] == b"21"


@pytest.mark.parametrize(
    ("key", "request_", "code"),
    [
        ("sagemaker.DescribeModel", {}, "ValidationException"),
        ("sagemaker.DescribeModel", {"ModelName": "missing"}, "ResourceNotFound"),
        ("sagemaker.DescribeModel", {"ModelName": "broken"}, "InternalFailure"),
        ("sagemaker.CreateHub", {}, "UnknownOperationException"),
        ("elsewhere.Do", {}, "UnknownOperationException"),
    ],
)
def test_a_call_fails_as_for_a_client(key: str, request_: Request, code: str) -> None:
    with pytest.raises(ApiError) as error:
        asyncio.run(api().call(key, request_))
    assert error.value.code == code
