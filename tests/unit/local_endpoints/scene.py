"""An endpoint on a clock that the test drives, with servers that start at once: hours pass in milliseconds, at exact times.

Every request and every answer is checked against botocore's own model of SageMaker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from sagelens.local.ports import Document
from sagelens.testing import DrivenClock
from sagelens.testing.endpoints import FakeAlarms, FakeServers, RecordedMetrics
from tests.unit.local_endpoints.conftest import Local, opened, variant

DAY = 24 * 3600.0


def size(value: int, kind: str = "CAPACITY_PERCENT") -> Document:
    return {"Type": kind, "Value": value}


def blue_green(kind: str = "ALL_AT_ONCE", wait: int = 0, termination: int = 0, **more: Any) -> Document:
    routing = {key: more.pop(key) for key in ("CanarySize", "LinearStepSize") if key in more}
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination, **more}}


def rolling(batch: Document, wait: int, **more: Any) -> Document:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": wait, **more}}


ALL_AT_ONCE = blue_green(termination=300)
CANARY = blue_green("CANARY", 600, 300, CanarySize=size(30))
LINEAR = blue_green("LINEAR", 600, 300, LinearStepSize=size(1, "INSTANCE_COUNT"))
ROLLING = rolling(size(1, "INSTANCE_COUNT"), 600)
ROLLING_BY_HALF = rolling(size(50), 600)
MODES = {"all at once": ALL_AT_ONCE, "canary": CANARY, "linear": LINEAR, "rolling": ROLLING}
BAKES = {"all at once": 1, "canary": 2, "linear": 3, "rolling": 3}


class Validated(Local):
    """Every request and every answer fits botocore's own model of SageMaker."""

    async def call(self, operation: str, **request: Any) -> Document:
        answer = await super().call(operation, **request)
        service = "sagemaker-runtime" if operation == "InvokeEndpoint" else "sagemaker"
        model = service_model(service).operation_model(operation)
        for given, shape in ((request, model.input_shape), (answer, model.output_shape)):
            report = ParamValidator().validate(given, shape) if shape is not None else None
            assert report is None or not report.has_errors(), report.generate_report()
        return answer


@lru_cache
def service_model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@dataclass
class Scene:
    """An endpoint `flights` of three servers of the model `old`, and a configuration `second` for the model `new`."""

    local: Local
    clock: DrivenClock
    servers: FakeServers
    alarms: FakeAlarms
    metrics: RecordedMetrics

    async def deploy(self, strategy: Document | None, *, config: str = "second", **more: Any) -> float:
        """Ask for the update; when that was."""
        given = {} if strategy is None else {"DeploymentConfig": strategy}
        started = self.clock.time()
        await self.local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName=config, **given, **more)
        return started

    async def settled(self) -> Document:
        await self.clock.until(lambda: self.status() not in ("Creating", "Updating"), DAY)
        return await self.local.describe()

    def status(self) -> str:
        found = self.local.store.get("Endpoint", "flights")
        return found.status if found else ""

    def timeline(self, since: float, config: str = "second") -> list[tuple[float, str, float]]:
        """Time after the start, stage and share of the new fleet, of one configuration's deployment."""
        return [
            (event["Time"] - since, event["Stage"], round(event["Share"], 3))
            for event in self.local.events()
            if event["EndpointConfigName"] == config and event["Time"] >= since
        ]

    async def traffic(self, requests: int = 30) -> dict[str, int]:
        """Who answers so many requests."""
        answers = [(await self.local.invoke())["Body"].decode() for _ in range(requests)]
        return {name: answers.count(name) for name in sorted(set(answers))}

    async def message(self) -> str:
        summary = (await self.local.describe())["PendingDeploymentSummary"]
        status = summary["ProductionVariants"][0]["VariantStatus"][0]
        return f"{status['Status']}: {status['StatusMessage']}"


Play = Callable[[Scene], Awaitable[None]]


@asynccontextmanager
async def scene(
    folder: Path, count: int = 3, clock: DrivenClock | None = None, servers: FakeServers | None = None
) -> AsyncIterator[Scene]:
    clock, servers = clock or DrivenClock(), servers or FakeServers()
    alarms, metrics = FakeAlarms("errors", "latency"), RecordedMetrics()
    async with opened(folder, clock, kind=Validated, servers=servers, alarms=alarms, metrics=metrics) as local:
        found = Scene(local, clock, servers, alarms, metrics)
        if not local.store.query("Endpoint"):
            for model in ("old", "new"):
                local.model(model)
            await local.config("first", variant("old", count))
            await local.config("second", variant("new", count))
            await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
            await found.settled()
        yield found
    assert not servers.running
    assert not alarms.subscribers


def run_scene(folder: Path, act: Play, *, count: int = 3) -> None:
    async def run() -> None:
        async with scene(folder, count) as found:
            await act(found)

    asyncio.run(run())
