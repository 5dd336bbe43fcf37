"""Endpoints as a client sees them, over real server processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.ports import ApiError
from tests.unit.local_endpoints.conftest import ACCOUNT, Local, opened, until, variant

Run = Callable[..., None]


def all_at_once(termination: int = 0, **more: int) -> dict[str, object]:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination, **more}}


def test_an_endpoint_is_created_and_answers(run: Run) -> None:
    async def scenario(local: Local) -> None:
        local.model("one")
        await local.config("first", variant("one", count=2))

        created = await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
        coming = await local.describe()
        there = await local.settled()
        answer = await local.invoke(b"row", ContentType="text/csv")

        assert created["EndpointArn"].endswith(f":{ACCOUNT}:endpoint/flights")
        assert coming["EndpointStatus"] == "Creating"
        assert coming["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
        assert there["EndpointStatus"] == "InService"
        assert "PendingDeploymentSummary" not in there
        assert there["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        assert there["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == "sagelens:1"
        assert answer == {
            "Body": b"one",
            "ContentType": "text/plain",
            "CustomAttributes": "seen",
            "InvokedProductionVariant": "AllTraffic",
        }

    run(scenario)


def test_the_model_gets_the_callers_headers_and_the_containers_environment(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))

        seen = (await local.invoke(b"headers", ContentType="text/csv", Accept="application/json", CustomAttributes="id=7"))[
            "Body"
        ]

        assert b"Content-Type: text/csv" in seen
        assert b"Accept: application/json" in seen
        assert b"X-Amzn-SageMaker-Custom-Attributes: id=7" in seen
        assert local.processes.started[0].env["MODEL"] == "one"
        assert local.processes.started[0].env["LANG"] == "C"
        assert local.processes.started[0].call == "sagelens.serving.server:main"

    run(scenario)


def test_an_update_lands_and_every_request_is_answered(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"), count=2)
        local.model("new")
        await local.config("second", variant("new", count=2))
        answers: Counter[bytes] = Counter()
        done = asyncio.Event()

        async def load() -> None:
            while not done.is_set():
                answers[(await local.invoke())["Body"]] += 1

        callers = [asyncio.create_task(load()) for _ in range(4)]
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second", DeploymentConfig=all_at_once())
        under_way = await local.describe()
        landed = await local.settled()
        await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*callers)

        assert under_way["EndpointStatus"] == "Updating"
        assert under_way["EndpointConfigName"] == "flights-old"
        assert under_way["PendingDeploymentSummary"]["EndpointConfigName"] == "second"
        assert landed["EndpointConfigName"] == "second"
        assert landed["LastDeploymentConfig"] == all_at_once()
        assert "PendingDeploymentSummary" not in landed
        assert "FailureReason" not in landed
        assert answers.keys() == {b"old", b"new"}
        assert (await local.invoke())["Body"] == b"new"
        assert local.processes.alive() == 2

    run(scenario)


@pytest.mark.parametrize(("setting", "reason"), [({"ping": "500"}, "ping health check"), ({"start": "no"}, "exit code 3")])
def test_an_update_that_fails_its_health_check_is_rolled_back(run: Run, setting: dict[str, str], reason: str) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("bad", **setting)
        await local.config("second", variant("bad", ContainerStartupHealthCheckTimeoutInSeconds=1))

        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second")
        while_updating = (await local.invoke())["Body"]
        undone = await local.settled()

        assert while_updating == b"old"
        assert undone["EndpointStatus"] == "InService"
        assert undone["EndpointConfigName"] == "flights-old"
        assert reason in undone["FailureReason"]
        assert "'bad'" in undone["FailureReason"]
        assert "PendingDeploymentSummary" not in undone
        assert (await local.invoke())["Body"] == b"old"
        assert local.processes.alive() == 1

    run(scenario)


def test_an_endpoint_that_does_not_start_fails_and_can_only_be_deleted(run: Run) -> None:
    async def scenario(local: Local) -> None:
        failed = await local.up(local.model("bad", start="no"))

        with pytest.raises(ApiError, match="can only be deleted"):
            await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="flights-bad")
        with pytest.raises(ApiError, match="not found"):
            await local.invoke()
        await local.call("DeleteEndpoint", EndpointName="flights")

        assert failed["EndpointStatus"] == "Failed"
        assert "exit code 3" in failed["FailureReason"]

    run(scenario)


def test_the_old_fleet_waits_for_termination_and_time_may_run_out(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", variant("new"))

        strategy = all_at_once(termination=3600, MaximumExecutionTimeoutInSeconds=3601)
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second", DeploymentConfig=strategy)
        await local.answers_with(b"new")
        baking = await local.describe()
        undone = await local.settled()

        status = baking["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]
        assert status["Status"] == "Baking"
        assert "TerminationWaitInSeconds" in status["StatusMessage"]
        assert "MaximumExecutionTimeoutInSeconds" in undone["FailureReason"]
        assert (await local.invoke())["Body"] == b"old"

    run(scenario, clock=ScaledClock(3600))


def test_an_update_while_another_runs_is_refused(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", variant("new"))
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second")

        for operation, more in (("UpdateEndpoint", {"EndpointConfigName": "second"}), ("DeleteEndpoint", {})):
            with pytest.raises(ApiError, match="Cannot update in-progress endpoint"):
                await local.call(operation, EndpointName="flights", **more)
        await local.settled()

    run(scenario)


def test_configuration_and_model_may_be_deleted_before_their_endpoint(run: Run) -> None:
    """In this order the SageMaker SDK's `predictor.delete_endpoint()` cleans up."""

    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))
        await local.call("DeleteEndpointConfig", EndpointConfigName="flights-one")
        local.store.delete(f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/one")

        assert (await local.invoke())["Body"] == b"one"
        with pytest.raises(ApiError, match="Could not find endpoint configuration"):
            await local.call("DeleteEndpointConfig", EndpointConfigName="flights-one")
        await local.call("DeleteEndpoint", EndpointName="flights")
        await until(local.nothing_runs)

    run(scenario)


def test_a_server_that_is_lost_is_replaced_after_its_model_was_deleted_or_made_anew(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))
        await local.call("DeleteEndpointConfig", EndpointConfigName="flights-one")
        local.store.delete(f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/one")

        await local.call(
            "UpdateEndpointWeightsAndCapacities",
            EndpointName="flights",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
        )
        assert (await local.settled())["ProductionVariants"][0]["CurrentInstanceCount"] == 2

    run(scenario)


def test_a_killed_server_is_replaced_while_the_others_answer(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("one"), count=2)
        victim = int((await local.invoke(b"pid"))["Body"])

        os.kill(victim, signal.SIGKILL)
        bodies = [(await local.invoke())["Body"] for _ in range(200)]
        async with asyncio.timeout(10):
            while (await local.describe())["ProductionVariants"][0]["CurrentInstanceCount"] != 2:
                assert (await local.invoke())["Body"] == b"one"
        pids = {int((await local.invoke(b"pid"))["Body"]) for _ in range(10)}

        assert set(bodies) == {b"one"}
        assert victim not in pids
        assert len(pids) == 2

    run(scenario)


def test_requests_wait_for_the_replacement_of_the_only_server(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("one"))

        victim = int((await local.invoke(b"pid"))["Body"])
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(20):
            while _exists(victim):  # noqa: ASYNC110  until the service has heard of its end
                await asyncio.sleep(0.01)

        assert (await local.invoke())["Body"] == b"one"

    run(scenario)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_that_dies_over_a_request_gives_one_error_and_no_second_try(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("one"), count=2)

        with pytest.raises(ApiError) as refused:
            await local.invoke(b"die")

        assert refused.value.code == "ModelError"
        assert refused.value.status == 424
        assert refused.value.members["OriginalStatusCode"] == 0
        assert (await local.describe())["ProductionVariants"][0]["CurrentInstanceCount"] >= 1

    run(scenario)


def test_a_models_own_error_comes_through(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("picky", status="400", answer="field 'distance' is missing"))

        with pytest.raises(ApiError) as refused:
            await local.invoke()

        error = refused.value
        assert (error.code, error.status) == ("ModelError", 424)
        assert error.members["OriginalStatusCode"] == 400
        assert error.members["OriginalMessage"] == "field 'distance' is missing"
        assert error.message.startswith('Received client error (400) from primary with message "field')

    run(scenario)


def test_traffic_is_split_by_weight_and_a_target_overrides_it(run: Run) -> None:
    async def scenario(local: Local) -> None:
        local.model("a")
        local.model("b")
        config = await local.config(
            "both", variant("a", name="A", InitialVariantWeight=3.0), variant("b", name="B", InitialVariantWeight=1.0)
        )
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName=config)
        await local.settled()

        split = Counter([(await local.invoke())["InvokedProductionVariant"] for _ in range(40)])
        targeted = {(await local.invoke(TargetVariant="B"))["Body"] for _ in range(5)}

        assert split == {"A": 30, "B": 10}
        assert targeted == {b"b"}
        with pytest.raises(ApiError, match="Variant C not found for Endpoint flights"):
            await local.invoke(TargetVariant="C")

    run(scenario)


