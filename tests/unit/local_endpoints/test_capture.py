"""Data capture, down to the files."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.endpoints.capture import Captured, CaptureSettings, line
from sagelens.local.endpoints.http import Answer, head_of
from sagelens.local.ports import ApiError, Document
from sagelens.testing import DrivenClock
from sagelens.testing.endpoints import FakeServers
from tests.unit.local_endpoints.conftest import Local, opened, until, variant

Run = Callable[..., None]


def settings(*modes: str, sampling: int = 100, **more: Any) -> Document:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": sampling,
        "DestinationS3Uri": "s3://bucket/captured/",
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes or ("Input", "Output")],
        **more,
    }


TYPED = {"CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}}


def event(config: Document, body: bytes, content_type: str, **headers: str) -> Document:
    given = CaptureSettings.of(config)
    assert given is not None
    head = head_of("POST", "/invocations", [("Content-Type", content_type), *headers.items()], len(body))
    answer = Answer(200, {"content-type": "text/csv; charset=utf-8"}, b"0.5\n")
    document: Document = json.loads(line(Captured(head, body, answer, 1_767_225_600.25), given))
    return document


def test_an_event_has_sagemakers_shape() -> None:
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "id=7", "X-Amzn-SageMaker-Inference-Id": "inference-7"}
    found = event(settings(**TYPED), b'{"a":1}', "application/json", **attributes)
    event_id = found["eventMetadata"].pop("eventId")

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event_id)
    assert found == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "application/json",
                "mode": "INPUT",
                "data": '{"a":1}',
                "encoding": "JSON",
            },
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "0.5\n",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {
            "customAttributes": ["id=7"],
            "inferenceId": "inference-7",
            "inferenceTime": "2026-01-01T00:00:00Z",
        },
        "eventVersion": "0",
    }


@pytest.mark.parametrize(
    ("more", "content_type", "body"),
    [
        ({}, "text/csv", b"1,2"),
        (TYPED, "application/x-parquet", b"PAR1"),
        (TYPED, "text/csv", b"\xff\xfe"),
    ],
)
def test_what_is_not_declared_to_be_text_is_base64(more: Document, content_type: str, body: bytes) -> None:
    found = event(settings(**more), body, content_type)["captureData"]["endpointInput"]

    assert found["encoding"] == "BASE64"
    assert base64.b64decode(found["data"]) == body


@pytest.mark.parametrize(
    ("modes", "sides"),
    [
        (("Input",), ["endpointInput"]),
        (("Output",), ["endpointOutput"]),
        (("InputAndOutput",), ["endpointInput", "endpointOutput"]),
    ],
)
def test_only_the_sides_asked_for_are_kept(modes: tuple[str, ...], sides: list[str]) -> None:
    assert list(event(settings(*modes), b"", "text/csv")["captureData"]) == sides


def files(local: Local) -> dict[str, list[Document]]:
    root = local.objects.root / "bucket" / "captured"
    return {
        path.relative_to(root).as_posix(): [json.loads(text) for text in path.read_text().splitlines()]
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def captured(tmp_path: Path, config: Document, scenario: Callable[[Local, FakeServers], Any]) -> dict[str, list[Document]]:
    """The files that an endpoint with this DataCaptureConfig leaves once its service has ended."""

    async def run() -> dict[str, list[Document]]:
        servers = FakeServers()
        async with opened(tmp_path, DrivenClock(), servers=servers) as local:
            local.model("one")
            local.model("shadow")
            shadow = [variant("shadow", name="Shadow")]
            await local.config("first", variant("one"), ShadowProductionVariants=shadow, DataCaptureConfig=config)
            await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
            await local.settled()
            await scenario(local, servers)
        return files(local)

    return asyncio.run(run())


def test_files_lie_where_sagemaker_puts_them_by_variant_and_hour(tmp_path: Path) -> None:
    async def scenario(local: Local, _: FakeServers) -> None:
        for number in range(3):
            await local.invoke(str(number).encode(), ContentType="text/csv")
        await asyncio.sleep(0)
        await local.clock.advance(3600)  # type: ignore[attr-defined]
        await local.invoke(b"later", ContentType="text/csv")
        await asyncio.sleep(0)

    found = captured(tmp_path, settings(**TYPED), scenario)

    name = r"00-00-000-[0-9a-f-]{36}\.jsonl"
    places = [f"flights/{folder}/2026/01/01/{hour}/{name}" for folder in ("AllTraffic", "Shadow") for hour in ("00", "01")]
    assert len(found) == len(places)
    assert all(re.fullmatch(place, path) for place, path in zip(places, found, strict=True))
    inputs = [[line["captureData"]["endpointInput"]["data"] for line in lines] for lines in found.values()]
    assert inputs == [["0", "1", "2"], ["later"]] * 2
    answers = [lines[0]["captureData"]["endpointOutput"]["data"] for lines in found.values()]
    assert base64.b64decode(answers[0]) == b"one"
    assert base64.b64decode(answers[2]) == b"shadow"


@pytest.mark.parametrize(("sampling", "kept"), [(100, 20), (25, 5), (0, 0)])
def test_requests_are_sampled(tmp_path: Path, sampling: int, kept: int) -> None:
    async def scenario(local: Local, _: FakeServers) -> None:
        for _number in range(20):
            await local.invoke()

    found = captured(tmp_path, settings(sampling=sampling), scenario)

    assert sum(len(lines) for path, lines in found.items() if "/AllTraffic/" in path) == kept


def test_what_the_model_refused_is_not_captured(tmp_path: Path) -> None:
    async def scenario(local: Local, servers: FakeServers) -> None:
        servers.status["one"] = 400
        with pytest.raises(ApiError):
            await local.invoke()

    found = captured(tmp_path, settings(), scenario)

    assert not [path for path in found if "/AllTraffic/" in path]


def test_capture_that_is_switched_off_writes_nothing(tmp_path: Path) -> None:
    async def scenario(local: Local, _: FakeServers) -> None:
        await local.invoke()
        assert (await local.describe())["DataCaptureConfig"]["CaptureStatus"] == "Stopped"

    assert captured(tmp_path, {**settings(), "EnableCapture": False}, scenario) == {}


def test_files_are_written_while_the_endpoint_serves(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.config("first", variant(local.model("one")), DataCaptureConfig=settings())
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
        await local.settled()
        await local.invoke()

        async def written() -> bool:
            return bool(files(local))

        await until(written)

    run(scenario, servers=FakeServers())


def test_a_folder_that_cannot_be_written_fails_no_request(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(local: Local) -> None:
        (local.objects.root / "bucket").mkdir(parents=True)
        (local.objects.root / "bucket" / "captured").write_text("in the way")
        await local.config("first", variant(local.model("one")), DataCaptureConfig=settings())
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
        await local.settled()

        assert (await local.invoke())["Body"] == b"one"

    run(scenario, servers=FakeServers())
    assert "were not written" in caplog.text
