"""What the life of a service leaves on disk, without one running."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sagelens.cli.app import run_app
from sagelens.errors import BadInput, ServiceUnavailable
from sagelens.local.lifecycle import Running, State, environment, start, status, stop, variables
from sagelens.local.runtime import runtime_folder

RUNNING = Running(
    pid=1,
    port=1111,
    s3_port=2222,
    access_key="KEY",
    secret_key="SECRET",
    account="000000000000",
    region="eu-west-1",
    clock=1.0,
    fingerprint="f",
    runtime="process",
    sockets="/run/x",
    sdk_defaults="/project/.sagelens/sdk-defaults.yaml",
    started=1.0,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_reads_the_state(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    state.write(RUNNING)

    assert mode(state.folder) == 0o700
    assert mode(state.service) == 0o600
    assert state.read() == RUNNING


def test_a_service_json_without_its_lock_is_stale(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    state.write(RUNNING)

    assert status(tmp_path) is None
    with pytest.raises(ServiceUnavailable, match="sagelens local start"):
        environment(tmp_path)
    assert stop(tmp_path) is False
    assert not state.service.exists()


def test_while_the_lock_is_held_a_service_runs_and_no_second_one(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    with state.serving():
        assert status(tmp_path) is None
        state.write(RUNNING)
        assert status(tmp_path) == RUNNING
        with pytest.raises(ServiceUnavailable, match="runs already"), state.serving():
            pass
    assert status(tmp_path) is None


def test_whoever_holds_the_lock_is_the_service(tmp_path: Path) -> None:
    """Whatever another one left in `service.json`."""
    state = State(tmp_path)
    state.prepare()
    with state.serving():
        state.service.write_text('{"pid": 1}')
        assert state.pid() == os.getpid()
        assert not state.lost()
        (state.folder / "service.lock").unlink()
        assert state.lost()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": 1}'])
def test_a_damaged_service_json_is_no_service(tmp_path: Path, text: str) -> None:
    state = State(tmp_path)
    state.prepare()
    state.service.write_text(text)
    assert state.read() is None


def test_a_project_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a folder"):
        start(tmp_path / "nothing", account="000000000000", region="us-east-1")
    assert stop(tmp_path / "nothing") is False
    assert status(tmp_path / "nothing") is None


def test_a_file_in_place_of_the_state_is_named(tmp_path: Path) -> None:
    (tmp_path / ".sagelens").write_text("")
    with pytest.raises(BadInput, match=r"\.sagelens cannot be used"):
        start(tmp_path, account="000000000000", region="us-east-1")


def test_a_running_service_keeps_its_clock(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.prepare()
    with state.serving():
        state.write(replace(RUNNING, clock=60.0))
        with pytest.raises(BadInput, match=r"runs on a 60x clock, not 1x\. Stop it first: `sagelens local stop`"):
            start(tmp_path, account="000000000000", region="eu-west-1", clock=1.0)
        assert status(tmp_path) == replace(RUNNING, clock=60.0)


def test_status_says_which_clock_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for folder in ("configs", "pipelines"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    state = State(tmp_path)
    state.prepare()
    with state.serving():
        state.write(replace(RUNNING, clock=60.0))
        assert run_app(["local", "status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["clock"] == "60x"
        assert run_app(["local", "status"]) == 0
        assert "on a 60x clock" in capsys.readouterr().out
    assert run_app(["local", "start", "--clock", "fast"]) == 2
    assert "'fast' is no pace" in capsys.readouterr().err


def test_the_variables_point_every_client_at_the_service() -> None:
    given = variables(RUNNING)
    assert given["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == "http://127.0.0.1:1111"
    assert given["AWS_ENDPOINT_URL_EVENTBRIDGE"] == "http://127.0.0.1:1111"
    assert given["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:2222"
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_REGION"]) == ("KEY", "eu-west-1")
    assert given["SAGEMAKER_VALIDATE_ROLE"] == "false"
    assert given["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_runtime_folder_is_private_and_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = runtime_folder(Path("/project"))
    assert mode(folder) == 0o700
    (folder / "old.sock").touch()
    assert runtime_folder(Path("/project")) == folder
    assert list(folder.iterdir()) == []
    assert runtime_folder(Path("/other")) != folder

    folder.chmod(0o755)
    other = runtime_folder(Path("/project"))
    assert other != folder
    assert mode(other) == 0o700


def test_asking_for_the_service_loads_next_to_nothing() -> None:
    heavy = "asyncio, sqlite3, uvicorn, uvloop, botocore, boto3, yaml, pydantic, subprocess"
    code = f"import sys, sagelens.local.lifecycle; print(*[m for m in {heavy.split(', ')!r} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert loaded.stdout.split() == []
