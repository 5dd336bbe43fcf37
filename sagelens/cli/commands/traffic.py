"""`traffic`: requests at a steady rate, and who answered them."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagelens.cli.names import unknown_endpoint
from sagelens.cli.screen import width_of, wrap
from sagelens.cli.target import connect
from sagelens.errors import BadInput

__all__ = ["Tally", "read_rows", "send", "send_traffic"]

_HIGHEST_RATE = 1000.0
_LONGEST = 3600.0
_SENDERS = 8


@dataclass
class Tally:
    """`answers` by variant, `errors` by what was said, `seconds` each answer took. Threads add to it."""

    answers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, variant: str, seconds: float) -> None:
        with self._lock:
            self.answers[variant] += 1
            self.seconds.append(seconds)

    def failed(self, said: str) -> None:
        with self._lock:
            self.errors[said] += 1

    def to_json(self) -> dict[str, Any]:
        found = sorted(self.seconds)
        answered = sum(self.answers.values())
        return {
            "requests": answered + sum(self.errors.values()),
            "answers": dict(self.answers),
            "errors": dict(self.errors),
            "p50_ms": _percentile(found, 0.5),
            "p99_ms": _percentile(found, 0.99),
        }


def send_traffic(
    endpoint: str, file: str, *, rate: float, seconds: float, variant: str | None, environment: str, as_json: bool
) -> int:
    """Ask one row at a time until `seconds` are over on this machine's clock, or until Ctrl-C or SIGTERM; returns 0."""
    if not 0 < rate <= _HIGHEST_RATE:
        raise BadInput(f"--rate is {rate:g}; more than 0 and at most {_HIGHEST_RATE:g} requests a second are allowed.")
    if not 0 < seconds <= _LONGEST:
        raise BadInput(f"--seconds is {seconds:g}; more than 0 and at most {_LONGEST:g} are allowed.")
    rows = read_rows(Path(file))
    connection = connect(environment)
    if unknown := unknown_endpoint(connection, endpoint):
        raise unknown
    runtime = connection.clients.get("sagemaker-runtime")
    target = {"TargetVariant": variant} if variant else {}
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    tally = Tally()

    def ask(number: int) -> None:
        body = bodies[number % len(bodies)]
        _ask(runtime, {"EndpointName": endpoint, "ContentType": "application/json", "Body": body, **target}, tally)

    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.suppress(KeyboardInterrupt):  # what was counted until then is the answer
        send(ask, rate=rate, seconds=seconds)
    _print(tally, as_json=as_json)
    return 0


def read_rows(path: Path) -> list[Any]:
    """The rows of a JSON request (`instances`, or a list), or of JSON lines. Raises BadInput."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read: {error}. Name a file with a request, or with a JSON object on each line."
        ) from error
    try:
        found = json.loads(text)
    except ValueError:
        found = _lines(path, text)
    rows = found.get("instances", [found]) if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f'{path} holds no rows. Give {{"instances": [...]}}, a list of objects, or a JSON object on each line.')
    return rows


def send(ask: Callable[[int], None], *, rate: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Call `ask(0)`, `ask(1)`, … at this rate, by a few threads; as fast as they can where that is less."""
    started = clock()
    numbers, lock, stopped = itertools.count(), threading.Lock(), threading.Event()

    def work() -> None:
        while not stopped.is_set():
            with lock:
                number = next(numbers)
            due = started + number / rate
            if due >= started + seconds or clock() >= started + seconds:
                return
            if stopped.wait(max(due - clock(), 0)):
                return
            ask(number)

    with ThreadPoolExecutor(_SENDERS, "traffic") as pool:
        senders = [pool.submit(work) for _ in range(_SENDERS)]
        try:
            for sender in senders:
                sender.result()
        finally:
            stopped.set()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _ask(runtime: Any, request: dict[str, Any], tally: Tally) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    began = time.monotonic()
    try:
        answer = runtime.invoke_endpoint(**request)
        answer["Body"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        said = error.response.get("OriginalMessage") or error.response["Error"]["Message"]
        tally.failed(f"{code}: {said}"[:200])
    except BotoCoreError as error:
        tally.failed(type(error).__name__)
    else:
        tally.answered(answer.get("InvokedProductionVariant", ""), time.monotonic() - began)


def _lines(path: Path, text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: {error}. The file is neither one JSON value nor JSON lines.") from error
    return rows


def _percentile(found: Sequence[float], share: float) -> float | None:
    return round(1000 * found[min(int(share * len(found)), len(found) - 1)], 3) if found else None


def _print(tally: Tally, *, as_json: bool) -> None:
    result = tally.to_json()
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    failed = sum(tally.errors.values())
    latency = f", p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms" if tally.seconds else ""
    sys.stdout.write(f"{result['requests']} requests, {failed} errors{latency}\n")
    for variant, count in sorted(tally.answers.items()):
        sys.stdout.write(f"  {variant or 'answered':<24} {count}\n")
    for said, count in tally.errors.most_common(5):
        sys.stdout.writelines(f"{line}\n" for line in wrap(f"{count} x {said}", width_of(sys.stdout), first="  ", rest="    "))
