"""The command line's side of a warm interpreter: hand over arguments, folder, environment and terminal; get the exit code.

Standard library only, since this is on the way of every command.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from sagelens.local.forking.protocol import Message, receive, send

__all__ = ["run_warm"]

_CALL = "sagelens.cli.main:warm_main"
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH)


def run_warm(argv: Sequence[str], root: Path | None = None) -> int | None:
    """Run a command in a fork of the project's warm interpreter; its exit code. None where there is no such interpreter."""
    path = _socket_of(Path.cwd() if root is None else root)
    connection = _connect(path) if path is not None else None
    if connection is None:
        return None
    with connection:
        request = {
            "call": _CALL,
            "argv": list(argv),
            "program": "sagelens",
            "env": dict(os.environ),
            "cwd": str(Path.cwd()),
            "prefix": sys.prefix,
            "tied": False,
        }
        return _follow(connection, request)


def _socket_of(root: Path) -> Path | None:
    """Where the service of the project at `root`, or of one of the folders above it, says that its sockets are."""
    for folder in (root, *root.parents):
        try:
            about = json.loads((folder / ".sagelens" / "service.json").read_bytes())
            return Path(about["sockets"], "cli.sock")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return None


def _connect(path: Path) -> socket.socket | None:
    """The other side gets our environment and terminal, so it has to be ours."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.stat().st_uid != os.getuid():
            raise PermissionError(path)
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def _follow(connection: socket.socket, request: Message) -> int | None:
    child = _Child()
    before = {number: signal.signal(number, child.forward) for number in _FORWARDED}
    before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, child.suspend)
    try:
        send(connection, request, (0, 1, 2))
        return _exit_code(connection, child)
    except OSError:
        return None if child.pid is None else _lost(child)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(connection: socket.socket, child: _Child) -> int | None:
    while True:
        answer, _files = receive(connection)
        if answer is None:
            return None if child.pid is None else _lost(child)
        if "refused" in answer:
            return None
        if "exit" in answer:
            code = int(answer["exit"])
            return code if code >= 0 else 128 - code
        child.started(int(answer["pid"]))


def _lost(child: _Child) -> int:
    print(f"sagelens: the process that ran this command (pid {child.pid}) ended without an exit code.", file=sys.stderr)
    return 1


class _Child:
    """Signals for the process that does the work: those that arrive before it is known are sent when it is."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._early: list[int] = []

    def started(self, pid: int) -> None:
        self.pid = pid
        for number in self._early:
            self._send(number)

    def forward(self, number: int, _frame: FrameType | None) -> None:
        if self.pid is None:
            self._early.append(number)
        else:
            self._send(number)

    def suspend(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: both sleep, both wake."""
        if self.pid is None:
            return
        self._send(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended; its exit code is on the way
            os.killpg(self.pid or os.getpid(), number)
