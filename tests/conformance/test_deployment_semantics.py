"""SageMaker's deployments as the local service carries them out: which steps, when, and what undoes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from sagelens.local.api import Api
from sagelens.local.ports import ApiError, Document
from tests.unit.local_endpoints.conftest import variant
from tests.unit.local_endpoints.scene import (
    ALL_AT_ONCE,
    BAKES,
    CANARY,
    LINEAR,
    MODES,
    ROLLING,
    ROLLING_BY_HALF,
    Scene,
    blue_green,
    rolling,
    run_scene,
    scene,
    size,
)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine function on a Scene of its own, with `count` servers."""
    return partial(run_scene, tmp_path)


# --- happy paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (
            None,
            [
                (0, "Provisioning", 0.0),
                (0, "Shifting", 0.0),
                (0, "Baking", 1.0),
                (0, "Retiring", 1.0),
                (0, "Landed", 1.0),
            ],
        ),
        (
            ALL_AT_ONCE,
            [
                (0, "Provisioning", 0.0),
                (0, "Shifting", 0.0),
                (0, "Baking", 1.0),
                (300, "Retiring", 1.0),
                (300, "Landed", 1.0),
            ],
        ),
        (
            CANARY,
            [
                (0, "Provisioning", 0.0),
                (0, "Shifting", 0.0),
                (0, "Baking", 0.333),
                (600, "Shifting", 0.333),
                (600, "Baking", 1.0),
                (900, "Retiring", 1.0),
                (900, "Landed", 1.0),
            ],
        ),
        (
            LINEAR,
            [
                (0, "Provisioning", 0.0),
                (0, "Shifting", 0.0),
                (0, "Baking", 0.333),
                (600, "Shifting", 0.333),
                (600, "Baking", 0.667),
                (1200, "Shifting", 0.667),
                (1200, "Baking", 1.0),
                (1500, "Retiring", 1.0),
                (1500, "Landed", 1.0),
            ],
        ),
        (
            ROLLING,
            [
                (0, "Provisioning", 0.0),
                (0, "Shifting", 0.0),
                (0, "Baking", 0.333),
                (600, "Retiring", 0.333),
                (600, "Provisioning", 0.333),
                (600, "Shifting", 0.333),
                (600, "Baking", 0.667),
                (1200, "Retiring", 0.667),
                (1200, "Provisioning", 0.667),
                (1200, "Shifting", 0.667),
                (1200, "Baking", 1.0),
                (1800, "Retiring", 1.0),
                (1800, "Landed", 1.0),
            ],
        ),
    ],
    ids=["default", "all at once", "canary", "linear", "rolling"],
)
def test_a_good_deployment_takes_these_steps_at_these_times(
    play: Callable[..., None], strategy: Document | None, expected: list[tuple[float, str, float]]
) -> None:
    async def act(scene: Scene) -> None:
        started = await scene.deploy(strategy)
        landed = await scene.settled()

        assert scene.timeline(started) == expected
        assert landed["EndpointStatus"] == "InService"
        assert landed["EndpointConfigName"] == "second"
        assert landed.get("LastDeploymentConfig") == strategy
        assert not {"PendingDeploymentSummary", "FailureReason"} & landed.keys()
        assert (scene.servers.count("old"), scene.servers.count("new")) == (0, 3)
        assert await scene.traffic() == {"new": 30}

    play(act)


