"""The reference project, copied to a folder of its own and run there with its own local service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = ("configs", "pipelines", "steps")


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def steps(self) -> dict[str, dict[str, Any]]:
        return {step["name"]: step for step in self.json["steps"]}


@dataclass(frozen=True)
class Workspace:
    """A project's folder, and its command line."""

    root: Path

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "SAGELENS_"))}
        return kept | {"PYTHONPATH": str(REPOSITORY)}

    def run(self, *arguments: str, timeout: float = 300, stdin: str = "") -> Outcome:
        command = [sys.executable, "-c", "from sagelens.cli.main import main; main()", *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def aws(self) -> dict[str, str]:
        """The environment for a program of somebody else's, made by `sagelens local env` alone."""
        script = f"{sys.executable} -c 'from sagelens.cli.main import main; main()' local env"
        printed = subprocess.run(
            ["bash", "-c", f'eval "$({script})" && env -0'],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)


def workspace_at(root: Path) -> Workspace:
    for folder in PROJECT:
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Workspace(root)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Outcome]]:
    """The project after its first training run, with that run's outcome."""
    workspace = workspace_at(tmp_path_factory.mktemp("flights"))
    outcome = workspace.run("run", "training", "--json")
    yield workspace, outcome
    workspace.run("local", "stop")
