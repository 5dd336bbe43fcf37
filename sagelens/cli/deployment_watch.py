"""Looking at a deployment while somebody else carries it out: by its journal, DescribeEndpoint and CloudWatch alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sagelens.cli.deployment_metrics import fleets_of, guards_of, latest
from sagelens.cli.target import Connection
from sagelens.deployment import EndpointState, Journal, Outcome, Record, read_endpoint
from sagelens.deployment.alarms import states_of
from sagelens.deployment.pace import Pace
from sagelens.errors import SagelensError

__all__ = ["Lookout", "Sight", "Watching", "clock_of", "newest_key"]

_CLOCK = "x-sagelens-clock"


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One look. `now` is the service's clock in seconds since the epoch, `clock` its label (`1x`, `60x`, `driven`).

    `alarms` are state and reason by name; `figures` the latest minute by fleet (`old`, `new`) and statistic.
    """

    endpoint: str
    now: float
    clock: str = "1x"
    state: EndpointState | None = None
    record: Record | None = None
    alarms: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def under_way(self) -> bool:
        return self.record is not None and self.record.outcome is Outcome.UNDER_WAY and self.record.finished is None


class Lookout:
    """Where to look: made before the deployment begins, so that its record is told from earlier ones."""

    def __init__(self, connection: Connection, endpoint: str) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._variant = connection.project.deployment.variant
        self.journal = Journal(connection.s3, connection.project.environment.bucket, endpoint)
        self._pace = Pace()
        self._clock = "1x"
        self._cloudwatch = connection.clients.get("cloudwatch")
        self._sagemaker = connection.sagemaker
        newest = newest_key(self.journal)
        self._before = (newest, self.journal.read(newest).updated if newest else 0.0)

    @property
    def clock(self) -> str:
        return self._clock

    def look(self) -> Sight:
        state = read_endpoint(self._endpoint, sagemaker=self._sagemaker, heard=self._heard)
        record = self.record()
        now = self._pace.time()
        sight = Sight(endpoint=self._endpoint, now=now, clock=self._clock, state=state, record=record)
        if record is None or state is None:
            return sight
        figures = latest(fleets_of(record, self._variant), now=now, cloudwatch=self._cloudwatch)
        alarms = states_of(list(guards_of(record)), cloudwatch=self._cloudwatch)
        return Sight(
            endpoint=self._endpoint, now=now, clock=self._clock, state=state, record=record, alarms=alarms, figures=figures
        )

    def record(self) -> Record | None:
        """The record of the deployment that began, or went on, since this was made; None before that."""
        newest = newest_key(self.journal)
        if newest is None:
            return None
        record = self.journal.read(newest)
        return None if (newest, record.updated) == self._before else record

    def _heard(self, answer: Mapping[str, Any]) -> None:
        self._pace.heard(answer)
        self._clock = clock_of(answer) or self._clock


def newest_key(journal: Journal) -> str | None:
    """Of the latest record; None for an endpoint without any, or before the bucket exists."""
    from botocore.exceptions import ClientError

    try:
        return next(iter(journal.keys()), None)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return None
        raise


def clock_of(answer: Mapping[str, Any]) -> str:
    """Which clock ran, as the local service says with every answer; empty for AWS's."""
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(_CLOCK, ""))


class Watching:
    """A context in which a thread looks every `pause` seconds and shows what it sees; the last look comes at the exit.

    What cannot be read while it goes on is left out: the deployment does not depend on being watched.
    """

    def __init__(self, lookout: Lookout, show: Callable[[Sight], None], *, pause: float) -> None:
        self._lookout = lookout
        self._show = show
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._glance()

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self._glance()
            self._ended.wait(max(self._pause, 2 * (time.monotonic() - began)))

    def _glance(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            sight = self._lookout.look()
        except (BotoCoreError, ClientError, SagelensError):
            return
        self._show(sight)
