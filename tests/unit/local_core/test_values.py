"""What a client may write as text, numbers and times, in every protocol; everything else is the client's mistake."""

from __future__ import annotations

import asyncio
import gzip
import json
import struct
import time
from typing import Any

import pytest

from sagelens.local.api import Api, cbor
from sagelens.local.api.documents import LARGEST, MOST_ITEMS, form_fields, json_document
from sagelens.local.api.protocol import HttpAnswer, HttpRequest
from sagelens.local.api.showing import shown
from sagelens.local.clock import ScaledClock
from sagelens.local.ports import Document, Request
from tests.unit.local_core.test_api import KEY, SIGNED

DEEP: Any = "x"
for _ in range(900):
    DEEP = [DEEP]

MODEL_NAMES = [5, True, 1.5, ["a"], {"a": 1}, [], DEEP, 10**400, "\ud800", "a\0b", "", "x" * 300_000, "ü", "a\nb"]
TIMES = [10**400, -(10**400), 1e18, -1e18, 253402300800, "soon", "²", "9" * 5000, [], {}, True, "\ud800"]
NUMBERS = [2**31, -(2**31) - 1, 2**70, 10**4000, 1.0, 1e999, "1", "²", True, [], {}]


async def nothing(request: Request) -> Document:
    return {}


OPERATIONS = (
    "sagemaker.DescribeModel",
    "sagemaker.ListModels",
    "sagemaker.AddTags",
    "cloudwatch.PutMetricData",
    "cloudwatch.DescribeAlarms",
    "cloudwatch.UntagResource",
    "sagemaker-runtime.InvokeEndpoint",
)


def api() -> Api:
    return Api(dict.fromkeys(OPERATIONS, nothing), KEY, ScaledClock())


def send(body: bytes, path: str = "/", **headers: str) -> HttpAnswer:
    given = {"authorization": SIGNED, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asyncio.run(api().answer(HttpRequest(method="POST", target=path, headers=given, body=body)))


def ask(operation: str, request: Any, service: str = "SageMaker") -> HttpAnswer:
    return send(request if isinstance(request, bytes) else json.dumps(request).encode(), x_amz_target=f"{service}.{operation}")


def put(body: bytes, **headers: str) -> HttpAnswer:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    return send(body, path, smithy_protocol="rpc-v2-cbor", **headers)


def query(fields: str | bytes) -> HttpAnswer:
    body = fields if isinstance(fields, bytes) else fields.encode()
    return send(b"Version=2010-08-01&" + body, content_type="application/x-www-form-urlencoded")


def test_the_texts_numbers_and_times_of_the_model_are_let_through() -> None:
    assert ask("DescribeModel", {"ModelName": "m"}).status == 200
    assert ask("ListModels", {"MaxResults": 7, "CreationTimeAfter": 1.5, "CreationTimeBefore": 253402300799}).status == 200
    assert (
        ask("AddTags", {"ResourceArn": "arn:aws:sagemaker:a:000000000000:b", "Tags": [{"Key": "größe", "Value": "5 mm"}]}).status
        == 200
    )
    assert query("Action=DescribeAlarms&MaxRecords=%2B7&AlarmNamePrefix=%C3%BC").status == 200


@pytest.mark.parametrize("name", MODEL_NAMES, ids=lambda value: shown(value, longest=20))
def test_a_text_that_is_none_is_the_clients_mistake(name: Any) -> None:
    answer = ask("DescribeModel", {"ModelName": name})
    assert answer.status == 400
    assert len(answer.body) < 5000


@pytest.mark.parametrize("moment", TIMES, ids=lambda value: shown(value, longest=20))
def test_a_time_that_is_none_is_the_clients_mistake(moment: Any) -> None:
    assert ask("ListModels", {"CreationTimeAfter": moment}).status == 400


@pytest.mark.parametrize("number", NUMBERS, ids=lambda value: shown(value, longest=20))
def test_a_number_that_is_none_is_the_clients_mistake(number: Any) -> None:
    assert ask("ListModels", {"MaxResults": number}).status == 400


@pytest.mark.parametrize("token", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-" + b"9" * 5000])
def test_json_has_no_number_that_is_not_finite(token: bytes) -> None:
    body = b'{"Namespace":"n","MetricData":[{"MetricName":"m","Value":' + token + b"}]}"
    assert ask("PutMetricData", body, "GraniteServiceVersion20100801").status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"ModelName":' * 100_000,
        b'{"ModelName":' + b"[" * 990 + b"]" * 990 + b"}",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"ModelName":"\xed\xa0\x80"}',
        b"null",
        b'"text"',
        b"5",
        b"",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_body_that_is_no_document_is_the_clients_mistake(body: bytes) -> None:
    assert ask("DescribeModel", body).status == 400


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**4000, "\ud800", b"bytes", [], {}, "1"])
def test_the_services_own_rooms_are_held_to_the_same(value: Any) -> None:
    """A pipeline hands on what its definition holds."""
    datum = {"MetricName": "m", "Value": value}
    with pytest.raises(Exception, match="validation error") as refused:
        asyncio.run(api().call("cloudwatch.PutMetricData", {"Namespace": "n", "MetricData": [datum]}))
    assert getattr(refused.value, "status", 500) == 400


