"""`deploy` and `rollback` from the command line to the answer, for all that needs no service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagelens.cli.app import run_app
from sagelens.cli.commands.deploy import DeployOptions, settings_of
from sagelens.cli.deployment_result import Conclusion, print_deployment
from sagelens.project import load_project
from tests.unit.cli.conftest import record_of
from tests.unit.report.example import PACKAGE
from tests.unit.report.rollouts import NEW, OLD, TAKEN_BACK, observed

KEYS = {
    "endpoint_name", "outcome", "reason", "model_package_arn", "strategy", "started", "finished", "clock", "events", "alarms",
    "report",
}  # fmt: skip


def test_strategies_reach_the_project_as_settings(project_root: Any) -> None:
    options = DeployOptions(strategies=("shadow:duration=1h", "canary:size=10%,wait=10m"), force=True, allow_breaking=True)

    deployment = load_project(project_root, settings=settings_of(options)).deployment

    assert [strategy.kind for strategy in deployment.strategy] == ["shadow", "canary"]
    assert deployment.force
    assert deployment.allow_breaking


def test_an_option_takes_the_place_of_a_setting_of_its_key(project_root: Any) -> None:
    options = DeployOptions(settings=("deployment.strategy=[all-at-once]",), strategies=("linear:size=50%,wait=1m",))

    (strategy,) = load_project(project_root, settings=settings_of(options)).deployment.strategy

    assert strategy.kind == "linear"


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("canry:size=10%,wait=10m", "did you mean canary?"),
        ("canary:size=10%", "needs wait"),
        ("canary:size=60%,wait=1m", "size is 60%"),
        ("shadow", "cannot end with it"),
    ],
)
def test_a_strategy_that_cannot_be_used_is_refused_before_anything_is_asked(
    strategy: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_app(["deploy", "latest", "--strategy", strategy, "--json"])

    answer = capsys.readouterr()
    result = json.loads(answer.out)
    assert code == 2
    assert set(result) == KEYS | {"error"}
    assert (result["outcome"], result["error"]["kind"]) == ("bad input", "bad-input")
    assert said in result["error"]["message"]
    assert answer.err.startswith("sagelens: --strategy:")


@pytest.mark.parametrize("command", [["deploy"], ["rollback"], ["traffic", "delays"], ["deploy", "latest", "--no-such-option"]])
def test_a_command_line_that_lacks_something_ends_with_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(command) == 2
    assert "Usage" in capsys.readouterr().err


def test_a_landed_deployment_answers_with_everything_and_without_an_error() -> None:
    found = Conclusion(endpoint="delays", record=record_of(), observed=observed(), package=PACKAGE, clock="60x").to_json()

    assert set(found) == KEYS
    assert (found["outcome"], found["model_package_arn"], found["clock"]) == ("landed", PACKAGE, "60x")
    assert found["finished"] - found["started"] == 240
    assert found["events"][-1]["message"] == "landed."
    (alarm,) = found["alarms"]
    assert (alarm["name"], alarm["state"]) == (f"{NEW}-errors", "OK")


def test_a_deployment_that_was_rolled_back_answers_with_reason_alarm_and_error() -> None:
    failure = {"kind": "rolled-back", "step": "deploy", "message": "an alarm rang"}
    record = record_of(events=TAKEN_BACK, outcome="rolled back", reason="an alarm rang", serves=OLD)

    found = Conclusion(endpoint="delays", record=record, observed=observed(rang=91), failure=failure).to_json()

    assert (found["outcome"], found["reason"], found["error"]) == ("rolled back", "an alarm rang", failure)
    assert found["alarms"][0]["state"] == "ALARM"
    assert found["alarms"][0]["changes"][-1]["reason"].startswith("Threshold Crossed")


def test_the_whole_answer_is_json() -> None:
    found = Conclusion(endpoint="delays", record=record_of(), observed=observed()).to_json()

    assert json.loads(json.dumps(found)) == found


def test_people_are_told_what_serves_and_where_the_page_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_deployment(Conclusion(endpoint="delays", record=record_of(), clock="60x").to_json() | {"report": "page.html"})

    said = capsys.readouterr().out
    for part in ("delays landed in 240 s on a clock of 60x", "canary of 50% for 2m, then all, baking 1m", PACKAGE, "page.html"):
        assert part in said