def test_counts_and_weights_are_retained_unless_excluded(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"), count=2, InitialVariantWeight=5.0)
        local.model("new")
        await local.config("second", variant("new", count=1, InitialVariantWeight=2.0))
        update = {"EndpointName": "flights", "EndpointConfigName": "second"}

        await local.call("UpdateEndpoint", **update, RetainAllVariantProperties=True)
        kept = (await local.settled())["ProductionVariants"][0]
        excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
        await local.call("UpdateEndpoint", **update, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
        part = (await local.settled())["ProductionVariants"][0]
        await local.call("UpdateEndpoint", **update)
        none = (await local.settled())["ProductionVariants"][0]

        seen = [(found["DesiredInstanceCount"], found["DesiredWeight"]) for found in (kept, part, none)]
        assert seen == [(2, 5.0), (1, 5.0), (1, 2.0)]

    run(scenario)


def test_a_remembered_deployment_config_is_used_when_retained(run: Run) -> None:
    async def scenario(local: Local) -> None:
        local.model("one")
        await local.config("first", variant("one"))
        await local.call(
            "CreateEndpoint", EndpointName="flights", EndpointConfigName="first", DeploymentConfig=all_at_once(termination=7)
        )
        created = await local.settled()
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="first", RetainDeploymentConfig=True)
        updated = await local.settled()

        assert "LastDeploymentConfig" not in created
        assert updated["LastDeploymentConfig"] == all_at_once(termination=7)

    run(scenario, clock=ScaledClock(100))


def test_requests_under_way_are_answered_before_their_server_ends(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("slow", delay="0.5"))
        pending = [asyncio.create_task(local.invoke()) for _ in range(3)]
        await asyncio.sleep(0.1)

        await local.call("DeleteEndpoint", EndpointName="flights")

        assert (await local.describe())["EndpointStatus"] == "Deleting"
        with pytest.raises(ApiError, match="not found"):
            await local.invoke()
        assert [answer["Body"] for answer in await asyncio.gather(*pending)] == [b"slow"] * 3
        await until(local.nothing_runs)
        with pytest.raises(ApiError, match="Could not find endpoint"):
            await local.describe()

    run(scenario)


def test_a_body_that_is_too_large_and_an_unknown_endpoint_are_refused(run: Run) -> None:
    async def scenario(local: Local) -> None:
        with pytest.raises(ApiError) as unknown:
            await local.invoke()
        await local.up(local.model("one"))
        with pytest.raises(ApiError, match="at most 26214400 are allowed"):
            await local.invoke(bytes(25 * 1024 * 1024 + 1))

        assert unknown.value.code == "ValidationError"
        assert unknown.value.message == f"Endpoint flights of account {ACCOUNT} not found."
        assert (await local.invoke(bytes(20 * 1024 * 1024)))["Body"] == b"one"

    run(scenario)


def test_lists_are_filtered_sorted_and_paged(run: Run) -> None:
    async def scenario(local: Local) -> None:
        local.model("one")
        for name in ("b", "a", "c"):
            await local.config(name, variant("one"))
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="a")
        await local.settled()

        first = await local.call("ListEndpointConfigs", SortBy="Name", SortOrder="Ascending", MaxResults=2)
        rest = await local.call(
            "ListEndpointConfigs", SortBy="Name", SortOrder="Ascending", MaxResults=2, NextToken=first["NextToken"]
        )
        endpoints = await local.call("ListEndpoints", StatusEquals="InService")

        assert [c["EndpointConfigName"] for c in first["EndpointConfigs"] + rest["EndpointConfigs"]] == ["a", "b", "c"]
        assert "NextToken" not in rest
        assert [e["EndpointName"] for e in endpoints["Endpoints"]] == ["flights"]
        assert (await local.call("ListEndpoints", NameContains="zzz"))["Endpoints"] == []

    run(scenario)


