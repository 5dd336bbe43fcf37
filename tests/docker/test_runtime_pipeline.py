"""The training pipeline in real containers, to a deployment that answers; and what the SDK's own executor says of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.docker.runs import EXAMPLE, WITH_IMAGE, Run, run_in
from tests.docker.runtime import containers_of, docker
from tests.integration.conftest import REPOSITORY, Workspace

UNDERSTOOD = (
    "frame", "collect", "raw-gate", "raw-gate-passed", "prepare", "prepared-gate", "prepared-gate-passed", "explore", "engineer",
    "features-gate", "features-gate-passed", "train",
)  # fmt: skip
"""What the SDK's executor runs of the training pipeline, up to where a model is wanted as a folder; `baseline` may come later."""


@pytest.fixture(scope="module")
def run() -> Run:
    return run_in("docker").sound()


@pytest.fixture(scope="module")
def workspace(run: Run) -> Workspace:
    return run.workspace


def test_a_model_is_trained_and_deployed_in_containers_and_answers(workspace: Workspace) -> None:
    status = json.loads(workspace.run("local", "status", "--json").out)

    answer = workspace.run("invoke", "flights", EXAMPLE)

    assert status["runtime"] == "docker"
    assert 0 <= json.loads(answer.out)["predictions"][0]["score"] <= 1, answer.err
    assert [name for name in containers_of(workspace.root) if "-server-" in name]


def test_a_second_run_takes_every_step_from_the_cache(workspace: Workspace) -> None:
    again = workspace.run("run", "training", "--no-deploy", *WITH_IMAGE, "--json", timeout=300)

    assert again.code == 0, again.err
    assert [name for name, step in again.steps().items() if step["cache"] == "miss"] == []


@pytest.fixture(scope="module")
def opinion(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How the SDK's executor fared on the same project, over the same S3."""
    place = tmp_path_factory.mktemp("sdk")
    environment = workspace.aws() | {"TMPDIR": str(place), "TOLD": str(place / "told.json")}
    script = REPOSITORY / "tests" / "docker" / "second_opinion.py"
    try:
        done = subprocess.run(
            [sys.executable, str(script), *WITH_IMAGE[1:]],
            cwd=workspace.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    finally:
        _remove_what_compose_left(place)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads((place / "told.json").read_text())
    return told


def _remove_what_compose_left(place: Path) -> None:
    """The SDK removes neither its containers nor their network."""
    for file in place.rglob("docker-compose.yaml"):
        mine = f"label=com.docker.compose.project.working_dir={file.parent}"
        if left := docker("ps", "--all", "--quiet", "--filter", mine).split():
            docker("rm", "--force", *left)
    subprocess.run(("docker", "network", "rm", "sagemaker-local"), capture_output=True, check=False)


def test_the_sdks_own_executor_runs_the_same_steps(opinion: dict[str, Any]) -> None:
    succeeded = {name for name, step in opinion["steps"].items() if step["status"] == "Succeeded"}

    assert succeeded >= set(UNDERSTOOD), opinion
    assert opinion["status"] == "Failed"  # it hands models on as archives, which no step of ours reads
    assert {name for name, step in opinion["steps"].items() if step["status"] == "Failed"} <= {"evaluate", "package"}


def test_the_sdks_own_executor_comes_to_the_same_outputs(run: Run, opinion: dict[str, Any], tmp_path: Path) -> None:
    objects = run.workspace.root / ".sagelens" / "objects" / "sagelens-flights" / "flights-training"
    ours, theirs = objects / run.trained.json["execution_arn"].rpartition("/")[2], objects / opinion["id"]

    for step in ("frame", "raw-gate", "prepare", "explore", "engineer", "features-gate"):
        assert _digests(theirs / step / "output") == _digests(ours / step / "output"), step
    (archive,) = (theirs / "train").rglob("model.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    (folder,) = (ours / "train").glob("*/output/model")
    assert _digests(tmp_path) == _digests(folder)


def _digests(folder: Path) -> dict[str, str]:
    """Of all files that a step made; its evidence holds times, and is not compared."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "evidence" not in path.relative_to(folder).parts]
    assert files, folder
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
