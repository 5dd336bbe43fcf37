"""Model servers: started from a model's description, healthy once /ping answers."""

from __future__ import annotations

import asyncio
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagelens.local.endpoints.http import Answer, HttpClient, head_of
from sagelens.local.endpoints.launcher import Launched, Launcher, NotHealthy
from sagelens.local.ports import Document

__all__ = ["Client", "ModelServer", "ModelServers", "NotHealthy", "Server", "Servers"]

_PING = head_of("GET", "/ping", (), 0)
_PING_TIMEOUT = 2.0
"""AWS's."""
_GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
_NEWS = 0.25
"""Seconds in which the end of a process is heard of after its connections ended."""


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
    """A server that listens on a port of this machine."""

    client: HttpClient
    launched: Launched
    port: int


class Servers(Protocol):
    """Starts and stops model servers."""

    async def start(self, model: Document, *, log: Path, within: float, instance_type: str = "") -> Server:
        """A server that answers /ping; NotHealthy otherwise. `model` is CreateModel's body, `within` the wall's seconds. Servers
        that can be limited get what an instance of that type has."""
        ...

    async def ping(self, server: Server) -> bool:
        """Whether /ping is answered with 200 within two seconds."""
        ...

    async def stop(self, server: Server) -> None: ...


class ModelServers:
    """Servers of SageMaker's container contract on free ports of this machine."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._ports: set[int] = set()

    def recover(self) -> None:
        """End the servers of an earlier service."""
        self._launcher.recover()

    async def start(self, model: Document, *, log: Path, within: float, instance_type: str = "") -> ModelServer:
        """A server that is killed meanwhile is started once more: that the interpreter it was forked from was lost, or that the
        machine was short of memory, says nothing of its model."""
        try:
            return await self._start(model, log, within, instance_type)
        except _Killed:
            return await self._start(model, log, within, instance_type)

    async def _start(self, model: Document, log: Path, within: float, instance_type: str) -> ModelServer:
        port = self._free_port()
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            launched = await self._launcher.launch(model, port=port, log=log, instance_type=instance_type)
        except BaseException:
            self._ports.discard(port)
            raise
        ended = asyncio.ensure_future(launched.process.wait())
        server = ModelServer(HttpClient(port, launched.key), ended, launched, port)
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
        server.launched.process.terminate()
        await asyncio.wait((server.ended,), timeout=_GRACE)
        if not server.ended.done():
            server.launched.process.kill()
            await asyncio.wait((server.ended,))
        self._ports.discard(server.port)
        server.launched.forget()

    def _free_port(self) -> int:
        """A port that nobody listens on, nor a server of ours that is about to."""
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port


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