@pytest.mark.parametrize(
    "value",
    [b"\xfb" + struct.pack(">d", number) for number in (float("nan"), float("inf"), -float("inf"))] + [b"\x61\xff", b"\xf4"],
)
def test_cbor_brings_no_other_values(value: bytes) -> None:
    datum = b"\xa2" + cbor.encode("MetricName") + cbor.encode("m") + cbor.encode("Value") + value
    body = b"\xa2" + cbor.encode("Namespace") + cbor.encode("n") + cbor.encode("MetricData") + b"\x81" + datum
    assert put(body).status == 400


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), 1e18, -1e18])
def test_cbor_brings_no_time_that_is_none(moment: float) -> None:
    datum = {"MetricName": "m", "Value": 1, "Timestamp": cbor.Moment(moment)}
    assert put(cbor.encode({"Namespace": "n", "MetricData": [datum]})).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"\x9a" + struct.pack(">I", 4_000_000) + b"\x80" * 4_000_000,
        b"\x9b" + struct.pack(">Q", 2**60),
        b"\x7f" + b"\x61a" * 500_000 + b"\xff",
        b"\xbf" + b"\x61a\xf6" * 500_000 + b"\xff",
        b"\xc1" * 100_000,
    ],
    ids=lambda value: repr(value[:6]),
)
def test_a_document_of_cbor_has_limits(body: bytes) -> None:
    answer = put(body)
    assert answer.status == 400
    assert cbor.decode(answer.body)["__type"] == "SerializationException"


@pytest.mark.parametrize(
    "fields",
    [
        "Action=UntagResource&ResourceARN=a&TagKeys.member.%C2%B2=x",
        "Action=UntagResource&ResourceARN=a&TagKeys.member." + "9" * 5000 + "=x",
        "Action=UntagResource&ResourceARN=a&TagKeys.member.x=x",
        "Action=UntagResource&ResourceARN=a&TagKeys.member=x",
        "Action=UntagResource&ResourceARN=a&TagKeys=x",
        "Action=UntagResource&ResourceARN=a&TagKeys" + ".member" * 50_000 + "=x",
        "Action=UntagResource&ResourceARN=a&ResourceARN=b",
        "Action=UntagResource&ResourceARN=a&ResourceARN.b=c",
        "Action=UntagResource&ResourceARN.b=c&ResourceARN=a",
        "Action=DescribeAlarms&MaxRecords=" + "9" * 5000,
        "Action=DescribeAlarms&MaxRecords=1_0",
        "Action=DescribeAlarms&MaxRecords=%D9%A3",
        "Action=DescribeAlarms&MaxRecords=%207",
        "Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=nan",
        "Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1_0",
        "Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1e999",
        "Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Timestamp=10000-01-01T00:00:00Z",
        b"Action=DescribeAlarms&AlarmNamePrefix=%FF",
        b"Action=DescribeAlarms&AlarmNamePrefix=\xff",
        "Action=DescribeAlarms&AlarmNamePrefix=%00",
        "a&" * 100_000,
        "Action=" + "x" * 1_000_000,
        "",
    ],
    ids=lambda value: str(value)[7:50],
)
def test_a_form_that_makes_no_sense_is_the_clients_mistake(fields: str | bytes) -> None:
    answer = query(fields)
    assert answer.status == 400
    assert len(answer.body) < 6000


def test_a_form_is_read_as_it_was_sent() -> None:
    assert form_fields(b"a=1+2&b=%C3%BC&c&d==&&e=%") == {"a": "1 2", "b": "ü", "c": "", "d": "=", "e": "%"}


def test_an_answer_in_xml_holds_no_character_that_xml_has_not() -> None:
    answer = query("Action=Nothing%01%0B")
    assert b"\x01" not in answer.body
    assert "\ufffd".encode() in answer.body


@pytest.mark.parametrize(
    "target", ["/endpoints/%FF/invocations", "/endpoints/%00/invocations", "/endpoints/" + "x" * 5000 + "/invocations"]
)
def test_a_path_that_names_nothing_is_the_clients_mistake(target: str) -> None:
    assert send(b"1", target).status == 400


