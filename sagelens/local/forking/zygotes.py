"""The service's side: warm interpreters kept alive, and processes forked from them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagelens.local.bootstrap import program
from sagelens.local.forking.families import BASE, FAMILIES, ORDER, WARM_ENVIRONMENT, abilities, families_of, lineage
from sagelens.local.forking.fresh import FreshProcesses
from sagelens.local.forking.process import Connection, ForkedProcess, ask, hear
from sagelens.local.forking.protocol import Message, encode
from sagelens.local.ports import Process, Spawn
from sagelens.wiring import PRIVACY

__all__ = ["Zygotes", "can_fork"]

_log = logging.getLogger(__name__)
_KEPT = frozenset({"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"})
_KEPT_FAMILIES = ("GOTO_", "LC_", "MKL_", "OMP_", "OPENBLAS_", "PYTHON", "SAGELENS_")
_MOST_FAILURES = 3
_SOUND = 30.0
"""Seconds after which an interpreter that ends is not held to have failed again."""
_PROGRAM = "from sagelens.local.forking import zygote as z; z.main({args})"


class _Gone(Exception):
    """The interpreter that was asked is no more; another one may do."""


class Unfit(Exception):
    """No warm interpreter of this family can be had, or it refuses to fork."""


def can_fork(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether forks of a warm interpreter are used: on Linux, unless SAGELENS_FORK=0."""
    return sys.platform.startswith("linux") and environment.get("SAGELENS_FORK", "1") != "0"


@dataclass(eq=False)
class _Interpreter:
    family: str
    path: Path
    control: asyncio.StreamWriter
    pid: int
    retired: bool = False


