"""The command line's way into a warm interpreter."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.local.forking import zygote
from sagelens.local.forking.zygotes import can_fork

pytestmark = pytest.mark.skipif(not can_fork({}), reason="forking is used on Linux only")

CLIENT = """
import sys
from sagelens.local import warm
warm._CALL = "probe:main"
sys.exit(warm.run_warm(sys.argv[1:]))
"""
SERVER = """
import socket, sys
from pathlib import Path
from sagelens.local.forking import families
families.FAMILIES["cli"] = ()
from sagelens.local.forking.zygote import Zygote
Zygote("cli", Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))).run()
"""


@pytest.fixture
def project(tmp_path: Path, runtime: Path) -> Iterator[Path]:
    """A project whose service has a warm interpreter without imports for commands."""
    import socket

    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        subprocess.Popen(
            [sys.executable, "-c", SERVER, str(runtime / "cli.sock"), str(theirs.fileno())], pass_fds=[theirs.fileno()]
        ) as server,
    ):
        theirs.close()
        assert b"ready" in ours.recv(4096)
        (tmp_path / ".sagelens").mkdir()
        (tmp_path / ".sagelens" / "service.json").write_text(json.dumps({"sockets": str(runtime), "pid": server.pid}))
        yield tmp_path
        ours.close()
        server.wait(10)


def command(project: Path, body: str, *argv: str) -> tuple[list[str], dict[str, object]]:
    (project / "probe.py").write_text(f"import os, sys, time, signal\ndef main():\n    {body}\n")
    environment = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{Path.cwd()}", "COLOUR": "blue"}
    return [sys.executable, "-c", CLIENT, *argv], {"cwd": project, "env": environment, "text": True}


def test_arguments_folder_environment_and_output_are_the_callers(project: Path) -> None:
    body = "print(sys.argv[1:], os.getcwd(), os.environ['COLOUR'], sys.stdin.read()); print('bad', file=sys.stderr); sys.exit(5)"
    args, options = command(project, body, "run", "training")

    done = subprocess.run(args, input="typed", capture_output=True, check=False, **options)  # type: ignore[call-overload]

    assert done.returncode == 5
    assert done.stdout == f"['run', 'training'] {project} blue typed\n"
    assert done.stderr == "bad\n"


def test_without_a_service_there_is_no_answer(tmp_path: Path) -> None:
    from sagelens.local.warm import run_warm

    assert run_warm(["run"], tmp_path) is None
    (tmp_path / ".sagelens").mkdir()
    (tmp_path / ".sagelens" / "service.json").write_text(json.dumps({"sockets": str(tmp_path / "gone")}))
    assert run_warm(["run"], tmp_path) is None


def test_interrupting_the_command_interrupts_the_work(project: Path) -> None:
    body = "print('up', flush=True); time.sleep(30)"
    args, options = command(project, body)

    with subprocess.Popen(args, stdout=subprocess.PIPE, **options) as client:  # type: ignore[call-overload]
        assert client.stdout.readline() == "up\n"
        client.send_signal(signal.SIGINT)
        assert client.wait(10) == 130


def test_a_killed_child_is_reported_as_a_shell_would(project: Path) -> None:
    args, options = command(project, "os.kill(os.getpid(), signal.SIGKILL)")

    assert subprocess.run(args, check=False, **options).returncode == 137  # type: ignore[call-overload]


def test_a_command_outlives_the_interpreter_and_its_exit_code_is_kept(project: Path) -> None:
    args, options = command(project, "print('up', flush=True); time.sleep(1); print('done'); sys.exit(3)")
    service = json.loads((project / ".sagelens" / "service.json").read_text())["pid"]

    with subprocess.Popen(args, stdout=subprocess.PIPE, **options) as client:  # type: ignore[call-overload]
        assert client.stdout.readline() == "up\n"
        os.kill(service, signal.SIGKILL)
        assert client.stdout.read() == "done\n"
        assert client.wait(10) == 3


def test_the_terminal_is_the_callers(project: Path) -> None:
    body = "print(sys.stdout.isatty(), os.get_terminal_size().columns > 0 or True, input())"
    args, options = command(project, body)
    leader, follower = pty.openpty()

    with subprocess.Popen(args, stdin=follower, stdout=follower, stderr=follower, start_new_session=True, **options) as client:  # type: ignore[call-overload]
        os.close(follower)
        os.write(leader, b"hello\n")
        assert client.wait(10) == 0
        seen = os.read(leader, 4096).decode()
    os.close(leader)

    assert "True True hello" in seen


def test_code_edited_since_is_not_run_warm(project: Path) -> None:
    args, options = command(project, "sys.exit(4)")
    assert subprocess.run(args, check=False, **options).returncode == 4  # type: ignore[call-overload]
    file = Path(zygote.__file__)
    before = file.stat()
    os.utime(file, (before.st_atime, before.st_mtime + 1))
    try:
        refused = subprocess.run(args, check=False, **options)  # type: ignore[call-overload]
    finally:
        os.utime(file, (before.st_atime, before.st_mtime))

    assert refused.returncode == 0  # sys.exit(None): nobody ran it


def test_the_way_there_takes_few_milliseconds_and_no_heavy_imports() -> None:
    script = "import sys; before = set(sys.modules); import sagelens.local.warm; print(*sorted(set(sys.modules) - before))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert {name.partition(".")[0] for name in loaded}.isdisjoint({"asyncio", "boto3", "numpy", "pydantic", "typer"})
    assert [name for name in loaded if name.startswith("sagelens")] == [
        "sagelens",
        "sagelens.local",
        "sagelens.local.forking",
        "sagelens.local.forking.protocol",
        "sagelens.local.warm",
    ]