def test_everything_that_is_wrong_is_counted_no_further_than_anybody_reads() -> None:
    answer = ask("AddTags", {"ResourceArn": "arn:aws:sagemaker:a:1:b", "Tags": [{"K" * 100: 1} for _ in range(20_000)]})
    assert answer.status == 400
    assert len(answer.body) < 6000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(bytes(200 * 1024 * 1024), mtime=0), 413),
        (gzip.compress(b"{}", mtime=0) + b"more", 400),
        (gzip.compress(b"{}", mtime=0)[:-1], 400),
        (bytes(LARGEST + 1), 413),
    ],
    ids=["bomb", "more behind", "cut", "too large"],
)
def test_a_document_is_bounded_once_it_is_unpacked(body: bytes, status: int) -> None:
    headers = {} if len(body) > LARGEST else {"content_encoding": "gzip"}
    assert send(body, x_amz_target="SageMaker.ListModels", **headers).status == status


def test_a_document_of_json_may_hold_what_the_largest_request_holds() -> None:
    document = {"PipelineDefinition": '{"a":[1,2]},' * 120_000}
    assert json_document(json.dumps(document).encode()) == document
    for body in (b"[" + b"1," * MOST_ITEMS + b"1]", b"[" + b'"\\"",' * MOST_ITEMS + b"1]", b'["' + b'","' * 2_000_000):
        with pytest.raises(ValueError, match="more than"):
            json_document(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"NameContains":[' + b"[]," * 80_000 + b"[]]}",
        b'{"NameContains":"' + b"x" * 7_000_000 + b'"}',
        b'{"NameContains":{' + b",".join(b'"%d":1' % number for number in range(100_000)) + b"}}",
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_large_request_keeps_nobody_waiting(body: bytes) -> None:
    async def both() -> tuple[HttpAnswer, float]:
        front, worst, began = api(), 0.0, time.thread_time()
        headers = {"authorization": SIGNED, "x-amz-target": "SageMaker.ListModels"}
        large = asyncio.create_task(front.answer(HttpRequest(method="POST", target="/", headers=headers, body=body)))
        while not large.done():
            await asyncio.sleep(0)
            worst, began = max(worst, time.thread_time() - began), time.thread_time()
        return large.result(), worst

    answer, worst = asyncio.run(both())
    assert answer.status == 400
    assert worst < 0.5


@pytest.mark.parametrize(
    "how",
    [
        {"x-amz-target": "GraniteServiceVersion20100801.GetMetricData"},
        {"smithy-protocol": "rpc-v2-cbor", "path": "/service/GraniteServiceVersion20100801/operation/GetMetricData"},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
    ids=["json", "cbor", "query"],
)
def test_a_large_answer_keeps_nobody_waiting(how: dict[str, str]) -> None:
    numbers = [float(number) for number in range(100_000)]

    async def found(request: Request) -> Document:
        return {"MetricDataResults": [{"Id": "a", "Timestamps": numbers, "Values": numbers}]}

    async def scenario() -> tuple[HttpAnswer, float]:
        headers = {"authorization": SIGNED, **how}
        query = {"MetricDataQueries": [], "StartTime": 0.0, "EndTime": 1.0}
        body = cbor.encode(query) if "path" in how else json.dumps(query).encode()
        if "content-type" in how:
            body = b"Version=2010-08-01&Action=GetMetricData&StartTime=1970-01-01&EndTime=1970-01-02&MetricDataQueries="
        front, worst, began = Api({"cloudwatch.GetMetricData": found}, KEY, ScaledClock()), 0.0, time.thread_time()
        request = HttpRequest(method="POST", target=how.get("path", "/"), headers=headers, body=body)
        answering = asyncio.create_task(front.answer(request))
        while not answering.done():
            await asyncio.sleep(0)
            worst, began = max(worst, time.thread_time() - began), time.thread_time()
        return answering.result(), worst

    answer, worst = asyncio.run(scenario())
    assert answer.status == 200
    assert len(answer.body) > 500_000
    assert worst < 0.5


@pytest.mark.parametrize(
    ("headers", "path", "body"),
    [
        ({"x-amz-target": "GraniteServiceVersion20100801.DescribeAlarms"}, "/", b"{}"),
        ({"smithy-protocol": "rpc-v2-cbor"}, "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", b"\xa0"),
        ({"content-type": "application/x-www-form-urlencoded"}, "/", b"Version=2010-08-01&Action=DescribeAlarms"),
    ],
    ids=["json", "cbor", "query"],
)
def test_an_answer_can_be_written_whatever_text_is_in_it(headers: dict[str, str], path: str, body: bytes) -> None:
    async def found(request: Request) -> Document:
        return {"MetricAlarms": [{"AlarmName": "last words \udcff\x00"}]}

    front = Api({"cloudwatch.DescribeAlarms": found}, KEY, ScaledClock())
    request = HttpRequest(method="POST", target=path, headers={"authorization": SIGNED, **headers}, body=body)
    answer = asyncio.run(front.answer(request))

    assert answer.status == 200
    assert b"last words" in answer.body
