"""UpdateEndpointWeightsAndCapacities."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.ports import ApiError, Document
from sagelens.testing.endpoints import FakeServers
from tests.unit.local_endpoints.conftest import Local, opened, variant

Run = Callable[..., None]


async def two(local: Local, count: int = 1) -> None:
    """An endpoint of two variants with the same weight."""
    local.model("a")
    local.model("b")
    await local.config("both", variant("a", count, "A"), variant("b", count, "B"))
    await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="both")
    await local.settled()


async def change(local: Local, *desired: Document) -> Document:
    return await local.call(
        "UpdateEndpointWeightsAndCapacities", EndpointName="flights", DesiredWeightsAndCapacities=list(desired)
    )


async def split(local: Local, requests: int = 40) -> Counter[str]:
    return Counter([(await local.invoke())["InvokedProductionVariant"] for _ in range(requests)])


def test_weights_hold_at_once(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await two(local)
        before = await split(local)
        await change(local, {"VariantName": "A", "DesiredWeight": 3.0})
        after = await split(local)
        settled = await local.settled()

        assert before == {"A": 20, "B": 20}
        assert after == {"A": 30, "B": 10}
        assert settled["EndpointStatus"] == "InService"
        assert [v["CurrentWeight"] for v in settled["ProductionVariants"]] == [3.0, 1.0]

    run(scenario, servers=FakeServers())


def test_a_variant_of_weight_zero_gets_only_what_targets_it(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await two(local)
        await change(local, {"VariantName": "B", "DesiredWeight": 0.0})

        assert await split(local) == {"A": 40}
        assert (await local.invoke(TargetVariant="B"))["Body"] == b"b"

    run(scenario, servers=FakeServers())


def test_counts_grow_and_shrink_while_the_endpoint_is_updating(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await two(local, count=2)
        servers.held = asyncio.Event()
        await change(local, {"VariantName": "A", "DesiredInstanceCount": 4}, {"VariantName": "B", "DesiredInstanceCount": 1})
        await asyncio.sleep(0.01)
        coming = await local.describe()
        served = await split(local)
        servers.held.set()
        settled = await local.settled()

        assert coming["EndpointStatus"] == "Updating"
        assert "PendingDeploymentSummary" not in coming
        status = coming["ProductionVariants"][0]["VariantStatus"][0]
        assert (status["Status"], status["StatusMessage"]) == ("Updating", "Scaling desired instance count to 4.")
        assert coming["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        assert coming["ProductionVariants"][0]["DesiredInstanceCount"] == 4
        assert served == {"A": 20, "B": 20}
        assert [v["CurrentInstanceCount"] for v in settled["ProductionVariants"]] == [4, 1]
        assert "VariantStatus" not in settled["ProductionVariants"][0]
        assert (servers.count("a"), servers.count("b")) == (4, 1)

    run(scenario, servers=servers)


def test_servers_that_do_not_start_leave_the_old_count_and_say_why(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await two(local)
        servers.unhealthy.add("a")
        await change(local, {"VariantName": "A", "DesiredInstanceCount": 3, "DesiredWeight": 3.0})
        settled = await local.settled()

        shown = settled["ProductionVariants"][0]
        assert settled["EndpointStatus"] == "InService"
        assert "ping health check" in settled["FailureReason"]
        assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"], shown["CurrentWeight"]) == (1, 1, 3.0)

    run(scenario, servers=servers)


def test_requests_under_way_are_answered_by_servers_that_go_even_if_others_do_not_come(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await two(local, count=2)
        servers.busy = asyncio.Event()
        servers.unhealthy.add("a")
        waiting = [asyncio.create_task(local.invoke(TargetVariant="B")) for _ in range(4)]
        await asyncio.sleep(0)
        await change(local, {"VariantName": "A", "DesiredInstanceCount": 3}, {"VariantName": "B", "DesiredInstanceCount": 1})
        await asyncio.sleep(0.05)
        servers.busy.set()
        answers = [answer["Body"] for answer in await asyncio.gather(*waiting)]
        settled = await local.settled()

        assert answers == [b"b"] * 4
        assert "ping health check" in settled["FailureReason"]
        assert [v["CurrentInstanceCount"] for v in settled["ProductionVariants"]] == [2, 2]
        async with asyncio.timeout(20):
            while servers.count("b") != 2:  # noqa: ASYNC110  the fake has no event for it
                await asyncio.sleep(0.01)

    run(scenario, servers=servers)


def test_a_service_that_ends_does_not_wait_for_requests_under_way(run: Run) -> None:
    servers = FakeServers()
    waiting: list[asyncio.Task[Document]] = []

    async def scenario(local: Local) -> None:
        await two(local, count=2)
        servers.busy = asyncio.Event()
        waiting.extend(asyncio.create_task(local.invoke(TargetVariant="B")) for _ in range(4))
        await asyncio.sleep(0)
        await change(local, {"VariantName": "B", "DesiredInstanceCount": 1})
        await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            await local.endpoints.close()
        assert not servers.running
        assert {type(e) for e in await asyncio.gather(*waiting, return_exceptions=True)} == {ApiError}

    run(scenario, servers=servers)


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        ([{"VariantName": "C", "DesiredWeight": 1.0}], "no variant C. The endpoint has: A, B"),
        ([{"VariantName": "A"}], "give DesiredWeight, DesiredInstanceCount or both"),
        ([{"VariantName": "A", "DesiredInstanceCount": 0}], "at least 1"),
        ([{"VariantName": "A", "DesiredInstanceCount": 8}], "limit"),
        ([{"VariantName": name, "DesiredWeight": 0.0} for name in "AB"], "weight above 0"),
        ([{"VariantName": "A", "DesiredWeight": 1.0}] * 2, "more than once: A"),
        ([{"VariantName": "A", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}], "Serverless inference"),
    ],
)
def test_what_cannot_be_desired_is_refused(run: Run, desired: list[Document], message: str) -> None:
    async def scenario(local: Local) -> None:
        await two(local)
        with pytest.raises(ApiError, match=message):
            await change(local, *desired)
        assert (await local.describe())["EndpointStatus"] == "InService"

    run(scenario, servers=FakeServers())


def test_nothing_else_may_be_under_way(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await two(local)
        servers.held = asyncio.Event()
        more = {"VariantName": "A", "DesiredInstanceCount": 2}
        await change(local, more)
        with pytest.raises(ApiError, match="in-progress"):
            await change(local, more)
        with pytest.raises(ApiError, match="in-progress"):
            await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="both")
        servers.held.set()
        await local.settled()

    run(scenario, servers=servers)


def test_a_change_cut_off_is_what_the_next_service_serves(tmp_path: Path) -> None:
    async def scenario(servers: FakeServers, after: FakeServers) -> dict[str, Any]:
        async with opened(tmp_path, ScaledClock(), servers=servers) as local:
            await two(local)
            servers.held = asyncio.Event()
            await change(local, {"VariantName": "A", "DesiredInstanceCount": 3, "DesiredWeight": 3.0})
            await asyncio.sleep(0.01)
        async with opened(tmp_path, ScaledClock(), servers=after) as local:
            await local.endpoints.recover()
            await asyncio.sleep(0.01)
            assert await split(local) == {"A": 30, "B": 10}
            return await local.describe()

    async def both() -> dict[str, Any]:
        return await scenario(FakeServers(), FakeServers())

    found = asyncio.run(both())

    assert found["EndpointStatus"] == "InService"
    assert [v["CurrentInstanceCount"] for v in found["ProductionVariants"]] == [3, 1]
