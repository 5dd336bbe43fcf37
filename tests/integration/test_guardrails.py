"""Two models, the second by canary under alarms and traffic, on a clock that runs faster: what `make run` shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.canaries import CANARY, REQUEST, TIGHT, WATCHED, settings, traffic, two_models
from tests.integration.conftest import Outcome, Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One model live, a second one approved, and the clock at sixty times the wall's."""
    made = two_models(tmp_path_factory.mktemp("guardrails"))
    made.run("local", "stop")
    assert made.run("local", "start", "--clock", "60x").code == 0
    assert made.run("invoke", "flights", REQUEST).code == 0  # waits for the server, which the service starts again
    yield made
    made.run("local", "stop")


@pytest.fixture(scope="module")
def landed(workspace: Workspace) -> tuple[Outcome, dict[str, Any]]:
    """The canary's outcome, and what the traffic counted meanwhile."""
    with traffic(workspace) as counted:
        outcome = workspace.run(
            "deploy", "latest", "--json", "--reason", "deeper", "--strategy", CANARY, *settings(WATCHED), timeout=110
        )
    return outcome, counted


def test_a_plan_of_the_canary_touches_nothing(workspace: Workspace) -> None:
    before = workspace.run("endpoints", "--json").json

    planned = workspace.run("deploy", "latest", "--plan", "--json", "--strategy", CANARY, *settings(WATCHED))

    assert planned.code == 0, planned.err
    assert planned.json["total_seconds"] == 420
    assert planned.json["serves_now"] == before[0]["endpoint_config_name"] != planned.json["config"]
    assert workspace.run("endpoints", "--json").json == before


def test_the_second_model_lands_by_canary_and_says_how(landed: tuple[Outcome, dict[str, Any]]) -> None:
    outcome, _ = landed

    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert (result["outcome"], result["clock"]) == ("landed", "60x")
    assert result["model_package_arn"].endswith("/2")
    assert 420 <= result["finished"] - result["started"] <= 3600
    assert {alarm["state"] for alarm in result["alarms"]} == {"OK"}
    shares = [event["numbers"]["traffic_share"] for event in result["events"] if "traffic_share" in event.get("numbers", {})]
    assert shares == sorted(shares)
    assert {0.0, 0.5, 1.0} <= set(shares)


def test_events_come_as_json_lines_while_it_runs(landed: tuple[Outcome, dict[str, Any]]) -> None:
    outcome, _ = landed

    told = [json.loads(line) for line in outcome.err.splitlines() if line.startswith("{")]

    assert [{key: value for key, value in event.items() if key != "endpoint_name"} for event in told] == outcome.json["events"]


def test_every_request_was_answered_while_the_models_changed(landed: tuple[Outcome, dict[str, Any]]) -> None:
    _, counted = landed

    assert counted["errors"] == {}
    assert counted["answers"] == {"AllTraffic": counted["requests"]}
    assert counted["requests"] > 100


def test_the_page_shows_both_fleets_and_can_be_written_again(
    workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]
) -> None:
    page = Path(landed[0].json["report"])
    text = page.read_text(encoding="utf-8")

    assert 'class="line new strong"' in text
    assert 'class="line old strong"' in text
    page.unlink()
    assert workspace.run("report", page.stem).code == 0
    assert 'class="line old strong"' in page.read_text(encoding="utf-8")


def test_deploying_what_serves_already_does_nothing(workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]) -> None:
    again = workspace.run("deploy", "latest", "--json", "--strategy", CANARY, *settings(WATCHED))

    assert again.code == 0, again.err
    assert again.json["outcome"] == "already landed"
    assert again.json["events"] == []


def test_a_rollback_puts_the_version_before_behind_the_endpoint_and_the_journal_tells(
    workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]
) -> None:
    back = workspace.run("rollback", "flights", "--json", "--reason", "to see it")

    assert back.code == 0, back.err
    assert back.json["model_package_arn"].endswith("/1")
    history = workspace.run("endpoints", "flights", "--history", "--json").json
    assert [(row["kind"], row["outcome"], row["model_version"]) for row in history] == [
        ("rollback", "landed", "1"),
        ("deployment", "landed", "2"),
        ("deployment", "landed", "1"),
    ]
    assert history[0]["why"] == "to see it"


def test_an_alarm_undoes_the_canary_with_exit_code_5(workspace: Workspace, landed: tuple[Outcome, dict[str, Any]]) -> None:
    """After the rollback the second model is deployed again, under an alarm that no model can keep quiet."""
    before = workspace.run("endpoints", "--json").json[0]["endpoint_config_name"]

    with traffic(workspace) as counted:
        outcome = workspace.run("deploy", "2", "--json", "--strategy", CANARY, *settings(TIGHT), timeout=110)

    assert outcome.code == 5, outcome.err
    assert outcome.json["outcome"] == "rolled back"
    assert outcome.json["error"]["kind"] == "rolled-back"
    assert outcome.json["alarms"][0]["state"] == "ALARM"
    assert workspace.run("endpoints", "--json").json[0]["endpoint_config_name"] == before
    assert counted["errors"] == {}
