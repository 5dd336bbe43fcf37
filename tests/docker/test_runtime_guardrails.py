"""A deployment by canary between fleets of containers, after the service has changed its runtime under a live endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docker.runs import WITH_IMAGE
from tests.docker.runtime import containers_of
from tests.integration.canaries import CANARY, REQUEST, TIGHT, WATCHED, settings, traffic, two_models
from tests.integration.conftest import Outcome, Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One model live and a second one approved, both by the process runtime."""
    made = two_models(tmp_path_factory.mktemp("guardrails"), *WITH_IMAGE)
    yield made
    made.run("local", "stop")
    assert containers_of(made.root) == []


@pytest.fixture(scope="module")
def switched(workspace: Workspace) -> tuple[Any, Any]:
    """What the endpoint answered as a process, and answers in a container."""
    before = workspace.run("invoke", "flights", REQUEST).json
    started = workspace.run("local", "start", "--runtime", "docker")
    assert started.code == 0, started.err
    return before, workspace.run("invoke", "flights", REQUEST).json


@pytest.fixture(scope="module")
def landed(workspace: Workspace, switched: tuple[Any, Any]) -> tuple[Outcome, dict[str, Any]]:
    """The canary's outcome at sixty times the wall's clock, and what the traffic counted meanwhile."""
    workspace.run("local", "stop")
    assert workspace.run("local", "start", "--runtime", "docker", "--clock", "60x").code == 0
    assert workspace.run("invoke", "flights", REQUEST).code == 0  # waits for the server, which the service starts again
    with traffic(workspace) as counted:
        outcome = workspace.run("deploy", "latest", "--json", "--strategy", CANARY, *WITH_IMAGE, *settings(WATCHED), timeout=110)
    return outcome, counted


def test_an_endpoint_comes_back_in_the_other_runtime_with_the_same_answer(
    workspace: Workspace, switched: tuple[Any, Any]
) -> None:
    before, after = switched

    assert after["predictions"][0]["label"] == before["predictions"][0]["label"]
    assert after["predictions"][0]["score"] == pytest.approx(before["predictions"][0]["score"], abs=1e-9)
    assert workspace.run("local", "status", "--json").json["runtime"] == "docker"
    assert len(containers_of(workspace.root)) > 0


def test_a_canary_lands_between_containers_and_every_request_is_answered(landed: tuple[Outcome, dict[str, Any]]) -> None:
    outcome, counted = landed

    assert outcome.code == 0, outcome.err
    assert (outcome.json["outcome"], outcome.json["clock"]) == ("landed", "60x")
    shares = {
        event["numbers"]["traffic_share"] for event in outcome.json["events"] if "traffic_share" in event.get("numbers", {})
    }
    assert {0.0, 0.5, 1.0} <= shares
    assert counted["errors"] == {}
    assert counted["answers"] == {"AllTraffic": counted["requests"]}
    assert counted["requests"] > 100


def test_the_fleet_that_was_replaced_is_gone(workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]) -> None:
    (endpoint,) = workspace.run("endpoints", "--json").json
    wanted = sum(endpoint["variants"].values())

    deadline = time.monotonic() + 30
    while len(containers_of(workspace.root)) != wanted:
        assert time.monotonic() < deadline, containers_of(workspace.root)
        time.sleep(0.2)


def test_an_alarm_undoes_a_canary_between_containers(workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]) -> None:
    back = workspace.run("rollback", "flights", "--json", "--reason", "to deploy it again")
    assert back.code == 0, back.err
    serving = workspace.run("endpoints", "--json").json[0]["endpoint_config_name"]

    with traffic(workspace) as counted:
        outcome = workspace.run("deploy", "2", "--json", "--strategy", CANARY, *WITH_IMAGE, *settings(TIGHT), timeout=110)

    assert outcome.code == 5, outcome.err
    assert outcome.json["outcome"] == "rolled back"
    assert outcome.json["alarms"][0]["state"] == "ALARM"
    assert workspace.run("endpoints", "--json").json[0]["endpoint_config_name"] == serving
    assert counted["errors"] == {}