def test_traffic_and_statuses_of_a_canary(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        scene.servers.held = asyncio.Event()
        started = await scene.deploy(CANARY)
        await asyncio.sleep(0)
        launching = await scene.message()
        scene.servers.held.set()
        await scene.clock.advance(1)
        canary, split = await scene.message(), await scene.traffic()
        busy = sum(server.requests > 0 for server in scene.servers.running if server.model == "new")
        pending = await scene.local.describe()
        await scene.clock.advance(600)
        full, rest = await scene.message(), await scene.traffic()

        assert launching == "Creating: Launching 3 instance(s)."
        assert canary == "Baking: Baking for 600 second(s) (WaitIntervalInSeconds) on canary capacity of 1 instance(s)."
        assert full == "Baking: Baking for 300 second(s) (TerminationWaitInSeconds) on full capacity of 3 instance(s)."
        assert (split, busy, rest) == ({"new": 10, "old": 20}, 1, {"new": 30})
        assert pending["EndpointStatus"] == "Updating"
        assert pending["EndpointConfigName"] == "first"
        summary = pending["PendingDeploymentSummary"]
        assert summary["EndpointConfigName"] == "second"
        assert summary["StartTime"] == started
        assert summary["ProductionVariants"][0]["VariantStatus"][0]["StartTime"] == started

    play(act)


def test_a_rolling_update_never_has_more_than_a_batch_besides(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy(ROLLING)
        seen = []
        for _ in range(3):
            await scene.clock.advance(1)
            seen.append((scene.servers.count("old"), scene.servers.count("new"), await scene.traffic()))
            await scene.clock.advance(599)
        await scene.settled()

        assert seen == [(3, 1, {"new": 10, "old": 20}), (2, 2, {"new": 20, "old": 10}), (1, 3, {"new": 30})]

    play(act)


def test_one_server_has_a_canary_by_percent(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy(blue_green("CANARY", 600, CanarySize=size(10)))
        await scene.clock.advance(1)

        assert await scene.traffic() == {"new": 3, "old": 27}

    play(act, count=1)


def test_an_eight_hour_linear_deployment_takes_eight_hours(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        started = await scene.deploy(blue_green("LINEAR", 3000, 1799, LinearStepSize=size(10)))
        await scene.settled()

        assert scene.clock.time() - started == 28799
        assert [share for _, stage, share in scene.timeline(started) if stage == "Baking"] == [
            0.333, 0.333, 0.333, 0.667, 0.667, 0.667, 0.7, 0.8, 0.9, 1.0,
        ]  # fmt: skip

    play(act)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("old", "new"), [(2, 3), (3, 2), (3, 3), (4, 1)])
@pytest.mark.parametrize("alarm", [None, 1, 601, 1201])
def test_enough_servers_take_traffic_at_all_times(
    play: Callable[..., None], mode: str, old: int, new: int, alarm: int | None
) -> None:
    async def act(scene: Scene) -> None:
        (live,) = scene.local.endpoints._changes.live.values()
        least = []

        def count() -> None:
            routes = live.router.routes
            least.append(sum(route.fleet.taking for route in routes))
            assert sum(route.share * route.weight for route in routes) == pytest.approx(1.0)

        await scene.local.config("sized", variant("new", new))
        scene.servers.watch = count
        strategy = MODES[mode] if mode != "linear" else blue_green("LINEAR", 600, 300, LinearStepSize=size(34))
        strategy = ROLLING_BY_HALF if mode == "rolling" else strategy
        await scene.deploy({**strategy, **scene.local.alarm("errors")}, config="sized")
        if alarm is not None:
            await scene.clock.advance(alarm)
            scene.alarms.set("errors", "ALARM")
        await scene.settled()
        scene.servers.watch = lambda: None

        assert min(least) >= min(old, new)

    play(act, count=old)


def test_weights_of_two_configurations_do_not_distort_a_canary(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.local.config("heavy", variant("new", 3, InitialVariantWeight=50.0))
        await scene.deploy(CANARY, config="heavy")
        await scene.clock.advance(1)

        assert await scene.traffic() == {"new": 10, "old": 20}

    play(act)


def test_a_canary_of_two_variants_takes_its_share_of_each(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        for name in ("a-old", "a-new", "b-old", "b-new"):
            scene.local.model(name)
        for age in ("old", "new"):
            a = variant(f"a-{age}", 4, "A", InitialVariantWeight=3.0)
            await scene.local.config(f"two-{age}", a, variant(f"b-{age}", 2, "B"))
        await scene.deploy(None, config="two-old")
        await scene.settled()
        await scene.deploy(blue_green("CANARY", 600, CanarySize=size(1, "INSTANCE_COUNT")), config="two-new")
        await scene.clock.advance(1)
        split = await scene.traffic(160)
        targeted = {(await scene.local.invoke(TargetVariant="B"))["Body"] for _ in range(4)}
        await scene.settled()

        assert split == {"a-new": 30, "a-old": 90, "b-new": 20, "b-old": 20}
        assert targeted == {b"b-old", b"b-new"}
        assert await scene.traffic(40) == {"a-new": 30, "b-new": 10}

    play(act)


# --- alarms ----------------------------------------------------------------------------------------------


def _bakes(modes: Iterable[str]) -> list[tuple[str, int]]:
    return [(mode, bake) for mode in modes for bake in range(BAKES[mode])]


@pytest.mark.parametrize(("mode", "bake"), _bakes(["all at once", "canary", "linear"]))
def test_an_alarm_in_a_bake_has_all_traffic_back_before_the_call_returns(play: Callable[..., None], mode: str, bake: int) -> None:
    async def act(scene: Scene) -> None:
        started = await scene.deploy({**MODES[mode], **scene.local.alarm("latency", "errors")})
        await scene.clock.advance(600 * bake + 1)
        before = await scene.traffic()
        scene.alarms.set("errors", "ALARM", "Threshold Crossed: 5 > 1.")
        after = await scene.traffic()
        undone = await scene.settled()

        assert before["new"] > 0
        assert after == {"old": 30}
        assert [(when, stage) for when, stage, _ in scene.timeline(started)][-3:] == [
            (600 * bake + 1, "Returning"),
            (600 * bake + 1, "Removing"),
            (600 * bake + 1, "RolledBack"),
        ]
        assert undone["EndpointStatus"] == "InService"
        assert undone["EndpointConfigName"] == "first"
        assert undone["FailureReason"] == "Alarm errors is in ALARM: Threshold Crossed: 5 > 1."
        assert "PendingDeploymentSummary" not in undone
        assert (scene.servers.count("old"), scene.servers.count("new")) == (3, 0)

    play(act)


@pytest.mark.parametrize("bake", range(3))
def test_an_alarm_in_a_rolling_update_brings_the_old_fleet_up_first(play: Callable[..., None], bake: int) -> None:
    async def act(scene: Scene) -> None:
        started = await scene.deploy({**ROLLING, **scene.local.alarm("errors")})
        await scene.clock.advance(600 * bake + 1)
        scene.alarms.set("errors", "ALARM")
        undone = await scene.settled()

        stages = [stage for _, stage, _ in scene.timeline(started)]
        restored = ["Restoring"] if bake else []
        assert stages[stages.index("Returning") - len(restored) :] == [*restored, "Returning", "Removing", "RolledBack"]
        assert undone["EndpointStatus"] == "InService"
        assert undone["EndpointConfigName"] == "first"
        assert (scene.servers.count("old"), scene.servers.count("new")) == (3, 0)
        assert await scene.traffic() == {"old": 30}

    play(act)


def test_a_rollback_in_batches_moves_the_traffic_in_batches(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        strategy = rolling(size(1, "INSTANCE_COUNT"), 600, RollbackMaximumBatchSize=size(1, "INSTANCE_COUNT"))
        started = await scene.deploy({**strategy, **scene.local.alarm("errors")})
        await scene.clock.advance(1201)
        scene.alarms.set("errors", "ALARM")
        await scene.settled()

        back = [(stage, share) for when, stage, share in scene.timeline(started) if when == 1201]
        assert back == [
            ("Restoring", 1.0),
            ("Returning", 1.0),
            ("Removing", 0.333),
            ("Restoring", 0.333),
            ("Returning", 0.333),
            ("Removing", 0.0),
            ("RolledBack", 0.0),
        ]
        assert await scene.traffic() == {"old": 30}

    play(act)


@pytest.mark.parametrize("mode", MODES)
def test_an_alarm_one_tick_after_the_last_bake_changes_nothing(play: Callable[..., None], mode: str) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy({**MODES[mode], **scene.local.alarm("errors")})
        waits = {"all at once": 300, "canary": 900, "linear": 1500, "rolling": 1800}
        await scene.clock.advance(waits[mode])
        scene.alarms.set("errors", "ALARM")
        landed = await scene.settled()

        assert landed["EndpointConfigName"] == "second"
        assert await scene.traffic() == {"new": 30}

    play(act)


def test_an_alarm_that_rings_already_trips_the_first_bake(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        scene.alarms.set("errors", "ALARM")
        started = await scene.deploy({**CANARY, **scene.local.alarm("errors")})
        undone = await scene.settled()

        assert [stage for _, stage, _ in scene.timeline(started)] == [
            "Provisioning", "Shifting", "Baking", "Returning", "Removing", "RolledBack",
        ]  # fmt: skip
        assert "Alarm errors" in undone["FailureReason"]
        assert scene.clock.time() == started

    play(act)


def test_insufficient_data_does_not_trip(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        scene.alarms.set("errors", "INSUFFICIENT_DATA")
        await scene.deploy({**CANARY, **scene.local.alarm("errors")})
        await scene.clock.advance(1)
        scene.alarms.set("errors", "OK")
        scene.alarms.set("errors", "INSUFFICIENT_DATA")

        assert (await scene.settled())["EndpointConfigName"] == "second"

    play(act)


def test_alarms_are_not_watched_without_being_named(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy(CANARY)
        await scene.clock.advance(1)
        scene.alarms.set("errors", "ALARM")

        assert (await scene.settled())["EndpointConfigName"] == "second"

    play(act)


def test_an_alarm_that_does_not_exist_is_refused_before_anything_is_touched(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(ApiError, match=r"could not find missing.*PutMetricAlarm") as refused:
            await scene.deploy({**CANARY, **scene.local.alarm("errors", "missing")})

        assert refused.value.code == "ValidationException"
        assert scene.status() == "InService"
        assert scene.servers.count("new") == 0

    play(act)


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["errors"], ""),
        (["errors"] * 10, ""),
        ([], "alarms"),
        (["errors"] * 11, "alarms"),
        ([""], "alarmName"),
        ([" "], "alarmName"),
        (["x" * 256], "alarmName"),
        (["x" * 255], "could not find"),
    ],
)
def test_one_to_ten_alarms_with_names_that_can_be(play: Callable[..., None], names: list[str], refused: str) -> None:
    async def act(scene: Scene) -> None:
        api = Api(scene.local.handlers, "", scene.clock)
        config = {**CANARY, **scene.local.alarm(*names)}
        request = {"EndpointName": "flights", "EndpointConfigName": "second", "DeploymentConfig": config}
        if refused:
            with pytest.raises(ApiError, match=refused):
                await api.call("sagemaker.UpdateEndpoint", request)
        else:
            await api.call("sagemaker.UpdateEndpoint", request)
            assert (await scene.settled())["EndpointConfigName"] == "second"

    play(act)


# --- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_fleet_that_fails_its_health_check_never_gets_traffic(play: Callable[..., None], mode: str) -> None:
    async def act(scene: Scene) -> None:
        scene.servers.unhealthy.add("new")
        started = await scene.deploy(MODES[mode])
        undone = await scene.settled()

        assert [stage for _, stage, _ in scene.timeline(started)] == ["Provisioning", "Removing", "RolledBack"]
        assert undone["EndpointStatus"] == "InService"
        assert undone["EndpointConfigName"] == "first"
        assert "ping health check" in undone["FailureReason"]
        assert (scene.servers.count("old"), scene.servers.count("new")) == (3, 0)

    play(act)


def test_a_later_batch_that_does_not_start_undoes_the_earlier_ones(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy(ROLLING)
        await scene.clock.advance(599)
        scene.servers.unhealthy.add("new")
        undone = await scene.settled()

        assert undone["EndpointConfigName"] == "first"
        assert (scene.servers.count("old"), scene.servers.count("new")) == (3, 0)
        assert await scene.traffic() == {"old": 30}

    play(act)


@pytest.mark.parametrize("mode", ["canary", "linear", "rolling"])
def test_time_that_runs_out_in_a_bake_is_like_an_alarm(play: Callable[..., None], mode: str) -> None:
    async def act(scene: Scene) -> None:
        policy, timeout = next(iter(MODES[mode])), 1900
        await scene.deploy({policy: {**MODES[mode][policy], "MaximumExecutionTimeoutInSeconds": timeout}})
        scene.servers.held = asyncio.Event()
        started = scene.clock.time()
        await scene.clock.advance(timeout - 100)
        scene.servers.held.set()
        undone = await scene.settled()

        assert scene.clock.time() - started == timeout
        assert undone["EndpointConfigName"] == "first"
        assert undone["FailureReason"] == "MaximumExecutionTimeoutInSeconds of 1900 seconds exceeded."
        assert await scene.traffic() == {"old": 30}

    play(act)


def test_time_that_runs_out_in_provisioning_leaves_nothing_behind(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        scene.servers.held = asyncio.Event()
        await scene.deploy(blue_green(MaximumExecutionTimeoutInSeconds=600))
        undone = await scene.settled()

        assert "MaximumExecutionTimeoutInSeconds" in undone["FailureReason"]
        assert (scene.servers.count("old"), scene.servers.count("new")) == (3, 0)

    play(act)


async def _stranded(scene: Scene) -> Document:
    """Two of three batches went out, and the old model does not start any more."""
    await scene.deploy({**ROLLING, **scene.local.alarm("errors")})
    await scene.clock.advance(601)
    scene.servers.unhealthy.add("old")
    scene.alarms.set("errors", "ALARM")
    stranded = await scene.settled()
    scene.alarms.set("errors", "OK")
    return stranded


def test_a_rollback_that_fails_leaves_both_fleets_serving(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        stranded = await _stranded(scene)

        assert stranded["EndpointStatus"] == "UpdateRollbackFailed"
        assert stranded["EndpointConfigName"] == "first"
        assert "Alarm errors" in stranded["FailureReason"]
        assert "rollback failed as well" in stranded["FailureReason"]
        assert stranded["ProductionVariants"][0]["CurrentInstanceCount"] == 4
        assert await scene.traffic(40) == {"new": 20, "old": 20}
        for name in ("first", "second"):
            await scene.local.call("DeleteEndpointConfig", EndpointConfigName=name)
        assert await scene.traffic(40) == {"new": 20, "old": 20}

    play(act)


@pytest.mark.parametrize("mode", MODES)
def test_another_update_recovers_from_a_failed_rollback(play: Callable[..., None], mode: str) -> None:
    async def act(scene: Scene) -> None:
        await _stranded(scene)
        scene.local.model("third")
        await scene.local.config("repaired", variant("third", 3))
        await scene.deploy(MODES[mode], config="repaired")
        landed = await scene.settled()

        assert landed["EndpointStatus"] == "InService"
        assert landed["EndpointConfigName"] == "repaired"
        assert "FailureReason" not in landed
        assert [scene.servers.count(model) for model in ("old", "new", "third")] == [0, 0, 3]
        assert await scene.traffic() == {"third": 30}

    play(act)


def test_a_recovery_that_fails_is_where_it_was(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await _stranded(scene)
        scene.local.model("third")
        await scene.local.config("repaired", variant("third", 3))
        scene.servers.unhealthy.add("third")
        await scene.deploy(None, config="repaired")
        again = await scene.settled()

        assert again["EndpointStatus"] == "UpdateRollbackFailed"
        assert await scene.traffic(40) == {"new": 20, "old": 20}

    play(act)


def test_a_stranded_endpoint_serves_on_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as first:
            await _stranded(first)
        async with scene(tmp_path) as second:
            await second.local.endpoints.recover()
            await second.clock.advance(0)

            assert second.status() == "UpdateRollbackFailed"
            assert await second.traffic(40) == {"new": 20, "old": 20}

    asyncio.run(run())
