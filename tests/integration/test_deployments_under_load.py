"""Deployments of every strategy under constant load, a third of them with a faulty model; see benchmarks/deployments.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sagelens.testing.models import Fault

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "deployments.py"
DEPLOYMENTS = 20
FAULTY = 7


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = tmp_path_factory.mktemp("load") / "figures.json"
    command = [sys.executable, str(BENCHMARK), "--deployments", str(DEPLOYMENTS), "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert found.exists(), done.stderr
    measured: dict[str, Any] = json.loads(found.read_text())
    return measured


def test_nothing_went_otherwise_than_it_must(figures: dict[str, Any]) -> None:
    """How soon traffic was back is measured by the benchmark, and not asserted on a machine that others use too."""
    assert [problem for problem in figures["problems"] if "after the alarm" not in problem] == []


def test_every_sound_model_lands_and_every_faulty_one_is_rolled_back(figures: dict[str, Any]) -> None:
    assert figures["landed"] == DEPLOYMENTS - FAULTY
    assert figures["rolled_back"] == FAULTY
    assert figures["faults"].keys() == {str(fault) for fault in Fault}
    assert {done["exit_code"] for done in figures["log"]} == {0, 5}
    assert all(row["deployments"] >= 3 for row in figures["strategies"].values())


def test_every_request_gets_one_answer_and_errors_come_from_the_faulty_models_alone(figures: dict[str, Any]) -> None:
    assert figures["requests"] > 1000
    assert figures["without_one_answer"] == 0
    assert figures["errors_of_others"] == 0
    assert figures["errors_of_faulty_models"].keys() <= {"raises", "dies"}
    assert figures["errors_of_faulty_models"]["raises"] > 0
