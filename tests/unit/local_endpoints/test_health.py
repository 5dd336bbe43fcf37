"""Servers that stop answering, and the router's patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sagelens.local.endpoints.instance import Health
from sagelens.local.ports import Spawn
from sagelens.testing.endpoints import FakeServers
from tests.unit.local_endpoints.conftest import Local, Program, Programs, until

Run = Callable[..., None]
EAGER = Health(interval=0.02, misses=2)


def test_a_server_that_lives_but_answers_no_ping_is_replaced(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await local.up(local.model("one"), count=2)
        first = list(servers.running)
        servers.hung.add("one")

        async def gone() -> bool:
            return all(server.ended.done() for server in first)

        await until(gone)
        servers.hung.clear()

        async def back() -> bool:
            return (await local.describe())["ProductionVariants"][0]["CurrentInstanceCount"] == 2

        await until(back)
        assert (await local.invoke())["Body"] == b"one"

    run(scenario, servers=servers, health=EAGER)


def test_a_server_that_answers_requests_is_not_asked_for_pings(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))
        servers.hung.add("one")
        until_ = asyncio.get_running_loop().time() + 0.3
        while asyncio.get_running_loop().time() < until_:
            await local.invoke()
            await asyncio.sleep(0.002)

        assert servers.started == 1

    run(scenario, servers=servers, health=EAGER)


def test_a_stopped_process_is_found_by_its_health_check_and_replaced(run: Run) -> None:
    async def scenario(local: Local) -> None:
        import os
        import signal

        await local.up(local.model("one"))
        (first,) = local.processes.running
        os.kill(first.pid, signal.SIGSTOP)

        async def another() -> bool:
            return len(local.processes.running) == 2

        await until(another)
        assert (await local.invoke())["Body"] == b"one"
        assert await first.wait() < 0

    run(scenario, health=Health(interval=0.05, misses=1))


@pytest.mark.parametrize(("kills", "status", "reason"), [(1, "InService", ""), (2, "Failed", "exit code -9")])
def test_a_server_that_is_killed_while_it_starts_is_started_once_more(run: Run, kills: int, status: str, reason: str) -> None:
    class Killing(Programs):
        async def spawn(self, spawn: Spawn) -> Program:
            program = await super().spawn(spawn)
            if len(self.started) <= kills:
                program.kill()
            return program

    async def scenario(local: Local) -> None:
        endpoint = await local.up(local.model("one"))

        assert (endpoint["EndpointStatus"], len(local.processes.started)) == (status, 2)
        assert reason in endpoint.get("FailureReason", "")

    run(scenario, processes=Killing())


def test_requests_that_wait_for_a_broken_fleet_go_where_the_traffic_goes(run: Run) -> None:
    servers = FakeServers()

    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", {**_variant("new")})
        routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 3000}
        await local.call(
            "UpdateEndpoint",
            EndpointName="flights",
            EndpointConfigName="second",
            DeploymentConfig={"BlueGreenUpdatePolicy": policy},
        )
        await local.answers_with(b"new")
        servers.unhealthy.add("new")
        next(server for server in servers.running if server.model == "new").end(1)
        waiting = asyncio.create_task(local.invoke())
        await asyncio.sleep(0.05)
        (live,) = local.endpoints._changes.live.values()
        assert not waiting.done()

        live.settle()

        async with asyncio.timeout(20):  # unmended, it waits for the end of the update, which does not come
            assert (await waiting)["Body"] == b"old"

    run(scenario, servers=servers)


def _variant(model: str) -> dict[str, object]:
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
