"""The process runtime and the docker runtime, side by side: a training pipeline with its deployment, and batch scoring.

What may differ is named here, and explained in docs/docker-runtime.md.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.docker.runs import EXAMPLE, Run, run_in

TOLD_OF_THE_RUN = ("cpu_seconds", "finished", "peak_memory", "started", "inputs", "outputs", "versions", "facts")
"""Parts of evidence that tell when, where and with which libraries loaded a step ran."""

NAMING_THE_MODEL = "find-model/output/model_reference/value.json"
"""What a step of scoring found behind the endpoint: each deployment has a model of its own name."""


@pytest.fixture(scope="module")
def process() -> Run:
    return run_in("process").sound()


@pytest.fixture(scope="module")
def container() -> Run:
    return run_in("docker").sound()


def _made(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.endswith("evidence.json")}


def _evidence(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    found = {name: json.loads(content) for name, content in files.items() if name.endswith("evidence.json")}
    return {name: {part: value for part, value in told.items() if part not in TOLD_OF_THE_RUN} for name, told in found.items()}


def test_every_step_of_training_makes_the_same_files_byte_for_byte(process: Run, container: Run) -> None:
    ours, theirs = _made(process.files(process.trained)), _made(container.files(container.trained))

    assert ours.keys() == theirs.keys()
    assert [name for name, content in ours.items() if theirs[name] != content] == []


def test_every_step_of_training_tells_the_same_of_itself(process: Run, container: Run) -> None:
    ours, theirs = _evidence(process.files(process.trained)), _evidence(container.files(container.trained))

    assert ours == theirs
    assert sum(len(told["metrics"]) for told in ours.values()) > 0


def test_the_metrics_of_the_run_are_the_same(process: Run, container: Run) -> None:
    assert process.trained.json["metrics"] == container.trained.json["metrics"]


def test_the_registered_packages_say_the_same(process: Run, container: Run) -> None:
    ours, theirs = (run.workspace.run("models", "show", "latest", "--json").json for run in (process, container))
    volatile = {"created", "model_data"}

    assert {key for key, value in ours.items() if value != theirs[key]} == volatile


def test_the_same_was_asked_of_sagemaker(process: Run, container: Run) -> None:
    assert process.requests(process.trained) == container.requests(container.trained)
    assert process.requests(process.scored) == container.requests(container.scored)


def test_the_endpoints_give_the_same_answer(process: Run, container: Run) -> None:
    ours, theirs = (run.workspace.run("invoke", "flights", EXAMPLE).json for run in (process, container))

    assert ours["predictions"][0]["label"] == theirs["predictions"][0]["label"]
    assert ours["predictions"][0]["score"] == pytest.approx(theirs["predictions"][0]["score"], abs=1e-9)


def test_batch_scoring_makes_the_same_files_byte_for_byte(process: Run, container: Run) -> None:
    ours, theirs = _made(process.files(process.scored)), _made(container.files(container.scored))

    assert ours.keys() == theirs.keys()
    assert [name for name, content in ours.items() if theirs[name] != content] == [NAMING_THE_MODEL]
