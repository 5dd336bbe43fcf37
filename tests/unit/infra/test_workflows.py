"""CI files: pinned, with few rights, and doing what a person can do with the same commands."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text()))


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_three_lanes() -> None:
    assert [path.stem for path in WORKFLOWS] == ["contract", "deploy", "gate"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    assert [step["uses"] for step in steps(read(path)) if "uses" in step and not PINNED.fullmatch(step["uses"])] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_reads_and_only_one_job_each_may_do_more(path: Path) -> None:
    workflow = read(path)
    more = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}

    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    assert (
        more
        == {
            "gate": {"comment": {"pull-requests": "write"}},
            "deploy": {"deploy": {"contents": "read", "id-token": "write"}},
            "contract": {},
        }[path.stem]
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_is_made_of_what_somebody_typed(path: Path) -> None:
    assert [step["run"] for step in steps(read(path)) if "${{" in step.get("run", "")] == []


def test_the_job_that_may_write_runs_nothing_of_the_pull_request() -> None:
    comment = read(ROOT / ".github" / "workflows" / "gate.yml")["jobs"]["comment"]

    assert not any("checkout" in step.get("uses", "") for step in comment["steps"])
    assert "head.repo.full_name == github.repository" in comment["if"]


def test_ci_run_and_both_gates_are_the_gate_and_the_docker_lane() -> None:
    github = read(ROOT / ".github" / "workflows" / "gate.yml")["jobs"]
    gitlab = read(ROOT / ".gitlab-ci.yml")
    alone = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith(".ci/")]

    assert alone == [".ci/gate", ".ci/docker"]
    assert [step["run"] for step in github["gate"]["steps"] if step.get("run", "").startswith(".ci")] == [".ci/gate"]
    assert "make test-docker" in [step.get("run") for step in github["docker"]["steps"]]
    assert gitlab["gate"]["script"] == [".ci/gate"]
    assert [line.split()[-1] for line in gitlab["docker"]["script"]] == [".ci/docker"]


def test_the_contract_lanes_try_the_oldest_release_that_is_allowed_and_the_newest() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    oldest = next(each for each in wanted if each.startswith("boto3>=")).replace(">=", "==")
    github = read(ROOT / ".github" / "workflows" / "contract.yml")["jobs"]["contract"]
    gitlab = read(ROOT / ".gitlab-ci.yml")["contract"]

    assert github["strategy"]["matrix"]["boto3"] == [oldest, "boto3"]
    assert gitlab["parallel"]["matrix"][0]["BOTO3"] == [oldest, "boto3"]
    for script in ("\n".join(step.get("run", "") for step in github["steps"]), "\n".join(gitlab["script"])):
        assert next(each for each in wanted if each.startswith("sagemaker==")) in script


def test_a_deployment_is_let_in_by_its_environment_and_there_is_one_at_a_time() -> None:
    workflow = read(ROOT / ".github" / "workflows" / "deploy.yml")
    (job,) = workflow["jobs"].values()

    assert job["environment"] == "${{ inputs.environment }}"
    assert workflow["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}


def test_what_gitlab_deploys_to_has_a_config() -> None:
    lanes = [job for job in read(ROOT / ".gitlab-ci.yml").values() if isinstance(job, dict)]
    jobs = [job for job in lanes if job.get("extends") in {".deploy", ".image"}]

    assert {job["extends"] for job in jobs} == {".deploy", ".image"}
    assert all((ROOT / "configs" / "environments" / f"{job['environment']['name']}.yaml").is_file() for job in jobs)


@pytest.mark.parametrize("what", ["image", "deploy", "train"])
@pytest.mark.parametrize("code", [0, 6, 8])
def test_what_somebody_chooses_is_what_runs_and_its_end_is_the_workflows(tmp_path: Path, what: str, code: int) -> None:
    (job,) = read(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"].values()
    (script,) = (step["run"] for step in job["steps"] if step.get("name") == "Run")
    program = tmp_path / ".venv" / "bin" / "sagelens"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> called\nexit {code}\n')
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "ENVIRONMENT": "staging", "WHAT": what, "REASON": "workflow 1 of nobody"}

    ended = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=False)

    assert ended.returncode == {0: 0, 6: 0, 8: 8}[code]
    wanted = {
        "image": ["image build --env staging", "image push --env staging"][: 1 if code else 2],
        "deploy": ["deploy latest --env staging --reason workflow 1 of nobody"],
        "train": ["run training --env staging"],
    }
    assert (tmp_path / "called").read_text().splitlines() == wanted[what]
    assert what in read(ROOT / ".github" / "workflows" / "deploy.yml")[True]["workflow_dispatch"]["inputs"]["what"]["options"]
