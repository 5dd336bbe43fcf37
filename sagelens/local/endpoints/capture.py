"""Data capture: which requests of a variant are kept, and how, in SageMaker's own format.

Without CaptureContentTypeHeader everything is kept in base64, as SageMaker does; the media types that it lists are kept as text.
Requests that the model refused or failed are not captured.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sagelens.local.endpoints.http import Answer
from sagelens.local.ports import Document

__all__ = ["Capture", "CaptureSettings", "Captured", "line", "path_for"]


class Captured(NamedTuple):
    """One request with its answer. `moment` is when it was answered, in the service's seconds since the epoch."""

    head: bytes
    body: bytes
    answer: Answer
    moment: float

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body) + len(self.answer.body)


@dataclass(frozen=True)
class CaptureSettings:
    """A DataCaptureConfig that is switched on. `part` of the requests is kept, from 0 to 1."""

    destination: str
    part: float
    input: bool
    output: bool
    csv: frozenset[str]
    json: frozenset[str]

    @classmethod
    def of(cls, config: Document | None) -> CaptureSettings | None:
        if config is None or not config.get("EnableCapture", True):
            return None
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        headers = config.get("CaptureContentTypeHeader", {})
        return cls(
            destination=config["DestinationS3Uri"].rstrip("/"),
            part=config["InitialSamplingPercentage"] / 100,
            input=bool(modes & {"Input", "InputAndOutput"}),
            output=bool(modes & {"Output", "InputAndOutput"}),
            csv=frozenset(kind.lower() for kind in headers.get("CsvContentTypes", ())),
            json=frozenset(kind.lower() for kind in headers.get("JsonContentTypes", ())),
        )


@dataclass
class Capture:
    """Samples the requests of one variant, evenly, and hands on what is kept."""

    settings: CaptureSettings
    keep: Callable[[Captured], None]
    now: Callable[[], float]
    _credit: float = field(default=0.0, init=False)

    def take(self, head: bytes, body: bytes, answer: Answer) -> None:
        """Keep the request if its turn has come. Nothing is formatted or written here."""
        if not 200 <= answer.status < 300:
            return
        self._credit += self.settings.part
        if self._credit < 1.0 - 1e-9:
            return
        self._credit -= 1.0
        self.keep(Captured(head, body, answer, self.now()))


def line(captured: Captured, settings: CaptureSettings) -> bytes:
    """The event as a line of JSON."""
    headers = _headers(captured.head)
    data: Document = {}
    if settings.input:
        data["endpointInput"] = _side("INPUT", headers.get("content-type", ""), captured.body, settings)
    if settings.output:
        answered = captured.answer.headers.get("content-type", "")
        data["endpointOutput"] = _side("OUTPUT", answered, captured.answer.body, settings)
    metadata: Document = {"eventId": str(uuid.uuid4())}
    if attributes := headers.get("x-amzn-sagemaker-custom-attributes"):
        metadata["customAttributes"] = [attributes]
    if inference := headers.get("x-amzn-sagemaker-inference-id"):
        metadata["inferenceId"] = inference
    metadata["inferenceTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(captured.moment))
    event = {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def path_for(endpoint: str, variant: str, moment: float) -> str:
    """Where below the destination a file belongs whose first event has this time."""
    whole = int(moment)
    milliseconds = int((moment - whole) * 1000)
    stamp = time.strftime("%Y/%m/%d/%H/%M-%S", time.gmtime(whole))
    return f"{endpoint}/{variant}/{stamp}-{milliseconds:03d}-{uuid.uuid4()}.jsonl"


def _side(mode: str, content_type: str, body: bytes, settings: CaptureSettings) -> Document:
    encoding, data = _encoded(content_type.partition(";")[0].strip().lower(), body, settings)
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _encoded(media: str, body: bytes, settings: CaptureSettings) -> tuple[str, str]:
    encoding = "CSV" if media in settings.csv else "JSON" if media in settings.json else "BASE64"
    if encoding != "BASE64":
        try:
            return encoding, body.decode("utf-8")
        except UnicodeDecodeError:
            pass  # not the text that its type says: base64 keeps every byte
    return "BASE64", base64.b64encode(body).decode("ascii")


def _headers(head: bytes) -> dict[str, str]:
    pairs = (text.partition(":") for text in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name}
