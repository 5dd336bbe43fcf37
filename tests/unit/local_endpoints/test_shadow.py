"""Shadow variants, and what is measured and captured of requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.endpoints.mirror import MOST_COPIES
from sagelens.local.ports import ApiError, Document
from sagelens.testing.endpoints import FakeServers, RecordedMetrics
from tests.unit.local_endpoints.conftest import Local, opened, variant
from tests.unit.local_endpoints.scene import Validated

Run = Callable[..., None]


async def shadowed(local: Local, weight: float = 1.0, **more: Any) -> None:
    """An endpoint of a production variant and a shadow with this weight relative to it."""
    local.model("live")
    local.model("shadow")
    shadow = [variant("shadow", name="Shadow", InitialVariantWeight=2.0 * weight)]
    live = variant("live", InitialVariantWeight=2.0)
    await local.config("first", live, ShadowProductionVariants=shadow, **more)
    await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
    await local.settled()


def requests(servers: FakeServers, model: str) -> int:
    return sum(server.requests for server in servers.running if server.model == model)


@pytest.mark.parametrize(("weight", "copies"), [(1.0, 20), (0.5, 10), (0.1, 2), (0.0, 0)])
def test_the_shadow_gets_the_part_that_its_weight_is_of_productions(run: Run, weight: float, copies: int) -> None:
    servers, metrics = FakeServers(), RecordedMetrics()

    async def scenario(local: Local) -> None:
        await shadowed(local, weight)
        answers = {(await local.invoke())["Body"] for _ in range(20)}
        await asyncio.sleep(0)
        found = await local.describe()

        assert answers == {b"live"}
        assert requests(servers, "shadow") == copies
        assert [v["VariantName"] for v in found["ShadowProductionVariants"]] == ["Shadow"]
        assert [v["VariantName"] for v in found["ProductionVariants"]] == ["AllTraffic"]
        named = {"EndpointName": "flights", "VariantName": "Shadow"}
        assert len(metrics.values("Invocations", **named)) == copies
        assert len(metrics.values("ModelLatency", **named, EndpointConfigName="first")) == copies
        with pytest.raises(ApiError, match="Variant Shadow not found"):
            await local.invoke(TargetVariant="Shadow")

    run(scenario, servers=servers, metrics=metrics)


def test_a_shadow_that_fails_or_dies_fails_nobody_and_is_counted(run: Run) -> None:
    servers, metrics = FakeServers(), RecordedMetrics()

    async def scenario(local: Local) -> None:
        await shadowed(local)
        servers.status["shadow"] = 500
        servers.dies_after["shadow"] = 5
        answers = [(await local.invoke())["Body"] for _ in range(10)]
        named = {"EndpointName": "flights", "VariantName": "Shadow"}
        async with asyncio.timeout(20):
            while len(metrics.values("Invocation5XXErrors", **named)) < 6:  # noqa: ASYNC110  metrics have no event for it
                await asyncio.sleep(0.01)

        assert answers == [b"live"] * 10
        assert metrics.values("Invocation5XXErrors", **named)[:6] == [1.0] * 6
        production = {"EndpointName": "flights", "VariantName": "AllTraffic"}
        assert metrics.values("Invocation5XXErrors", **production) == [0.0] * 10

    run(scenario, servers=servers, metrics=metrics)


def test_a_slow_shadow_delays_nobody_and_is_bounded(run: Run) -> None:
    async def scenario(local: Local) -> None:
        local.model("live")
        local.model("slow", delay="0.5")
        await local.config("first", variant("live"), ShadowProductionVariants=[variant("slow", name="Shadow")])
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
        await local.settled()

        began = asyncio.get_running_loop().time()
        for _ in range(MOST_COPIES + 20):
            assert (await local.invoke())["Body"] == b"live"
        passed = asyncio.get_running_loop().time() - began
        (live,) = local.endpoints._changes.live.values()
        assert live.router.mirror is not None
        skipped = live.router.mirror.skipped

        assert passed < 0.5 * 10
        assert skipped > 0

    run(scenario)


def test_a_shadows_part_can_be_changed(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await shadowed(local, 0.5)
        desired: list[Document] = [{"VariantName": "Shadow", "DesiredWeight": 2.0}]
        await local.call("UpdateEndpointWeightsAndCapacities", EndpointName="flights", DesiredWeightsAndCapacities=desired)
        await local.settled()
        for _ in range(10):
            await local.invoke()
        await asyncio.sleep(0)

        assert requests(servers, "shadow") == 10
        desired[0]["DesiredWeight"] = 2.1
        with pytest.raises(ApiError, match="may not be more than the production"):
            await local.call("UpdateEndpointWeightsAndCapacities", EndpointName="flights", DesiredWeightsAndCapacities=desired)

    run(scenario, servers=servers)


def test_what_is_told_of_a_shadow_fits_sagemakers_own_model(tmp_path: Path) -> None:
    servers = FakeServers()

    async def run() -> None:
        async with opened(tmp_path, ScaledClock(), kind=Validated, servers=servers) as local:
            await shadowed(local)
            servers.held = asyncio.Event()
            await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="first")
            await asyncio.sleep(0)
            pending = (await local.describe())["PendingDeploymentSummary"]
            config = await local.call("DescribeEndpointConfig", EndpointConfigName="first")
            servers.held.set()
            await local.settled()

            (status,) = pending["ShadowProductionVariants"][0]["VariantStatus"]
            assert status["StatusMessage"] == "Launching 1 instance(s)."
            assert [shadow["VariantName"] for shadow in config["ShadowProductionVariants"]] == ["Shadow"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "client", "server", "failed"), [(200, 0.0, 0.0, 0.0), (400, 1.0, 0.0, 1.0), (500, 0.0, 1.0, 1.0)]
)
def test_every_request_is_counted_for_its_variant_and_its_configuration(
    run: Run, status: int, client: float, server: float, failed: float
) -> None:
    servers, metrics = FakeServers(), RecordedMetrics()

    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))
        servers.status["one"] = status
        if status == 200:
            await local.invoke()
        else:
            with pytest.raises(ApiError):
                await local.invoke()
        await asyncio.sleep(0)  # counted after the answer

        both = {"EndpointName": "flights", "VariantName": "AllTraffic"}
        for dimensions in (both, {**both, "EndpointConfigName": "flights-one"}):
            assert metrics.values("Invocations", **dimensions) == [1.0]
            assert metrics.values("Invocation4XXErrors", **dimensions) == [client]
            assert metrics.values("Invocation5XXErrors", **dimensions) == [server]
            assert metrics.values("InvocationModelErrors", **dimensions) == [failed]
            (model,), (overhead,) = metrics.values("ModelLatency", **dimensions), metrics.values("OverheadLatency", **dimensions)
            assert 0 <= model < 1e6
            assert 0 <= overhead < 1e6
        assert {namespace for namespace, *_ in metrics.observations} == {"AWS/SageMaker"}

    run(scenario, servers=servers, metrics=metrics)


def test_model_latency_is_microseconds_at_the_server(run: Run) -> None:
    metrics = RecordedMetrics()

    async def scenario(local: Local) -> None:
        await local.up(local.model("slow", delay="0.1"))
        began = time.perf_counter()
        await local.invoke()
        took = (time.perf_counter() - began) * 1e6
        await asyncio.sleep(0)  # counted after the answer

        (latency,) = metrics.values("ModelLatency", EndpointName="flights", VariantName="AllTraffic")
        (overhead,) = metrics.values("OverheadLatency", EndpointName="flights", VariantName="AllTraffic")
        assert 100_000 <= latency <= took
        assert 0 <= overhead <= took - latency

    run(scenario, metrics=metrics)


def test_a_request_without_an_answer_counts_as_the_fleets_error(run: Run) -> None:
    servers, metrics = FakeServers(), RecordedMetrics()

    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))
        servers.dies_after["one"] = 0
        with pytest.raises(ApiError, match="its process ended with exit code -9"):
            await local.invoke()

        dimensions = {"EndpointName": "flights", "VariantName": "AllTraffic", "EndpointConfigName": "flights-one"}
        assert metrics.values("Invocation5XXErrors", **dimensions) == [1.0]
        assert metrics.values("InvocationModelErrors", **dimensions) == [1.0]

    run(scenario, servers=servers, metrics=metrics)
