"""MLflow's server as a child: one worker, on loopback, ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.errors import ServiceUnavailable

__all__ = ["MlflowServer", "mlflow_server"]

_START = 90.0  # s: it imports for 5 s on an idle machine, and makes its tables when they are not there
_END = 5.0  # s between asking it to end and ending it
_ANSWER = 20.0  # s that one answer may take
_PAUSE = 0.2


@dataclass(frozen=True)
class MlflowServer:
    """One that answers at `address`."""

    address: str
    process: subprocess.Popen[bytes]

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """An answer of its REST API, such as `runs/search`. Raises OSError (URLError) or ValueError."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - an address of ours, on loopback
            f"{self.address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), headers
        )
        with _opener().open(request, timeout=_ANSWER) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


@contextmanager
def mlflow_server(uri: str, *, artifacts: Path, folder: Path, log: Path) -> Iterator[MlflowServer]:
    """A server over a store, once it answers; it is ended at the exit. Raises ServiceUnavailable where it does not start."""
    port = _free_port()
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(uri, artifacts, port),
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone, and we end all of it
        )
    server = MlflowServer(f"http://127.0.0.1:{port}", process)
    try:
        _wait(server, log)
        yield server
    finally:
        _end(process)


def _command(uri: str, artifacts: Path, port: int) -> list[str]:
    store = ["--backend-store-uri", uri, "--default-artifact-root", str(artifacts)]
    allowed = f"127.0.0.1:{port},localhost:{port}"
    place = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--allowed-hosts", allowed]
    return [sys.executable, "-m", "mlflow", "server", *store, *place]


def _environment() -> dict[str, str]:
    """Without MLflow's own job runner: eight processes that nothing here needs."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true", **os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(server: MlflowServer, log: Path) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise ServiceUnavailable(
                f"MLflow ended at once (exit code {server.process.returncode}): {_last_words(log)} See {log}."
            )
        with contextlib.suppress(OSError), _opener().open(f"{server.address}/health", timeout=_ANSWER):
            return
        time.sleep(_PAUSE)
    raise ServiceUnavailable(
        f"MLflow has not answered for {_START:.0f} s. See {log}, and try again when this machine has less to do."
    )


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment are not for this machine."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _last_words(log: Path) -> str:
    with log.open(errors="replace") as file:
        lines = deque((line.strip() for line in file if line.strip()), maxlen=1)
    return lines[0][:300] if lines else "it said nothing."


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its workers too: they are in its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END)
