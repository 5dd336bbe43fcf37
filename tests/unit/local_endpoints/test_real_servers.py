"""Deployments of real model servers, on a scaled clock and under load; alarms by the service's own CloudWatch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.metrics import CloudWatch
from sagelens.local.ports import ApiError, Document
from sagelens.local.store import Store
from tests.unit.local_endpoints.conftest import ACCOUNT, REGION, Local, Programs, opened, variant
from tests.unit.serving.conftest import made, packaged  # noqa: F401  fixtures


def size(value: int) -> Document:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def blue_green(kind: str, **routing: Any) -> Document:
    traffic = {"Type": kind, "WaitIntervalInSeconds": 300, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": 300}}


STRATEGIES: dict[str, Document | None] = {
    "default": None,
    "all at once": blue_green("ALL_AT_ONCE"),
    "canary": blue_green("CANARY", CanarySize=size(1)),
    "linear": blue_green("LINEAR", LinearStepSize=size(1)),
    "rolling": {"RollingUpdatePolicy": {"MaximumBatchSize": size(1), "WaitIntervalInSeconds": 300}},
}


class Load:
    """Callers that never stop: what they were answered, and every error."""

    def __init__(self, local: Local, body: bytes, **request: Any) -> None:
        self._local = local
        self._call = {"body": body, **request}
        self.sent = 0
        self.answers: Counter[bytes] = Counter()
        self.errors: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self, callers: int = 3) -> AsyncIterator[Load]:
        enough = asyncio.Event()
        tasks = [asyncio.create_task(self._caller(enough)) for _ in range(callers)]
        try:
            yield self
        finally:
            enough.set()
            await asyncio.gather(*tasks)

    async def _caller(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            self.sent += 1
            try:
                self.answers[(await self._local.invoke(**self._call))["Body"]] += 1
            except ApiError as error:
                self.errors[error.code] += 1
            await asyncio.sleep(0.002)


def test_every_strategy_lands_with_real_model_servers_and_loses_no_request(packaged: Path, tmp_path: Path) -> None:  # noqa: F811
    row = (packaged / "sample.jsonl").read_bytes().splitlines()[0]

    async def scenario(local: Local) -> None:
        local.model("served")
        folder = local.objects.root / "models" / "served"
        (folder / "answer.txt").unlink()
        folder.rmdir()
        folder.symlink_to(packaged)
        await local.up("served")
        load = Load(local, row, ContentType="application/jsonlines")
        async with load.running():
            for name, strategy in STRATEGIES.items():
                count = 1 if name in ("default", "all at once") else 2
                config = await local.config(name.replace(" ", "-"), variant("served", count))
                given = {} if strategy is None else {"DeploymentConfig": strategy}
                await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName=config, **given)
                landed = await local.settled()

                assert (landed["EndpointStatus"], landed["EndpointConfigName"]) == ("InService", config), landed
                assert local.events()[-1]["Stage"] == "Landed"
                assert local.processes.alive() == count

        assert not load.errors
        assert sum(load.answers.values()) == load.sent
        assert load.sent > 100
        assert len(load.answers) == 1

    async def run() -> None:
        processes = Programs("-m", "sagelens.serving")
        async with opened(tmp_path, ScaledClock(600), processes=processes) as local:
            await scenario(local)

    asyncio.run(run())


@pytest.mark.parametrize("name", ["all at once", "canary", "linear", "rolling"])
def test_a_faulty_model_is_rolled_back_by_its_alarm_and_only_it_gives_errors(name: str, tmp_path: Path) -> None:
    async def run() -> None:
        clock = ScaledClock(60)
        store = Store(tmp_path / "alarms.db")
        cloudwatch = CloudWatch(store, clock, account=ACCOUNT, region=REGION)
        async with opened(tmp_path, clock, metrics=cloudwatch, alarms=cloudwatch) as local:
            await cloudwatch.recover()
            await scenario(local, cloudwatch)
            await cloudwatch.close()
        store.close()

    async def scenario(local: Local, cloudwatch: CloudWatch) -> None:
        await local.up(local.model("good"), count=2)
        local.model("faulty", status="500")
        await local.config("second", variant("faulty", 2))
        await cloudwatch.handlers()["cloudwatch.PutMetricAlarm"](
            {
                "AlarmName": "second-errors",
                "Namespace": "AWS/SageMaker",
                "MetricName": "Invocation5XXErrors",
                "Dimensions": [
                    {"Name": key, "Value": value}
                    for key, value in (
                        ("EndpointName", "flights"),
                        ("VariantName", "AllTraffic"),
                        ("EndpointConfigName", "second"),
                    )
                ],
                "Statistic": "Sum",
                "Period": 10,
                "EvaluationPeriods": 1,
                "Threshold": 1.0,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
            }
        )
        strategy = {**(STRATEGIES[name] or {}), **local.alarm("second-errors")}
        load = Load(local, b"x")
        async with load.running():
            await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second", DeploymentConfig=strategy)
            undone = await local.settled()
            after = await local.invoke()

        assert (undone["EndpointStatus"], undone["EndpointConfigName"]) == ("InService", "flights-good")
        assert "Alarm second-errors is in ALARM" in undone["FailureReason"]
        assert after["Body"] == b"good"
        assert load.errors.keys() == {"ModelError"}
        assert load.answers.keys() == {b"good"}
        assert sum(load.answers.values()) + sum(load.errors.values()) == load.sent
        assert local.processes.alive() == 2

    asyncio.run(run())
