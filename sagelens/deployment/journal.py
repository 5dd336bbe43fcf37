"""The journal of an endpoint in S3: one JSON object for each deployment, put whole at every change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sagelens.deployment.events import Event
from sagelens.errors import BadData
from sagelens.values import S3Client
from sagelens.values.s3 import parse_json

__all__ = ["Journal", "Outcome", "Record", "history"]

_ROOT = "deployments"
_RECORD = re.compile(r"/\d{8}T\d{6}Z-[a-zA-Z0-9-]+\.json$")
"""Others may lie beside a record, such as what was observed meanwhile."""


class Outcome(StrEnum):
    LANDED = "landed"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    UNDER_WAY = "under way"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One deployment or rollback. Times are seconds since the epoch on the clock of the service that was deployed to.

    `config` is the config that was to serve, `serves` what served at the end. `stage` counts the strategies gone through;
    `trial_configs` were made for a shadow or weighted stage alone. `alarms` are what guarded it, as configuration writes them.
    """

    version: int = 1
    kind: str = "deployment"
    endpoint: str
    config: str
    model: str
    model_digest: str
    model_uri: str = ""
    model_package_arn: str = ""
    model_version: str = ""
    previous_config: str | None = None
    who: str = ""
    why: str = ""
    strategy: tuple[Mapping[str, Any], ...] = ()
    alarms: Any = None
    started: float
    updated: float = 0.0
    finished: float | None = None
    outcome: Outcome = Outcome.UNDER_WAY
    reason: str = ""
    serves: str = ""
    phase: str = ""
    stage: int = 0
    stage_started: float = 0.0
    trial_configs: tuple[str, ...] = ()
    events: tuple[Event, ...] = field(default=())

    @property
    def key(self) -> str:
        started = datetime.fromtimestamp(self.started, UTC).strftime("%Y%m%dT%H%M%SZ")
        return f"{_ROOT}/{self.endpoint}/{started}-{self.config}.json"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(replace(self, events=())), "events": [event.to_json() for event in self.events]}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Record:
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in document.items() if name in known}
        values["outcome"] = Outcome(values["outcome"])
        for name in ("strategy", "trial_configs"):
            values[name] = tuple(values.get(name, ()))
        values["events"] = tuple(Event.of_json(event) for event in values.get("events", ()))
        return cls(**values)


@dataclass(frozen=True)
class Journal:
    """What happened to one endpoint, below `s3://<bucket>/deployments/<endpoint>/`."""

    s3: S3Client
    bucket: str
    endpoint: str

    def put(self, record: Record) -> None:
        body = json.dumps(record.to_json(), indent=1, default=str).encode()
        self.s3.put_object(Bucket=self.bucket, Key=record.key, Body=body, ContentType="application/json")

    def uri(self, record: Record) -> str:
        return f"s3://{self.bucket}/{record.key}"

    def keys(self) -> list[str]:
        """Newest first: a key begins with the time of the start."""
        request = {"Bucket": self.bucket, "Prefix": f"{_ROOT}/{self.endpoint}/"}
        found: list[str] = []
        while True:
            page = self.s3.list_objects_v2(**request)
            found += [item["Key"] for item in page.get("Contents", ()) if _RECORD.search(item["Key"])]
            if not page.get("IsTruncated"):
                return sorted(found, reverse=True)
            request["ContinuationToken"] = page["NextContinuationToken"]

    def read(self, key: str) -> Record:
        """Raises BadData for what is no record."""
        try:
            return Record.of_json(parse_json(lambda: self._body(key)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(
                f"s3://{self.bucket}/{key} is not a deployment's journal: {error!r}. Move it out of deployments/{self.endpoint}/."
            ) from error

    def _body(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def records(self) -> Iterator[Record]:
        """Newest first, read one by one."""
        return map(self.read, self.keys())


def history(endpoint: str, *, bucket: str, s3: S3Client) -> list[Record]:
    """Every deployment of an endpoint, the newest first."""
    return list(Journal(s3, bucket, endpoint).records())
