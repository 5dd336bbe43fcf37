"""Model servers as processes: started from a model's description, healthy once /ping answers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagelens.local.endpoints.http import Answer, HttpClient, head_of
from sagelens.local.endpoints.orphans import end_orphans, remember
from sagelens.local.ports import ApiError, Document, Objects, Process, Processes, Spawn

__all__ = ["Client", "ModelServer", "ModelServers", "NotHealthy", "Server", "Servers"]

_PING = head_of("GET", "/ping", (), 0)
_PING_TIMEOUT = 2.0
"""AWS's."""
_GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
_NEWS = 0.25
"""Seconds in which the end of a process is heard of after its connections ended."""


class NotHealthy(Exception):
    """A model server ended, or did not answer /ping with 200 in time."""


class _Killed(NotHealthy):
    pass


class Client(Protocol):
    """Sends requests to one server, each once. See `HttpClient.request` for its errors."""

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> Answer: ...  # noqa: ASYNC109  the deadline is the request's own

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Server:
    """A server that has answered /ping. `ended` is done when its process is, with the exit code."""

    client: Client
    ended: asyncio.Future[int]

    async def fate(self) -> str:
        """What became of its process, for whoever lost a connection to it, which is noticed first."""
        await asyncio.wait((self.ended,), timeout=_NEWS)
        if self.ended.done():
            return f"its process ended with exit code {self.ended.result()}"
        return f"its process still ran {_NEWS:g} s later"


@dataclass(frozen=True, eq=False)
class ModelServer(Server):
    """A server that is a process of this machine."""

    client: HttpClient
    process: Process
    port: int
    root: Path


class Servers(Protocol):
    """Starts and stops model servers."""

    async def start(self, model: Document, *, log: Path, within: float) -> Server:
        """A server that answers /ping; NotHealthy otherwise. `model` is CreateModel's body, `within` the wall's seconds."""
        ...

    async def ping(self, server: Server) -> bool:
        """Whether /ping is answered with 200 within two seconds."""
        ...

    async def stop(self, server: Server) -> None: ...


class ModelServers:
    """Servers of SageMaker's container contract on free ports of this machine."""

    def __init__(self, *, objects: Objects, processes: Processes, state: Path, environment: Mapping[str, str]) -> None:
        self._objects = objects
        self._processes = processes
        self._roots = state / "servers"
        self._environment = environment
        self._ports: set[int] = set()

    def recover(self) -> None:
        """End the servers of an earlier service."""
        end_orphans(self._roots)

    async def start(self, model: Document, *, log: Path, within: float) -> ModelServer:
        """A server that is killed meanwhile is started once more: that the interpreter it was forked from was lost, or that the
        machine was short of memory, says nothing of its model."""
        try:
            return await self._start(model, log=log, within=within)
        except _Killed:
            return await self._start(model, log=log, within=within)

    async def _start(self, model: Document, *, log: Path, within: float) -> ModelServer:
        container = model.get("PrimaryContainer") or model["Containers"][0]
        root = self._root_for(container)
        port = self._free_port()
        log.parent.mkdir(parents=True, exist_ok=True)
        process = await self._processes.spawn(
            Spawn(
                family="training",
                call="sagelens.serving.server:main",
                env={
                    **self._environment,
                    **container.get("Environment", {}),
                    "SAGEMAKER_BIND_TO_PORT": str(port),
                    "SAGELENS_ROOT": str(root),
                },
                cwd=root,
                log=log,
                lasting=True,
            )
        )
        remember(root, process.pid)
        server = ModelServer(HttpClient(port), asyncio.ensure_future(process.wait()), process, port, root)
        try:
            await _healthy(server, within)
        except BaseException:
            await self.stop(server)
            raise
        return server

    async def ping(self, server: Server) -> bool:
        try:
            return (await server.client.request(_PING, b"", timeout=_PING_TIMEOUT)).status == 200
        except (ConnectionError, TimeoutError):
            return False

    async def stop(self, server: Server) -> None:
        assert isinstance(server, ModelServer)
        server.client.close()
        server.process.terminate()
        await asyncio.wait((server.ended,), timeout=_GRACE)
        if not server.ended.done():
            server.process.kill()
            await asyncio.wait((server.ended,))
        self._ports.discard(server.port)
        _forget(server.root)

    def _free_port(self) -> int:
        """A port that nobody listens on, nor a server of ours that is about to."""
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def _root_for(self, container: Document) -> Path:
        model = self._objects.path(_model_uri(container))
        if not model.is_dir():
            raise NotHealthy(f"the model's folder {self._objects.uri(model)} does not exist")
        self._roots.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=self._roots))
        link = root / "opt" / "ml" / "model"
        link.parent.mkdir(parents=True)
        link.symlink_to(model.resolve(), target_is_directory=True)
        return root


def _model_uri(container: Document) -> str:
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None or source["S3DataType"] != "S3Prefix" or source["CompressionType"] != "None":
        raise ApiError(
            "ValidationException",
            "A model served here is a folder: give ModelDataSource.S3DataSource with S3DataType S3Prefix and "
            "CompressionType None.",
        )
    return str(source["S3Uri"])


def _forget(root: Path) -> None:
    """Remove the folder that links to the model; what a server left beside the link stays for a look."""
    with contextlib.suppress(OSError):
        (root / "server.json").unlink(missing_ok=True)
        (root / "opt" / "ml" / "model").unlink()
        for folder in (root / "opt" / "ml", root / "opt", root):
            folder.rmdir()


async def _healthy(server: Server, within: float) -> None:
    """Wait for /ping, for the process's end, or for time to run out, whichever is first."""
    answers = asyncio.ensure_future(_answers(server.client, within))
    try:
        await asyncio.wait((server.ended, answers), return_when=asyncio.FIRST_COMPLETED)
        if server.ended.done():
            code = server.ended.result()
            error = _Killed if code == -signal.SIGKILL else NotHealthy
            raise error(f"its server ended with exit code {code} before it passed the ping health check")
        answers.result()
    finally:
        answers.cancel()


async def _answers(client: Client, within: float) -> None:
    last = "nothing listens on its port"
    try:
        async with asyncio.timeout(within):
            pause = 0.01
            while True:
                try:
                    answer = await client.request(_PING, b"", timeout=_PING_TIMEOUT)
                except (ConnectionError, TimeoutError):
                    pass
                else:
                    if answer.status == 200:
                        return
                    last = f"the last answer had status {answer.status}"
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.25)
    except TimeoutError:
        raise NotHealthy(f"its server did not pass the ping health check within {within:g} s; {last}") from None
