"""Deployments that a service did not live to finish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sagelens.local.ports import Resource
from sagelens.testing import DrivenClock
from tests.unit.local_endpoints.scene import (
    MODES,
    ROLLING,
    Scene,
    run_scene,
    scene,
)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine function on a Scene of its own, with `count` servers."""
    return partial(run_scene, tmp_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [0, 1, 601, 1201, 1501, 1801])
def test_a_deployment_cut_off_at_any_point_has_landed_or_is_undone(tmp_path: Path, mode: str, after: int) -> None:
    async def run() -> None:
        clock = DrivenClock()
        async with scene(tmp_path, clock=clock) as first:
            started = await first.deploy(MODES[mode])
            if after:
                await clock.advance(after)
            before = first.timeline(started)
        async with scene(tmp_path, clock=clock) as second:
            await second.local.endpoints.recover()
            await clock.advance(0)
            found = await second.local.describe()

            landed = before[-1][2] == 1.0
            assert found["EndpointStatus"] == "InService"
            assert found["EndpointConfigName"] == ("second" if landed else "first")
            assert "PendingDeploymentSummary" not in found
            assert await second.traffic() == {"new" if landed else "old": 30}

    asyncio.run(run())


def forget(scene: Scene) -> None:
    """Delete every configuration and model, and make a model of the old one's name that answers otherwise."""
    store = scene.local.store
    for kind in ("EndpointConfig", "Model"):
        for found in store.query(kind):
            store.delete(found.arn)
    container = {"Image": "sagelens:1", "Environment": {"MODEL": "impostor"}}
    store.insert(Resource(kind="Model", arn="arn:impostor", name="old", body={"PrimaryContainer": container}))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [1, 601, None])
def test_what_serves_after_a_restart_is_what_was_deployed_though_all_of_it_was_deleted(
    tmp_path: Path, mode: str, after: int | None
) -> None:
    async def run() -> None:
        clock = DrivenClock()
        async with scene(tmp_path, clock=clock) as first:
            started = await first.deploy(MODES[mode])
            forget(first)
            if after:
                await clock.advance(after)
            else:
                await first.settled()
            landed = first.timeline(started)[-1][2] == 1.0
        async with scene(tmp_path, clock=clock) as second:
            await second.local.endpoints.recover()
            await clock.advance(0)

            assert (await second.local.describe())["EndpointConfigName"] == ("second" if landed else "first")
            assert await second.traffic() == {"new" if landed else "old": 30}

    asyncio.run(run())


def test_a_rollback_after_the_old_configuration_was_deleted_returns_to_it(tmp_path: Path) -> None:
    async def run() -> None:
        clock = DrivenClock()
        async with scene(tmp_path, clock=clock) as first:
            await first.deploy({**ROLLING, **first.local.alarm("errors")})
            await clock.advance(1201)
            forget(first)
            first.alarms.set("errors", "ALARM")
            undone = await first.settled()

            assert undone["EndpointConfigName"] == "first"
            assert "Alarm errors" in undone["FailureReason"]
            assert await first.traffic() == {"old": 30}

    asyncio.run(run())


def test_a_rollback_cut_off_is_finished_as_a_rollback(tmp_path: Path) -> None:
    async def run() -> None:
        clock = DrivenClock()
        async with scene(tmp_path, clock=clock) as first:
            await first.deploy({**ROLLING, **first.local.alarm("errors")})
            await clock.advance(1201)
            first.servers.held = asyncio.Event()
            first.alarms.set("errors", "ALARM")
            await clock.advance(1)
            assert await first.message() == "Updating: Scaling desired instance count of the old fleet to 3."
        async with scene(tmp_path, clock=clock) as second:
            await second.local.endpoints.recover()
            await clock.advance(0)
            found = await second.local.describe()

            assert found["EndpointConfigName"] == "first"
            assert "Alarm errors" in found["FailureReason"]
            assert await second.traffic() == {"old": 30}

    asyncio.run(run())
