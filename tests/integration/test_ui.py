"""`sagelens ui`, of the trained project."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.integration.conftest import Outcome, Workspace

Trained = tuple[Workspace, Outcome]


def descendants(pid: int) -> set[int]:
    """Of a process, however deep."""
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child), *descendants(int(child))}
    return found


def words_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def started(workspace: Workspace, *words: str) -> subprocess.Popen[str]:
    # A shell's background job is born deaf to SIGINT.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program = [sys.executable, "-c", f"{hear}from sagelens.cli.main import main; main()", "ui", *words]
    return subprocess.Popen(program, cwd=workspace.root, env=workspace.environment(), stderr=subprocess.PIPE, text=True)


def fetched(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return str(answer.read().decode())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_our_runs_with_their_figures_and_ends_with_all_that_it_started(trained: Trained, number: signal.Signals) -> None:
    workspace, first = trained
    running = started(workspace, "--port", "0")
    try:
        assert running.stderr is not None
        said = running.stderr.readline()
        ours, mlflow = re.findall(r"http://127\.0\.0\.1:\d+", said)
        page = fetched(ours)
        children = descendants(running.pid)
        told = [words_of(pid) for pid in children]
        servers = [words for words in told if "uvicorn" in words]
    finally:
        running.send_signal(number)
        running.communicate(timeout=60)
        code = running.returncode

    execution = first.json["execution_arn"].rpartition("/")[2]
    assert code == 0
    assert f"{first.json['metrics']['roc_auc']:.4g}" in page
    assert re.search(rf'href="{mlflow}/#/experiments/\d+/runs/[0-9a-f]{{32}}">{execution}<', page)
    assert f"/reports/{execution}.html" in page
    assert len(servers) == 1
    assert "--workers 1" in servers[0]
    assert len(told) == 2, told  # MLflow's command and its server: no job runner
    assert not [pid for pid in children if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_port_in_use_is_said(trained: Trained) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = trained[0].run("ui", "--port", str(taken.getsockname()[1]))

    assert refused.code == 2
    assert "Name another with --port" in refused.err
