"""The training pipeline on the real flights, through the command line, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.conftest import Outcome, Workspace

Trained = tuple[Workspace, Outcome]
KEYS = {"execution_arn", "status", "steps", "metrics", "model_package_arn", "endpoint_name", "report"}
UNCACHED = {"model-gate", "register", "deploy", "smoke-test"}


def test_the_first_run_ends_with_a_good_model_behind_an_endpoint(trained: Trained) -> None:
    workspace, outcome = trained

    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert set(result) == KEYS
    assert result["status"] == "Succeeded"
    assert result["metrics"]["roc_auc"] >= 0.685
    assert result["metrics"]["gain_low"] > 0
    assert result["metrics"]["roc_auc"] > result["metrics"]["baseline_roc_auc"]
    assert result["endpoint_name"] == "flights"
    assert Path(result["report"]).is_file()
    (endpoint,) = workspace.run("endpoints", "--json").json
    assert endpoint["status"] == "InService"


def test_every_step_says_its_phase_time_and_cache(trained: Trained) -> None:
    for step in trained[1].json["steps"]:
        assert set(step) == {"name", "phase", "status", "seconds", "cache", "cache_miss_reason"}
        assert step["seconds"] is not None
        assert step["cache"] in {"hit", "miss", "off"}
    phases = {step["phase"] for step in trained[1].json["steps"]}
    assert {"framing", "collection", "data-quality", "preparation", "exploration", "training", "deployment"} <= phases


def test_progress_goes_to_standard_error_and_one_json_object_to_standard_output(trained: Trained) -> None:
    assert trained[1].out.count("\n") == 1
    assert "prepare" in trained[1].err


def test_the_last_run_is_the_training_not_the_deployment_that_it_went_on_to(trained: Trained) -> None:
    workspace, _ = trained
    asked_for = workspace.run("run", "training", "--json")  # the fixture's project may have run another pipeline since

    shown = workspace.run("show", "last", "--json")

    assert shown.json["execution_arn"] == asked_for.json["execution_arn"]
    assert workspace.run("logs", "last", "prepare").out.count("prepare")


def test_a_second_run_reuses_every_cacheable_step(trained: Trained) -> None:
    workspace, first = trained
    models = workspace.run("models", "list", "--json").json

    again = workspace.run("run", "training", "--json")

    assert again.code == 0, again.err
    steps = {name: step for name, step in again.steps().items() if step["phase"] is not None}
    assert {name for name, step in steps.items() if step["cache"] == "off"} == UNCACHED
    assert {step["cache"] for name, step in steps.items() if name not in UNCACHED} == {"hit"}
    assert again.json["model_package_arn"] == first.json["model_package_arn"]
    assert workspace.run("models", "list", "--json").json == models


def test_changing_one_step_runs_it_and_names_the_change(trained: Trained) -> None:
    workspace, _ = trained
    module = workspace.root / "steps" / "training.py"
    before = module.read_text()
    module.write_text(before + "\n# a remark\n")

    try:
        outcome = workspace.run("run", "training", "--json")
    finally:
        module.write_text(before)

    assert outcome.code == 0, outcome.err
    steps = outcome.steps()
    for name in ("frame", "collect", "raw-gate", "prepare", "prepared-gate", "explore", "engineer", "features-gate"):
        assert steps[name]["cache"] == "hit"
    for name in ("baseline", "train"):
        assert steps[name]["cache"] == "miss"
        assert steps[name]["cache_miss_reason"] == "code changed: steps/training.py"


def test_the_model_shows_the_schema_of_a_request_and_the_endpoint_answers_it(trained: Trained) -> None:
    workspace, _ = trained
    shown = workspace.run("models", "show", "latest", "--json").json

    assert {"carrier", "sched_dep_time", "temp"} <= set(shown["schema"]["properties"])
    assert not {"dep_time", "dep_delay", "arr_time", "air_time", "arr_delay", "late"} & set(shown["schema"]["properties"])
    answer = workspace.run("invoke", "flights", "configs/examples/request.json")
    assert answer.code == 0, answer.err
    (prediction,) = json.loads(answer.out)["predictions"]
    assert 0 < prediction["score"] < 1


def test_a_bad_row_is_refused_with_the_field(trained: Trained) -> None:
    workspace, _ = trained
    request: dict[str, Any] = json.loads((workspace.root / "configs/examples/request.json").read_text())
    request["instances"][0]["distance"] = "far"

    answer = workspace.run("invoke", "flights", stdin=json.dumps(request))

    assert answer.code == 2
    assert "distance" in answer.err
    assert "Traceback" not in answer.err


def test_runs_and_logs_can_be_read(trained: Trained) -> None:
    workspace, first = trained

    runs = workspace.run("runs", "--json").json

    assert first.json["execution_arn"] in {run["execution_arn"] for run in runs}
    logs = workspace.run("logs", first.json["execution_arn"].rpartition("/")[2], "train")
    assert "validation-logloss=" in logs.out


def test_a_compiled_definition_is_printed_the_same_twice(trained: Trained) -> None:
    workspace, _ = trained

    texts = {workspace.run("compile", "training").out for _ in range(2)}

    assert len(texts) == 1
    assert json.loads(texts.pop())["Version"] == "2020-12-01"


def test_mlflow_has_one_run_an_execution_and_a_child_for_each_step(trained: Trained) -> None:
    import sqlite3

    workspace, first = trained
    database = sqlite3.connect(workspace.root / ".sagelens" / "mlflow.db")
    parents = database.execute(
        "SELECT run_uuid FROM tags WHERE key = 'sagelens.execution_arn' AND value = ? "
        "AND run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')",
        (first.json["execution_arn"],),
    ).fetchall()
    assert len(parents) == 1
    children = database.execute(
        "SELECT count(*) FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?", parents[0]
    ).fetchone()[0]
    database.close()
    assert children >= len([step for step in first.json["steps"] if step["name"] not in {"deploy", "smoke-test"}]) - 3


def test_one_step_runs_alone_on_the_outputs_of_the_last_run(trained: Trained) -> None:
    workspace, _ = trained

    outcome = workspace.run("run", "training", "--only", "prepare", "--no-cache", "--json")

    assert outcome.code == 0, outcome.err
    assert outcome.steps()["prepare"]["status"] == "Succeeded"
    assert not {"frame", "explore", "engineer", "register", "deploy"} & set(outcome.steps())
    assert outcome.json["endpoint_name"] is None
