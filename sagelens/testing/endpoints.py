"""Model servers, alarms and metrics in the hands of a test: endpoints with them deploy hours in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sagelens.local.endpoints.http import Answer, Broken, Unreachable
from sagelens.local.endpoints.server import NotHealthy, Server
from sagelens.local.ports import Document

__all__ = ["FakeAlarms", "FakeServer", "FakeServers", "RecordedMetrics"]


class FakeServer:
    """Answers every request with its model's name, or as its fleet's knobs say. It is its own client."""

    def __init__(self, model: str, fleet: FakeServers) -> None:
        self.model = model
        self.requests = 0
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._fleet = fleet

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> Answer:  # noqa: ASYNC109  as the real client's
        del head, timeout
        if self.ended.done():
            raise Unreachable("the server has ended")
        self.requests += 1
        if self._fleet.busy is not None:
            await asyncio.wait((asyncio.ensure_future(self._fleet.busy.wait()), self.ended), return_when=asyncio.FIRST_COMPLETED)
            if self.ended.done():
                raise Broken("the server ended over the request")
        if self.requests > self._fleet.dies_after.get(self.model, self.requests):
            self.end(-9)
            raise Broken("the server died over the request")
        status = self._fleet.status.get(self.model, 200)
        return Answer(status, {"content-type": "text/plain"}, body if status == 200 and body == b"echo" else self.model.encode())

    def end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    def close(self) -> None:
        """As a client it holds nothing."""


class FakeServers:
    """Servers that start at once and cost nothing; keys of the knobs are names of models.

    `unhealthy` do not start; `status` is what a model answers with; `dies_after` so many requests; `hung` answer no /ping.
    """

    def __init__(self) -> None:
        self.running: list[FakeServer] = []
        self.started = 0
        self.unhealthy: set[str] = set()
        self.hung: set[str] = set()
        self.status: dict[str, int] = {}
        self.dies_after: dict[str, int] = {}
        self.held: asyncio.Event | None = None
        """Servers wait for this event, if there is one, before they are healthy."""
        self.busy: asyncio.Event | None = None
        """Requests wait for this event, if there is one, before they are answered."""
        self.watch: Callable[[], None] = lambda: None
        """Called whenever a server is about to start or to end."""

    def count(self, model: str) -> int:
        """Servers of a model that run."""
        return sum(server.model == model for server in self.running)

    async def start(self, model: Document, *, log: Path, within: float, instance_type: str = "") -> Server:
        del log, instance_type
        name = model["ModelName"]
        self.watch()
        if self.held is not None:
            await self.held.wait()
        if name in self.unhealthy:
            raise NotHealthy(f"its server did not pass the ping health check within {within:g} s")
        server = FakeServer(name, self)
        self.running.append(server)
        self.started += 1
        return Server(client=server, ended=server.ended)

    async def ping(self, server: Server) -> bool:
        return isinstance(server.client, FakeServer) and server.client.model not in self.hung

    async def stop(self, server: Server) -> None:
        assert isinstance(server.client, FakeServer)
        self.watch()
        server.client.end(0)
        self.running.remove(server.client)


class FakeAlarms:
    """Alarms that change when a test says so; subscribers are told at once, as CloudWatch's are here."""

    def __init__(self, *names: str) -> None:
        self._states = dict.fromkeys(names, ("OK", ""))
        self._told: list[tuple[frozenset[str], Callable[[str, str, str], None]]] = []

    @property
    def subscribers(self) -> int:
        return len(self._told)

    def set(self, name: str, state: str, reason: str = "") -> None:
        self._states[name] = (state, reason)
        for names, told in list(self._told):
            if name in names:
                told(name, state, reason)

    def state(self, name: str) -> tuple[str, str] | None:
        return self._states.get(name)

    def subscribe(self, names: Sequence[str], told: Callable[[str, str, str], None]) -> Callable[[], None]:
        entry = (frozenset(names), told)
        self._told.append(entry)
        return lambda: self._told.remove(entry)


class RecordedMetrics:
    """Every observation, in the order in which they came."""

    def __init__(self) -> None:
        self.observations: list[tuple[str, str, dict[str, str], float]] = []

    def record(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        self.observations.append((namespace, name, dict(dimensions), value))

    def values(self, name: str, **dimensions: str) -> list[float]:
        """The values of a metric with exactly these dimensions."""
        return [value for _, metric, found, value in self.observations if metric == name and found == dimensions]
