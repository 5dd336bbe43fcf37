"""Keeps MLflow up to what executions do, through one warm writer process."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sagelens.errors import SagelensError
from sagelens.local.ports import Document, Objects, Process, Processes, Spawn
from sagelens.tracking.sqlite import sqlite_uri

__all__ = ["Projector"]

_log = logging.getLogger(__name__)

_TERMINAL = ("Succeeded", "Failed", "Stopped")
_STARTING = 60.0
_IDLE = 10.0
_ATTEMPTS = 3
_LONGEST_LINE = 64 * 1024 * 1024


class Projector:
    """Called with an execution's document at each change; the latest of each execution is written, one after the other.

    When an execution has ended and is written, its execution.json gets `tracking`.
    """

    def __init__(self, processes: Processes, state: Path, objects: Objects, environment: Mapping[str, str]) -> None:
        self._objects = objects
        self._writer = _WriterProcess(processes, state, objects, environment)
        self._latest: dict[str, Document] = {}
        self._attempts: dict[str, int] = {}
        self._settled: dict[str, asyncio.Event] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, document: Document) -> None:
        """Take a document; returns at once."""
        arn = document["execution_arn"]
        self._settled.setdefault(arn, asyncio.Event()).clear()
        self._latest[arn] = document
        self._attempts.pop(arn, None)
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def start(self) -> None:
        """Warm the writer in the background, and take up executions that ended without having been written."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        for document in self._unfinished():
            self(document)

    async def settle(self, execution_arn: str) -> None:
        """Wait until the latest document of an execution is written, or cannot be."""
        if execution_arn in self._settled:
            await self._settled[execution_arn].wait()

    async def close(self) -> None:
        """Let the documents at hand be written for a moment, then end the writer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                for arn in list(self._latest):
                    await self.settle(arn)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._writer.close()

    async def _run(self) -> None:
        await self._writer.warm()
        while True:
            try:
                async with asyncio.timeout(_IDLE):
                    await self._wake.wait()
            except TimeoutError:
                await self._writer.close()  # its memory is of use elsewhere; another one is quickly forked
                await self._wake.wait()
            self._wake.clear()
            while self._latest:
                arn, document = next(iter(self._latest.items()))
                del self._latest[arn]
                await self._project(arn, document)

    async def _project(self, arn: str, document: Document) -> None:
        try:
            answer = await self._writer.write(document)
        except (OSError, SagelensError) as error:
            self._try_again(arn, document, str(error))
            return
        if "error" in answer:
            _log.warning("MLflow does not show %s: %s", arn, answer["error"])
            if document["status"] in _TERMINAL:
                self._publish(document, {"error": answer["error"]})
        elif document["status"] in _TERMINAL:
            self._publish(document, answer["tracking"])
        if arn not in self._latest:
            self._settle(arn)

    def _try_again(self, arn: str, document: Document, reason: str) -> None:
        """The writer ended; another gets the document, unless it ended all of them."""
        self._attempts[arn] = self._attempts.get(arn, 0) + 1
        if self._attempts[arn] < _ATTEMPTS:
            self._latest.setdefault(arn, document)
            return
        _log.error(
            "MLflow does not show %s: its writer ended %s times (%s). See the log of the tracking writer.", arn, _ATTEMPTS, reason
        )
        if document["status"] in _TERMINAL:
            self._publish(document, {"error": f"its writer ended {_ATTEMPTS} times: {reason}"})
        self._settle(arn)

    def _settle(self, arn: str) -> None:
        self._attempts.pop(arn, None)
        self._settled.pop(arn, asyncio.Event()).set()

    def _publish(self, document: Document, tracking: Document) -> None:
        """Add `tracking` to execution.json as it is now; an execution that was started again is left alone."""
        for path in self._objects.root.glob(f"*/{document['pipeline']}/{document['execution_id']}/execution.json"):
            current = _read(path)
            if current.get("execution_arn") == document["execution_arn"] and current.get("status") in _TERMINAL:
                _replace(path, {**current, "tracking": tracking})

    def _unfinished(self) -> Iterator[Document]:
        for path in sorted(self._objects.root.glob("*/*/*/execution.json"), key=lambda path: path.stat().st_mtime):
            document = _read(path)
            if document.get("status") in _TERMINAL and "run_id" not in (document.get("tracking") or {}):
                yield document


class _WriterProcess:
    """The writer and the socket to it; started again when it is needed and not there."""

    def __init__(self, processes: Processes, state: Path, objects: Objects, environment: Mapping[str, str]) -> None:
        self._processes = processes
        self._state = state.absolute()
        self._objects = objects
        self._environment = environment
        self._process: Process | None = None
        self._folder: Path | None = None
        self._reader: asyncio.StreamReader | None = None
        self._stream: asyncio.StreamWriter | None = None

    async def warm(self) -> None:
        with suppress(OSError, SagelensError):
            await self._connected()

    async def write(self, document: Document) -> Document:
        """The writer's answer; OSError when it ended over it."""
        reader, stream = await self._connected()
        try:
            stream.write(json.dumps({"document": document}, separators=(",", ":")).encode() + b"\n")
            await stream.drain()
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise ConnectionResetError("it closed its connection without an answer")
        except OSError:
            await self.close()
            raise
        answer: Document = json.loads(line)
        return answer

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._reader = self._stream = self._process = self._folder = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._stream is None:
            await self.close()
            self._reader, self._stream = await self._start()
        return self._reader, self._stream

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Start a writer and wait until it has connected. Its socket has a short path, since the state's may be too long."""
        self._folder = Path(tempfile.mkdtemp(prefix="sagelens-"))
        path = self._folder / "tracking.sock"
        arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.get_running_loop().create_future()

        def accept(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
            if arrived.done():
                stream.close()
            else:
                arrived.set_result((reader, stream))

        server = await asyncio.start_unix_server(accept, path, limit=_LONGEST_LINE)
        try:
            self._process = await self._processes.spawn(self._spawn(path))
            ended = asyncio.ensure_future(self._process.wait())
            await asyncio.wait((arrived, ended), timeout=_STARTING, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        finally:
            server.close()
        if not arrived.done():
            raise ConnectionRefusedError("it did not start")
        return arrived.result()

    def _spawn(self, path: Path) -> Spawn:
        log = self._state / "logs" / "sagelens" / "tracking"
        log.parent.mkdir(parents=True, exist_ok=True)
        local = {
            "MLFLOW_TRACKING_URI": sqlite_uri(self._state / "mlflow.db", self._state),
            "SAGELENS_TRACKING_ARTIFACTS": (self._state / "mlartifacts").as_uri(),
        }
        chosen = {} if self._environment.get("MLFLOW_TRACKING_URI") else local
        env = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **self._environment,
            **chosen,
            "SAGELENS_OBJECTS": str(self._objects.root),
            "SAGELENS_TRACKING_SOCKET": str(path),
        }
        return Spawn(family="tracking", call="sagelens.tracking.writer:main", env=env, cwd=self._state, log=log)


def _read(path: Path) -> Document:
    """The document in a file; an empty one for a file that holds none."""
    try:
        document: Document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document


def _replace(path: Path, document: Document) -> None:
    half = path.with_name(f".{path.name}.tracking")
    half.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    half.replace(path)
