"""A steady, bounded load on endpoints, every request of which is accounted for.

    with Load(plan, folder / "answers.jsonl") as load:
        ...
    for answer in load.answers(): ...

The generator is a process of its own: asyncio over keep-alive sockets, one request at a time on each, at a fixed rate for each
endpoint. Every request has a number, unique in its run: in the body as `request`, and in CustomAttributes. None is ever sent
again. What has no answer, for whatever reason, is recorded as status 0 with the reason; an answer that nobody asked for as well.
A tick at which every connection is waiting is left out, so the load stays bounded whatever the service does.

The generator also measures how late it is woken itself. It waits for nobody there, so what makes it late is the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Answer", "Load", "Plan", "Stall"]

_PATIENCE = 90.0
"""Seconds for the last answers: a request may take 60."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`rate` is in requests a second, `timeout` in seconds; both, and `connections`, are for each endpoint."""

    port: int
    access_key: str
    region: str
    endpoints: tuple[str, ...]
    rate: float = 20.0
    connections: int = 16
    timeout: float = 70.0
    first: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. Times are the wall's, in seconds since the epoch. `status` 0: no answer, see `body`."""

    request: int
    endpoint: str
    sent: float
    answered: float
    status: int
    variant: str
    body: str

    @property
    def score(self) -> float | None:
        """Of the one row; None where the answer is no prediction."""
        try:
            return float(json.loads(self.body)["predictions"][0]["score"])
        except (ValueError, KeyError, IndexError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Stall:
    """The generator ought to have run at `began`, in seconds since the epoch, and came to run so many `seconds` later."""

    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


class Load:
    """The generator's process, from `with` to its end, which waits for the answers to what was sent."""

    def __init__(self, plan: Plan, records: Path) -> None:
        self._plan = plan
        self._records = records
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sagelens.testing.generator", str(self._records)], stdin=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(self._plan)).encode() + b"\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and wait for the answers that are due. RuntimeError when the generator itself failed."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            code = process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            raise RuntimeError(f"The load generator ended with exit code {code}; what it recorded is in {self._records}.")

    def answers(self) -> Iterator[Answer]:
        """What is recorded so far, in the order of the answers."""
        return (Answer(*record) for record in _records(self._records))

    def stalls(self) -> Iterator[Stall]:
        """The moments so far in which the generator could not run, in order."""
        return (Stall(*record) for record in _records(stalls_beside(self._records)))


def stalls_beside(records: Path) -> Path:
    """Where a generator with these records notes its stalls."""
    return records.with_suffix(".stalls.jsonl")


def _records(file: Path) -> Iterator[list[Any]]:
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.endswith("\n"))
