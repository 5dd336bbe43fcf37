"""A service is started once, found, replaced, killed and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from sagelens.errors import BadInput, ServiceUnavailable
from sagelens.local import lifecycle
from sagelens.local.lifecycle import Running, State
from sagelens.local.ports import Resource
from sagelens.local.store import Store

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SAGELENS_FORK", "0")
    yield tmp_path
    lifecycle.stop(tmp_path)


def start(root: Path, **how: Any) -> Running:
    return lifecycle.start(root, account="000000000000", region="us-east-1", **how)


def answers(running: Running, operation: str = "list_models", service: str = "sagemaker", **request: Any) -> Any:
    client = boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{running.s3_port if service == 's3' else running.port}",
        region_name=running.region,
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
    )
    try:
        return getattr(client, operation)(**request)
    finally:
        client.close()


def children(pid: int) -> list[int]:
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in table.splitlines() if int(line.split()[1]) == pid]


def alive(pid: int) -> bool:
    """A process that has ended but was not yet waited for is not alive."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_service_answers_as_soon_as_start_returns_and_is_found_again(root: Path) -> None:
    running = start(root)
    assert answers(running)["Models"] == []
    assert lifecycle.status(root) == running
    assert start(root) == running
    assert not lifecycle.outdated(root)
    assert stat.S_IMODE(State(root).service.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(running.sockets).stat().st_mode) == 0o700


def test_stop_ends_the_service_and_its_processes(root: Path) -> None:
    running = start(root)
    processes = [running.pid, *children(running.pid)]
    assert len(processes) > 1

    assert lifecycle.stop(root) is True
    assert [pid for pid in processes if alive(pid)] == []
    assert lifecycle.status(root) is None
    assert not State(root).service.exists()
    assert not Path(running.sockets).exists()
    assert lifecycle.stop(root) is False


def test_everything_is_kept_from_one_service_to_the_next(root: Path) -> None:
    answers(start(root), "create_model", ModelName="kept", PrimaryContainer={"Image": "image"})
    lifecycle.stop(root)
    assert answers(start(root), "describe_model", ModelName="kept")["ModelName"] == "kept"


def test_after_kill_nothing_is_lost_and_nothing_is_left_over(root: Path) -> None:
    running = start(root)
    answers(running, "create_model", ModelName="kept", PrimaryContainer={"Image": "image"})
    orphans = children(running.pid)
    assert orphans
    os.kill(running.pid, signal.SIGKILL)

    assert until(lambda: lifecycle.status(root) is None)
    assert until(lambda: not any(alive(pid) for pid in orphans))
    again = start(root)
    assert again.pid != running.pid
    assert answers(again, "describe_model", ModelName="kept")["ModelName"] == "kept"


def test_rclone_is_started_again_on_the_same_port(root: Path) -> None:
    running = start(root)
    answers(running, "create_bucket", "s3", Bucket="bucket-one")
    rclone = next(pid for pid in children(running.pid) if "rclone" in command(pid))
    os.kill(rclone, signal.SIGKILL)

    assert until(lambda: not alive(rclone))
    assert answers(running, "list_buckets", "s3")["Buckets"][0]["Name"] == "bucket-one"
    assert [pid for pid in children(running.pid) if "rclone" in command(pid)] != [rclone]


def command(pid: int) -> str:
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout


def test_the_secret_is_not_on_any_command_line(root: Path) -> None:
    running = start(root)
    lines = [command(pid) for pid in (running.pid, *children(running.pid))]
    assert any("rclone" in line for line in lines)
    assert not any(running.secret_key in line or running.access_key in line for line in lines)


def test_starts_at_the_same_time_make_one_service(root: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: start(root), range(4)))
    assert len({running.pid for running in found}) == 1


def test_a_service_with_other_settings_or_older_code_is_replaced(root: Path) -> None:
    first = start(root, clock=60.0)
    second = lifecycle.start(root, account="000000000000", region="eu-west-1")
    assert (first.pid != second.pid, second.region) == (True, "eu-west-1")
    assert "other settings" in second.notice

    State(root).write(Running(**{**vars(second), "fingerprint": "older"}))
    assert lifecycle.outdated(root)
    third = lifecycle.start(root, account="000000000000", region="eu-west-1")
    assert (third.pid != second.pid, "older code" in third.notice) == (True, True)
    assert third.clock == 60.0  # whoever starts it anew without saying a clock keeps the one that it had
    assert answers(third)["Models"] == []


