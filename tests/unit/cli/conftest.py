"""Journals in memory, and the real CloudWatch of the local service."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagelens.deployment import Record
from tests.unit.local_metrics.conftest import World
from tests.unit.report.rollouts import LANDED, journal


@dataclass
class Bucket:
    """The part of boto3's S3 client that journals need."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803 - boto3's names
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "GetObject")  # type: ignore[typeddict-item]
        return {"Body": io.BytesIO(self.objects[Key])}

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}


def record_of(*, events: Any = LANDED, **more: Any) -> Record:
    return Record.of_json(journal(events, **more))


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The reference project's, whose config has a deployment of its own."""
    return Path(__file__).resolve().parents[3]
