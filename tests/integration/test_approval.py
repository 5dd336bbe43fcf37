"""Where a person approves: training waits with exit 6, approval deploys, and the endpoint is updated in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Outcome, Workspace, workspace_at

Trained = tuple[Workspace, Outcome]
MANUAL = ("--set", "environment.approval=manual", "--set", "training.xgboost.max_depth=5")


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Trained]:
    """A project of its own, since the better model that is approved here would be the champion of every later test."""
    workspace = workspace_at(tmp_path)
    yield workspace, workspace.run("run", "training", "--json")
    workspace.run("local", "stop")


def test_a_model_waits_for_approval_and_is_deployed_by_it(apart: Trained) -> None:
    workspace, first = apart
    before = workspace.run("endpoints", "--json").json[0]["endpoint_config_name"]

    waiting = workspace.run("run", "training", "--json", *MANUAL)

    assert waiting.code == 6, waiting.err
    assert waiting.json["endpoint_name"] is None
    package = waiting.json["model_package_arn"]
    assert package != first.json["model_package_arn"]
    assert f"`sagelens models approve {package.rpartition('/')[2]} --reason WHY`" in waiting.err
    assert workspace.run("endpoints", "--json").json[0]["endpoint_config_name"] == before
    refused = workspace.run("run", "deployment", "--parameter", f"ModelPackageArn={package}")
    assert refused.code == 8, refused.err
    assert "PendingManualApproval" in refused.err

    approved = workspace.run("models", "approve", "latest", "--reason", "measured twice", "--json")

    assert approved.code == 0, approved.err
    assert approved.json["endpoint_name"] == "flights"
    after = workspace.run("endpoints", "--json").json[0]
    assert after["status"] == "InService"
    assert after["endpoint_config_name"] != before
    shown = workspace.run("models", "show", "latest", "--json").json
    assert shown["approval"] == "Approved"
    assert "measured twice" in shown["approval_description"]
    assert workspace.run("invoke", "flights", "configs/examples/request.json").code == 0


def test_a_step_can_be_called_in_the_debugger_on_its_real_inputs(trained: Trained) -> None:
    workspace, first = trained

    outcome = workspace.run(
        "debug", first.json["execution_arn"].rpartition("/")[2], "prepare", stdin="p label\np late_after_minutes\nc\n"
    )

    assert outcome.code == 0, outcome.err
    assert "'late'" in outcome.out
    assert "15" in outcome.out
