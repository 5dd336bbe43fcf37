"""CloudWatch behind the real HTTP API, on a clock that the test moves, asked by real boto3 clients."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from sagelens.local.api import Api
from sagelens.local.api.server import HttpServer
from sagelens.local.metrics import CloudWatch
from sagelens.local.ports import Handler
from sagelens.local.store import Store
from sagelens.testing import DrivenClock

T = TypeVar("T")
KEY = "SAGELENSKEY"
PLACE = {"account": "000000000000", "region": "eu-west-1"}


class OneProtocol(Loader):
    """Lets botocore believe that a service speaks one protocol only."""

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self._protocol = protocol

    def load_service_model(self, *names: Any, **how: Any) -> Any:
        model = super().load_service_model(*names, **how)
        if "metadata" not in model:
            return model
        return {**model, "metadata": {**model["metadata"], "protocol": self._protocol, "protocols": [self._protocol]}}


@cache
def session(protocol: str) -> boto3.Session:
    """Kept, since it reads botocore's models."""
    core = Session()
    if protocol:
        core.register_component("data_loader", OneProtocol(protocol))
    return boto3.Session(
        botocore_session=core, aws_access_key_id=KEY, aws_secret_access_key="secret", region_name=PLACE["region"]
    )


class World:
    """The room on a loop of its own thread."""

    def __init__(self, folder: Path) -> None:
        self.clock = DrivenClock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._folder = folder
        self.run(self._open())

    async def _open(self) -> None:
        self._store = Store(self._folder / "state.db")
        self.room = CloudWatch(self._store, self.clock, **PLACE)
        self._handlers: dict[str, Handler] = self.room.handlers()
        await self.room.recover()
        self._server = HttpServer(Api(self._handlers, KEY, self.clock), self._listener)
        await self._server.start()

    async def _close(self) -> None:
        await self._server.close()
        await self.room.close()
        self._store.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def do(self, act: Callable[[], T]) -> T:
        """On the loop, where the service's rooms live."""

        async def acting() -> T:
            return act()

        return self.run(acting())

    def advance(self, seconds: float) -> None:
        self.run(self.clock.advance(seconds))

    def record(self, name: str, *values: float, **dimensions: str) -> None:
        self.do(lambda: [self.room.record("AWS/SageMaker", name, dimensions, value) for value in values])

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def client(self, protocol: str = "") -> Any:
        """A boto3 client of CloudWatch, made to speak `protocol` if that is given."""
        return session(protocol).client("cloudwatch", endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def cloudwatch(world: World) -> Iterator[Any]:
    client = world.client()
    yield client
    client.close()
