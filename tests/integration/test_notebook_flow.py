"""A deployment-guardrails notebook's flow, in plain boto3, against the local service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelens.testing.models import MadeModel, ModelMaker, number_of
from sagelens.testing.served import Fault
from tests.integration.conftest import Workspace, workspace_at

SCRIPT = Path(__file__).with_name("guardrails_notebook.py")
KINDS = ("canary", "linear", "rolling")
GOOD, BETTER, BROKEN = 1, 2, 3


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What the script saw, two updates for each kind."""
    work = tmp_path_factory.mktemp("notebook")
    workspace = workspace_at(work / "project")
    started = workspace.run("local", "start", "--clock", "120x")
    assert started.code == 0, started.err
    try:
        yield run(workspace, models(work))
    finally:
        workspace.run("local", "stop")


def models(work: Path) -> list[MadeModel]:
    maker = ModelMaker(work)
    return [maker.make(GOOD), maker.make(BETTER), maker.make(BROKEN, fault=Fault.RAISES)]


def run(workspace: Workspace, made: list[MadeModel]) -> list[dict[str, Any]]:
    command = [sys.executable, str(SCRIPT), "notebook-models", *(str(model.folder) for model in made)]
    done = subprocess.run(command, env=workspace.aws(), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def of_kind(seen: list[dict[str, Any]], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    broken, sound = (update for update in seen if update["kind"] == kind)
    return broken, sound


def models_in(answers: list[str]) -> set[int]:
    return {number_of(float(answer))[0] for answer in answers}


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_model_is_rolled_back_by_the_alarm(seen: list[dict[str, Any]], kind: str) -> None:
    update, _ = of_kind(seen, kind)
    served = update["during"][1]

    assert update["during"] == ["Updating", served, "broken-config"]
    assert (update["status"], update["config"], update["pending"]) == ("InService", served, False)
    assert update["answers"]["ModelError"] >= 1
    assert update["rung"] >= 1
    assert models_in(update["after"]) == {GOOD if served == "good-config" else BETTER}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_lands_after_both_have_served_side_by_side(seen: list[dict[str, Any]], kind: str) -> None:
    _, update = of_kind(seen, kind)

    assert (update["status"], update["config"], update["pending"]) == ("InService", update["to"], False)
    assert models_in(list(update["answers"])) == {GOOD, BETTER}
    assert models_in(update["after"]) == {GOOD if update["to"] == "good-config" else BETTER}
    assert update["rung"] == 0
    assert ("RollingUpdatePolicy" if kind == "rolling" else "BlueGreenUpdatePolicy") in update["policy"]
