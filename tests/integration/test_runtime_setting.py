"""The runtime as a setting of the service: asked for, kept, shown, and replaced with a notice. Docker's client is a script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.errors import BadInput, ServiceUnavailable
from sagelens.local.lifecycle import Running, start, status, stop
from tests.integration.conftest import workspace_at

PLACE = {"account": "000000000000", "region": "us-east-1"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    stop(folder)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that agrees to everything, and notes what it was asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    tool = tools / "docker"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return tmp_path / "asked"


def running(root: Path) -> Running:
    found = status(root)
    assert found is not None
    return found


def test_an_unknown_runtime_is_refused_with_those_that_are_known(root: Path) -> None:
    with pytest.raises(BadInput, match=r"'dockr' is not known. Known: process, docker"):
        start(root, **PLACE, runtime="dockr")
    assert status(root) is None


def test_asking_for_another_runtime_replaces_the_service_and_says_so(root: Path, client: Path) -> None:
    before = start(root, **PLACE)
    after = start(root, **PLACE, runtime="docker")
    kept = start(root, **PLACE)

    assert (before.runtime, after.runtime, kept.runtime) == ("process", "docker", "docker")
    assert after.notice == "The local SageMaker was running its jobs in the process runtime and was replaced."
    assert kept.pid == after.pid
    assert "ps --all --no-trunc --filter label=sagelens.project=" in client.read_text()


def test_a_service_that_runs_is_left_alone_where_docker_cannot_be_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = start(root, **PLACE)
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ServiceUnavailable, match=r"there is no `docker` on PATH. Start it. Or use the process runtime"):
        start(root, **PLACE, runtime="docker")

    assert running(root).pid == before.pid


def test_the_command_line_shows_the_runtime_and_refuses_it_for_aws(tmp_path: Path, client: Path) -> None:
    workspace = workspace_at(tmp_path)
    try:
        started = workspace.run("local", "start", "--runtime", "docker")
        told = json.loads(workspace.run("local", "status", "--json").out)
        refused = workspace.run("run", "training", "--env", "staging", "--runtime", "docker")
    finally:
        workspace.run("local", "stop")

    assert "in the docker runtime" in started.out, started.err
    assert told["runtime"] == "docker"
    assert refused.code == 2
    assert "--runtime docker is for a local environment; staging runs on AWS" in refused.err


def test_a_command_starts_the_service_in_the_runtime_that_it_asks_for(tmp_path: Path, client: Path) -> None:
    workspace = workspace_at(tmp_path)
    try:
        done = workspace.run("run", "training", "--only", "nothing-of-this-name", "--runtime=docker")
        told = json.loads(workspace.run("local", "status", "--json").out)
    finally:
        workspace.run("local", "stop")

    assert "was replaced" not in done.err
    assert told["runtime"] == "docker"