async def _after_a_crash(folder: Path, before: Callable[[Local], object], after: Callable[[Local], object]) -> None:
    """`before` runs in a service that is closed as it stands, `after` in the one that takes its place."""
    clock = ScaledClock()
    async with opened(folder, clock) as local:
        await before(local)  # type: ignore[misc]
    async with opened(folder, clock) as local:
        await local.endpoints.recover()
        await after(local)  # type: ignore[misc]


def test_a_new_service_serves_the_endpoints_of_the_old_one(tmp_path: Path) -> None:
    async def before(local: Local) -> None:
        await local.up(local.model("one"), count=2)

    async def after(local: Local) -> None:
        assert (await local.describe())["EndpointStatus"] == "InService"
        assert (await local.invoke())["Body"] == b"one"

    asyncio.run(_after_a_crash(tmp_path, before, after))


def test_an_update_cut_off_before_traffic_moved_is_undone(tmp_path: Path) -> None:
    async def before(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", variant("new"))
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second")

    async def after(local: Local) -> None:
        found = await local.describe()
        assert found["EndpointStatus"] == "InService"
        assert found["EndpointConfigName"] == "flights-old"
        assert "service ended" in found["FailureReason"]
        assert (await local.invoke())["Body"] == b"old"

    asyncio.run(_after_a_crash(tmp_path, before, after))


def test_an_update_cut_off_after_traffic_moved_is_finished(tmp_path: Path) -> None:
    async def before(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", variant("new"))
        strategy = all_at_once(termination=3000)
        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second", DeploymentConfig=strategy)
        await local.answers_with(b"new")

    async def after(local: Local) -> None:
        found = await local.describe()
        assert found["EndpointConfigName"] == "second"
        assert "FailureReason" not in found
        assert (await local.invoke())["Body"] == b"new"

    asyncio.run(_after_a_crash(tmp_path, before, after))


def test_a_creation_cut_off_is_tried_again(tmp_path: Path) -> None:
    async def before(local: Local) -> None:
        local.model("one")
        await local.config("first", variant("one"))
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")

    async def after(local: Local) -> None:
        assert (await local.settled())["EndpointStatus"] == "InService"
        assert (await local.invoke())["Body"] == b"one"

    asyncio.run(_after_a_crash(tmp_path, before, after))


def test_servers_that_outlived_their_service_are_ended_by_the_next(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, ScaledClock()) as killed:
            await killed.up(killed.model("one"))
            pid = int((await killed.invoke(b"pid"))["Body"])
            async with opened(tmp_path, ScaledClock()) as local:
                await local.endpoints.recover()
                assert (await local.invoke())["Body"] == b"one"
            ended = await killed.processes.running[0].wait()

        assert killed.processes.running[0].pid == pid
        assert ended == -signal.SIGKILL

    asyncio.run(scenario())


def test_a_deployment_that_breaks_in_an_unforeseen_way_leaves_the_old_fleet_serving(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.config("second", variant("new"))
        local.processes.broken = RuntimeError("out of ideas")

        await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName="second")
        undone = await local.settled()

        assert undone["EndpointStatus"] == "InService"
        assert "out of ideas" in undone["FailureReason"]
        assert (await local.invoke())["Body"] == b"old"

    run(scenario)
    assert "ended unexpectedly" in caplog.text
