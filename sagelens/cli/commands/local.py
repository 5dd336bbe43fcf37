"""`local start | stop | status | env | logs | reset`."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections import deque
from pathlib import Path

from sagelens.errors import NotFound
from sagelens.local import lifecycle
from sagelens.project import find_root, load_project

__all__ = ["environment", "logs", "reset", "start", "status", "stop"]


def start(port: int) -> int:
    root = find_root(Path.cwd())
    settings = load_project(root).environment
    running = lifecycle.start(root, account=settings.account, region=settings.region, port=port)
    sys.stdout.write(f"The local SageMaker runs at http://127.0.0.1:{running.port} (process {running.pid}).\n")
    return 0


def stop() -> int:
    stopped = lifecycle.stop(find_root(Path.cwd()))
    sys.stdout.write("Stopped.\n" if stopped else "It was not running.\n")
    return 0


def status(*, as_json: bool) -> int:
    running = lifecycle.status(find_root(Path.cwd()))
    if as_json:
        found = None if running is None else {"pid": running.pid, "port": running.port, "s3_port": running.s3_port}
        sys.stdout.write(json.dumps({"running": running is not None, **(found or {})}) + "\n")
    elif running is None:
        sys.stdout.write("Not running. Any command starts it, or `sagelens local start`.\n")
    else:
        sys.stdout.write(f"Running at http://127.0.0.1:{running.port} (process {running.pid}), S3 at port {running.s3_port}.\n")
    return 0


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
