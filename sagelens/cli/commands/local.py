"""`local start | stop | status | env | logs | reset`."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections import deque
from pathlib import Path

from sagelens.cli.screen import complain, say
from sagelens.errors import NotFound
from sagelens.local import lifecycle
from sagelens.local.lifecycle import Running
from sagelens.local.pace import pace, scale_of
from sagelens.project import find_root, load_project

__all__ = ["environment", "logs", "reset", "start", "status", "stop"]


def start(port: int, clock: str | None, runtime: str | None = None) -> int:
    """`clock` is a pace such as `60x`; without it, or without `runtime`, the service keeps what it has."""
    scale = None if clock is None else scale_of(clock)
    root = find_root(Path.cwd())
    settings = load_project(root).environment
    running = lifecycle.start(root, account=settings.account, region=settings.region, port=port, clock=scale, runtime=runtime)
    if running.notice:
        complain(running.notice, head="")
    say(f"The local SageMaker runs at http://127.0.0.1:{running.port} (process {running.pid}){_on(running)}.")
    return 0


def stop() -> int:
    stopped = lifecycle.stop(find_root(Path.cwd()))
    sys.stdout.write("Stopped.\n" if stopped else "It was not running.\n")
    return 0


def status(*, as_json: bool) -> int:
    root = find_root(Path.cwd())
    running = lifecycle.status(root)
    lost = None if running else lifecycle.lost(root)
    if lost is not None:
        said = f"A service runs (process {lost}), but has not said where it listens. `sagelens local stop` ends it."
        if as_json:
            sys.stdout.write(json.dumps({"running": True, "pid": lost, "notice": said}) + "\n")
        else:
            say(said)
    elif as_json:
        sys.stdout.write(json.dumps({"running": running is not None, **({} if running is None else _found(running))}) + "\n")
    elif running is None:
        say("Not running. Any command starts it, or `sagelens local start`.")
    else:
        where = f"http://127.0.0.1:{running.port} (process {running.pid}), S3 at port {running.s3_port}"
        say(f"Running at {where}, on a {pace(running.clock)} clock, in the {running.runtime} runtime.")
    return 0


def _found(running: Running) -> dict[str, object]:
    return {
        "pid": running.pid,
        "port": running.port,
        "s3_port": running.s3_port,
        "clock": pace(running.clock),
        "runtime": running.runtime,
    }


def _on(running: Running) -> str:
    """Said where it is not what one expects."""
    clock = "" if running.clock == 1.0 else f", on a {pace(running.clock)} clock"
    return clock + ("" if running.runtime == "process" else f", in the {running.runtime} runtime")


def environment() -> int:
    root = find_root(Path.cwd())
    if lifecycle.status(root) is None:
        start_quietly(root)
    for name, value in lifecycle.environment(root).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def start_quietly(root: Path) -> None:
    settings = load_project(root).environment
    lifecycle.start(root, account=settings.account, region=settings.region)


def logs(lines: int) -> int:
    log = find_root(Path.cwd()) / ".sagelens" / "logs" / "service.log"
    if not log.is_file():
        raise NotFound("The service has not written a log yet. Start it with `sagelens local start`.")
    with log.open(errors="replace") as file:
        sys.stdout.writelines(deque(file, maxlen=lines))
    return 0


def reset(*, yes: bool) -> int:
    root = find_root(Path.cwd())
    state = root / ".sagelens"
    if not yes:
        sys.stderr.write(f"This deletes {state}: all runs, models, endpoints and data kept there. Type `yes` to go on: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != "yes":
            sys.stdout.write("Nothing was deleted.\n")
            return 0
    lifecycle.stop(root)
    if state.is_dir():
        shutil.rmtree(state)
    sys.stdout.write("Deleted.\n")
    return 0
