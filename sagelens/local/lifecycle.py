"""Starts, finds and stops the local SageMaker of a project. Imports the standard library only, so that asking costs little."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path

from sagelens.errors import BadInput, ServiceUnavailable
from sagelens.local.bootstrap import program
from sagelens.local.fingerprint import fingerprint
from sagelens.local.pace import pace
from sagelens.local.state import RUNTIMES, Running, Settings, State
from sagelens.wiring import PRIVACY

__all__ = ["Running", "Settings", "State", "busy", "environment", "outdated", "start", "status", "stop", "variables"]

_POLL = 0.005
_PATIENCE = 60.0
_GRACE = 15.0
_REPLACED = "The local SageMaker was running older code, or in another environment, and was replaced."
_PROGRAM = "from sagelens.local.service import main; main()"


def start(
    root: Path, *, account: str, region: str, port: int = 0, clock: float | None = None, runtime: str | None = None
) -> Running:
    """The project's service, started unless it runs with these settings and this very code; answers once it does.

    `port` 0 takes any that is free. `clock` is how many times as fast as the wall's the service's clock runs; without it, as fast
    as the one that runs, or else as the wall's. `runtime` is one of RUNTIMES; without it the one that runs stays, or else it is
    `process`. ServiceUnavailable says why the service did not start; BadInput that the port is
    taken, or that a service runs on another clock.
    """
    state = State(root)
    state.prepare()
    with state.starting():
        code = fingerprint()
        running = status(root)
        notice = ""
        settings = Settings(account=account, region=region, clock=_scale(running, clock), runtime=_runtime(running, runtime))
        if running is not None:
            notice = _outdated(running, settings, code, port)
            if not notice:
                return running
        elif state.served():
            notice = _REPLACED
        if settings.runtime == "docker":
            from sagelens.local.containers.client import require_docker  # subprocess, which nobody else here needs

            require_docker()
        if notice:
            _end(state)
        state.service.unlink(missing_ok=True)
        started = _launch(state, settings, code, port)
    return Running(**{**asdict(started), "notice": notice})


def stop(root: Path) -> bool:
    """End the project's service and all its processes; whether there was one. Returns once it has ended."""
    state = State(root)
    if not state.folder.is_dir():
        return False
    with state.starting():
        served = state.served()
        if served:
            _end(state)
        state.service.unlink(missing_ok=True)
    return served


def status(root: Path) -> Running | None:
    """The project's service, if one runs."""
    state = State(root)
    return state.read() if state.served() else None


def lost(root: Path) -> int | None:
    """The process of a service that runs and whose `service.json` is missing or damaged; None where there is none."""
    state = State(root)
    return state.pid() if state.served() and state.read() is None else None


def outdated(root: Path) -> bool:
    """Whether a service runs that `start` would replace, since it runs older code or in another environment."""
    running = status(root)
    return running is not None and running.fingerprint != fingerprint()


def busy(root: Path) -> bool:
    """Whether an execution is under way, which replacing the service would end."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(f"file:{State(root).database}?mode=ro", uri=True)) as database:
        found = database.execute(
            "SELECT 1 FROM resource WHERE kind = 'PipelineExecution' AND status IN ('Executing', 'Stopping') LIMIT 1"
        )
        return found.fetchone() is not None


def environment(root: Path) -> dict[str, str]:
    """The variables that point any AWS client at the project's service."""
    running = status(root)
    if running is None:
        raise ServiceUnavailable(f"No local SageMaker of {root} is running. Start it with `sagelens local start`.")
    return variables(running)


def variables(running: Running) -> dict[str, str]:
    """The variables that point any AWS client at this service."""
    api = f"http://127.0.0.1:{running.port}"
    services = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "CLOUDWATCH", "CLOUDWATCH_LOGS", "EVENTBRIDGE", "LOGS", "STS", "IAM")
    return {
        **{f"AWS_ENDPOINT_URL_{service}": api for service in services},
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{running.s3_port}",
        "AWS_ACCESS_KEY_ID": running.access_key,
        "AWS_SECRET_ACCESS_KEY": running.secret_key,
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        **PRIVACY,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": running.sdk_defaults,
    }


def _scale(running: Running | None, clock: float | None) -> float:
    """The clock to start with. The one that runs stays: what waits for a time would wait for another one."""
    if running is None:
        return clock or 1.0
    if clock not in {None, running.clock}:
        raise BadInput(
            f"The local SageMaker runs on a {pace(running.clock)} clock, not {pace(clock or 1.0)}. Stop it first: "
            "`sagelens local stop`. That ends its jobs and endpoints."
        )
    return running.clock


def _runtime(running: Running | None, runtime: str | None) -> str:
    """The runtime to start with, which has to be a known one."""
    if runtime is None:
        return "process" if running is None else running.runtime
    if runtime not in RUNTIMES:
        raise BadInput(f"Runtime '{runtime}' is not known. Known: {', '.join(RUNTIMES)}.")
    return runtime


def _outdated(running: Running, settings: Settings, code: str, port: int) -> str:
    """Why a running service has to be replaced; empty if it may stay."""
    if running.fingerprint != code:
        return _REPLACED
    if running.runtime != settings.runtime:
        return f"The local SageMaker was running its jobs in the {running.runtime} runtime and was replaced."
    if Settings(account=running.account, region=running.region, clock=running.clock, runtime=running.runtime) != settings:
        return "The local SageMaker was running with other settings and was replaced."
    if port not in (0, running.port):
        return f"The local SageMaker was listening on port {running.port} and was replaced."
    return ""


def _launch(state: State, settings: Settings, code: str, port: int) -> Running:
    begins = state.log.stat().st_size if state.log.exists() else 0
    with _listener(port) as listener:
        pid = _spawn(state, settings, code, listener)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        running = state.read()
        if running is not None and running.pid == pid:
            return running
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            raise ServiceUnavailable(f"The local SageMaker did not start. {_told(state.log, begins)}")
        time.sleep(_POLL)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise ServiceUnavailable(f"The local SageMaker did not answer in {_PATIENCE:.0f} s. {_told(state.log, begins)}")


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadInput(
            f"The local SageMaker cannot listen on port {port} of 127.0.0.1: {error}. Choose another, or 0 for any."
        ) from error
    return listener


def _spawn(state: State, settings: Settings, code: str, listener: socket.socket) -> int:
    """The new process has a session of its own, so that no Ctrl-C reaches it, and keeps the listener."""
    fd = listener.fileno()
    listener.set_inheritable(True)
    arguments = ["--root", str(state.root), "--listener", str(fd), "--fingerprint", code]
    arguments += ["--account", settings.account, "--region", settings.region, "--clock", str(settings.clock)]
    arguments += ["--runtime", settings.runtime]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-c", program(_PROGRAM), *arguments],
        {**os.environ, "PYTHONUNBUFFERED": "1"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(state.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _end(state: State) -> None:
    pid = state.pid()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _GRACE
        while state.served() and time.monotonic() < deadline:
            time.sleep(_POLL)
        if not state.served():
            break
    else:
        raise ServiceUnavailable(f"The local SageMaker (process {pid}) does not end, not even by SIGKILL.")
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _told(log: Path, begins: int) -> str:
    """The last lines that the service wrote since then."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(begins)
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
        if lines:
            return f"Its log, {log}, ends with:\n" + "\n".join(lines[-15:])
    return f"It left no message in {log}."