def test_a_clock_is_not_changed_while_it_runs(root: Path) -> None:
    first = start(root, clock=60.0)
    with pytest.raises(BadInput, match=r"runs on a 60x clock, not 2x.*sagelens local stop"):
        start(root, clock=2.0)
    assert start(root) == first
    lifecycle.stop(root)
    assert start(root).clock == 1.0


def test_a_service_of_another_version_is_replaced(root: Path) -> None:
    first = start(root)
    State(root).service.write_text(json.dumps({"pid": first.pid, "only": "in that version"}))
    second = start(root)
    assert (second.pid != first.pid, "older code" in second.notice) == (True, True)
    assert not alive(first.pid)


def test_a_port_that_is_taken_is_named(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port} of 127.0.0.1"):
            start(root, port=port)
    running = start(root, port=port)
    assert running.port == port
    assert start(root) == running


def test_a_service_that_does_not_start_says_why(root: Path) -> None:
    state = State(root)
    state.prepare()
    state.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(ServiceUnavailable, match="file is not a database"):
        start(root)
    assert lifecycle.status(root) is None

    state.database.unlink()
    assert answers(start(root))["Models"] == []


def test_it_runs_in_the_foreground_too(root: Path) -> None:
    service = subprocess.Popen(
        [sys.executable, "-m", "sagelens.local.service", "--root", str(root)],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until(lambda: lifecycle.status(root) is not None)
        running = lifecycle.status(root)
        assert running is not None
        assert (running.pid, answers(running)["Models"]) == (service.pid, [])
    finally:
        service.send_signal(signal.SIGINT)
        assert service.wait(10) == 0


def test_a_service_with_an_execution_under_way_is_busy(root: Path) -> None:
    start(root)
    assert not lifecycle.busy(root)
    store = Store(State(root).database)
    store.insert(Resource(kind="PipelineExecution", arn="arn:x", name="x", parent="p", status="Executing"))
    store.close()

    assert lifecycle.busy(root)


@pytest.mark.parametrize("content", [None, "", '{"pid": 1', '{"pid": 1, "port": 1}', "null"])
def test_a_service_is_stopped_whatever_its_file_says(root: Path, content: str | None) -> None:
    running = start(root)
    State(root).service.unlink()
    if content is not None:
        State(root).service.write_text(content)

    assert lifecycle.status(root) is None
    assert lifecycle.lost(root) == running.pid
    assert lifecycle.stop(root) is True
    assert not alive(running.pid)
    assert lifecycle.lost(root) is None


def test_a_process_that_only_has_the_pid_is_left_alone(root: Path) -> None:
    """A service that was killed left its file, and its number went to another program."""
    running = start(root)
    os.kill(running.pid, signal.SIGKILL)
    assert until(lambda: not State(root).served())
    with subprocess.Popen(["sleep", "60"]) as other:
        State(root).service.write_text(State(root).service.read_text().replace(str(running.pid), str(other.pid)))

        assert lifecycle.stop(root) is False
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("how", ["removed", "moved", "made anew"])
def test_a_service_ends_whose_folder_is_gone(root: Path, how: str) -> None:
    running = start(root)
    processes = [running.pid, *children(running.pid)]
    folder = State(root).folder
    if how == "removed":
        shutil.rmtree(folder)
    else:
        folder.rename(root / "elsewhere")
    if how == "made anew":
        folder.mkdir()
        (folder / "service.lock").touch()

    deadline = time.monotonic() + 30
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in processes if alive(pid)] == []
    assert start(root).pid != running.pid


def test_sockets_do_not_go_where_somebody_else_was_first(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from sagelens.local.runtime import runtime_folder

    taken = runtime_folder(root)
    taken.rmdir()
    elsewhere = tmp_path_factory.mktemp("trap")
    taken.symlink_to(elsewhere)
    try:
        chosen = runtime_folder(root)
        assert chosen != taken
        assert chosen.lstat().st_mode & 0o777 == 0o700
        chosen.rmdir()
    finally:
        taken.unlink()