class Zygotes:
    """Processes (see ports) forked from warm interpreters, each of which was forked from one with fewer imports (see families).
    What cannot be forked starts afresh, to the same end.

    Sockets are `<runtime>/<family>.sock`, the interpreters' own output goes to `<logs>/zygote-<family>.log`.
    """

    def __init__(
        self, runtime: Path, logs: Path, *, fork: bool | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` holds the AWS variables that most children will get: clients for it are made before they are forked."""
        self._environment = dict(environment or {})
        self._runtime = runtime
        self._logs = logs
        self._fork = can_fork() if fork is None else fork
        self._fresh = FreshProcesses()
        self._ready: list[_Interpreter] = []
        self._alive: set[_Interpreter] = set()
        self._wanted: list[str] = []
        self._beginning: dict[str, asyncio.Task[_Interpreter]] = {}
        self._keepers: set[asyncio.Task[None]] = set()
        self._reapers: set[asyncio.Task[None]] = set()
        self._failures: dict[str, int] = {}
        self._starting: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self, families: Sequence[str] = families_of("process")) -> None:
        """Warm these families in the background."""
        self._runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._fork:
            self._wanted = [family for family in families if family in FAMILIES]
            self._starting = asyncio.create_task(self._start())

    async def ready(self) -> None:
        """Wait until every family that `start` named is warm or has been given up."""
        if self._starting is not None:
            await self._starting

    @property
    def pids(self) -> tuple[int, ...]:
        """The warm interpreters that there are now."""
        return tuple(interpreter.pid for interpreter in self._ready)

    async def spawn(self, spawn: Spawn) -> Process:
        """Start a process; a call is forked from an interpreter that has its family's imports, as soon as there is one."""
        settled = self._starting is None or self._starting.done()
        if spawn.call and self._fork and not self._closed and (settled or not spawn.lasting):
            family = spawn.family if spawn.family in FAMILIES else BASE
            for attempt in range(_MOST_FAILURES):
                if spawn.lasting and not self._able(family) and (attempt or self._beginning):
                    break  # the interpreter was lost: to warm another takes longer than to start afresh
                try:
                    return await self._forked(family, spawn)
                except _Gone:
                    continue
                except (Unfit, OSError) as error:
                    _log.warning("no fork of family %s: %s", family, error)
                    break
        return await self._fresh.spawn(spawn)

    async def close(self) -> None:
        """End the interpreters and, with them, every process forked from them."""
        self._closed = True
        for task in (self._starting, *self._beginning.values()):
            if task is not None:
                task.cancel()
        for interpreter in self._alive:
            interpreter.control.close()
        if self._keepers:
            await asyncio.wait(set(self._keepers), timeout=5)
        for reaper in self._reapers:
            reaper.cancel()
        if self._reapers:
            await asyncio.wait(set(self._reapers))
        await self._fresh.close()

    async def _start(self) -> None:
        async def one(family: str) -> None:
            try:
                await self._interpreter(family)
            except (Unfit, OSError) as error:
                _log.warning("family %s does not get warm: %s", family, error)
                self._wanted.remove(family)

        for together in ORDER:
            await asyncio.gather(*(one(family) for family in together if family in self._wanted))

    async def _forked(self, family: str, spawn: Spawn) -> Process:
        interpreter = await self._interpreter(family)
        request: Message = {
            "call": spawn.call,
            "argv": list(spawn.argv),
            "program": spawn.call.partition(":")[0],
            "env": dict(spawn.env),
            "cwd": str(spawn.cwd),
            "log": str(spawn.log),
            "view": spawn.view,
        }
        try:
            return await _fork(interpreter.path, request)
        except (_Gone, OSError) as error:
            self._drop(interpreter)
            raise _Gone from error

    async def _interpreter(self, family: str) -> _Interpreter:
        """The one with the most imports of those that have this family's; started if there is none. Callers share one start."""
        if able := self._able(family):
            return max(able, key=lambda interpreter: len(abilities(interpreter.family)))
        task = self._beginning.get(family)
        if task is None:
            if self._failures.get(family, 0) >= _MOST_FAILURES:
                raise Unfit(f"it ended or failed to start {_MOST_FAILURES} times; see {self._logs}/zygote-{family}.log")
            task = self._beginning[family] = asyncio.create_task(self._begin(family))
            task.add_done_callback(lambda _: self._beginning.pop(family, None))
        return await asyncio.shield(task)

    def _able(self, family: str) -> list[_Interpreter]:
        return [interpreter for interpreter in self._ready if family in abilities(interpreter.family)]

    async def _begin(self, family: str) -> _Interpreter:
        path = self._runtime / f"{family}.sock"
        try:
            reader, writer = await self._connect(family, path)
            answer = await _readiness(reader, writer)
        except (Unfit, OSError):
            self._failures[family] = self._failures.get(family, 0) + 1
            raise
        _log.info("family %s is warm after %s s", family, answer["seconds"])
        interpreter = _Interpreter(family, path, writer, answer["pid"])
        self._alive.add(interpreter)
        self._ready.append(interpreter)
        self._retire_replaced()
        keeper = asyncio.create_task(self._keep(interpreter, reader))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        return interpreter

    async def _connect(self, family: str, path: Path) -> Connection:
        """Have the nearest interpreter above fork itself, or, at the top of the line, start one."""
        for parent in lineage(family)[1:]:
            with contextlib.suppress(Unfit, OSError):
                above = await self._interpreter(parent)
                return await ask(above.path, {"serve": family, "path": str(path), "log": str(self._log_of(family))})
        ours, theirs = socket.socketpair()
        with theirs, self._log_of(family).open("ab") as log:
            arguments = f"{family!r}, {str(path)!r}, {theirs.fileno()}"
            root = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-c",
                program(_PROGRAM.format(args=arguments)),
                pass_fds=(theirs.fileno(),),
                env=_environment(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        reaper = asyncio.create_task(_reap(root))
        self._reapers.add(reaper)
        reaper.add_done_callback(self._reapers.discard)
        return await asyncio.open_connection(sock=ours)

    def _log_of(self, family: str) -> Path:
        return self._logs / f"zygote-{family}.log"

    def _retire_replaced(self) -> None:
        """Let those end that another one can stand in for, unless one that is still to come is to be forked from them."""
        warm = {interpreter.family for interpreter in self._ready}
        able = frozenset[str]().union(*(abilities(family) for family in warm))
        coming = {*self._wanted, *self._beginning} - able  # one that has just got warm is still among the beginning
        needed = {ancestor for family in coming for ancestor in lineage(family)[1:2]}
        for interpreter in tuple(self._ready):
            replaced = any(interpreter.family in abilities(family) for family in warm - {interpreter.family})
            if replaced and interpreter.family not in needed:
                interpreter.retired = True
                interpreter.control.write(encode({"retire": True}))
                self._ready.remove(interpreter)

    async def _keep(self, interpreter: _Interpreter, reader: asyncio.StreamReader) -> None:
        """Wait for the end of an interpreter; start it again, unless it was to end."""
        started = time.monotonic()
        while await hear(reader) is not None:
            pass
        interpreter.control.close()
        self._alive.discard(interpreter)
        self._drop(interpreter)
        if not self._closed and not interpreter.retired:
            earlier = self._failures.get(interpreter.family, 0) if time.monotonic() - started < _SOUND else 0
            self._failures[interpreter.family] = earlier + 1
            _log.warning("the warm interpreter of family %s ended; starting it again", interpreter.family)
            with contextlib.suppress(Unfit, OSError):
                await self._interpreter(interpreter.family)

    def _drop(self, interpreter: _Interpreter) -> None:
        if interpreter in self._ready:
            self._ready.remove(interpreter)


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process; cancelled, bring it about."""
    try:
        await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _fork(path: Path, request: Message) -> ForkedProcess:
    reader, writer = await ask(path, request)
    try:
        answer = await hear(reader)
        if answer is None:
            raise _Gone  # noqa: TRY301  the connection is closed below
        if "pid" not in answer:
            raise Unfit(answer.get("refused", "no reason given"))  # noqa: TRY301
    except BaseException:
        writer.close()
        raise
    return ForkedProcess(answer["pid"], reader, writer)


async def _readiness(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message:
    try:
        answer = await hear(reader)
        if answer is None or "ready" not in answer:
            why = (answer or {}).get("refused", "its interpreter ended while it warmed up")
            raise Unfit(why)  # noqa: TRY301  the connection is closed below
    except BaseException:
        writer.close()
        raise
    return answer


def _environment(aws: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter needs to warm up. No more of the user's: what it begins with can be read in every fork of it."""
    inherited = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_FAMILIES)}
    given = {name: value for name, value in aws.items() if name.startswith("AWS_")}
    for name in ("PYTHONPATH", "OMP_NUM_THREADS"):
        inherited.pop(name, None)
    return {**PRIVACY, **inherited, **WARM_ENVIRONMENT, **given, "PYTHONUNBUFFERED": "1"}
