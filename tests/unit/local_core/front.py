"""An Api served over real sockets, and a client that knows nothing but bytes."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import uvloop
from botocore.config import Config

from sagelens.local.api import Api
from sagelens.local.api.connection import Connection, Patience
from sagelens.local.api.server import HttpServer
from sagelens.local.ports import ApiError, Document, Request

KEY = "SAGELENSKEY"
SIGNED = (
    f"Authorization: AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
)
MEGABYTE = 1024 * 1024
AHEAD = 4_102_444_800.0
"""2100-01-01T00:00:00Z."""


class Ahead:
    """A clock far from the wall's."""

    label = "60x"

    def time(self) -> float:
        return AHEAD

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class StandingLoop(asyncio.SelectorEventLoop):
    """Its time stands still but for what `passed` says, so that no deadline is reached while a test looks away."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: float | None = 0.0

    def time(self) -> float:
        return super().time() if self.passed is None else self.passed


class Front:
    """An Api served from a loop in a thread. The endpoint `echo` answers with what it got, `slow` not before `go` is set.

    `standing`: deadlines come only with `wait_out`.
    """

    def __init__(self, patience: Patience, *, standing: bool = False) -> None:
        self.invoked: list[bytes] = []
        self.go = threading.Event()
        self.port = 0
        self._patience = patience
        self._clients: list[Any] = []
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop = StandingLoop() if standing else uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            api = Api({"sagemaker-runtime.InvokeEndpoint": self._invoke, "sagemaker.DescribeModel": _describe}, KEY, Ahead())
            self._server = HttpServer(api, listener, self._patience)
            await self._server.start()
            self._started.set()
            await self._stop.wait()
            await self._server.close()

    async def _invoke(self, request: Request) -> Document:
        self.invoked.append(request["Body"])
        match request["EndpointName"]:
            case "slow":
                while not self.go.wait(0.002):  # noqa: ASYNC110  another thread sets it, and the loop's time may stand still
                    await asyncio.sleep(0)
            case "failing":
                raise ApiError("ModelError", "the model said no", 424, OriginalStatusCode=500, OriginalMessage="no")
            case "large":
                return {"Body": bytes(8 * MEGABYTE), "InvokedProductionVariant": "AllTraffic"}
        return {"Body": request["Body"], "ContentType": "text/csv", "InvokedProductionVariant": "AllTraffic"}

    def __enter__(self) -> Front:
        self._thread.start()
        assert self._started.wait(60)
        return self

    def connections(self) -> frozenset[Connection]:
        """Those that are open, or on which something is under way."""
        return frozenset(self._server._connections)

    def busy(self) -> bool:
        return any(connection._task for connection in self.connections())

    def wait_out(self, holds: Callable[[], bool], *, step: float) -> None:
        """Let time pass for the server, step by step, until something holds."""

        def one_step() -> bool:
            if holds():
                return True
            done = threading.Event()
            assert isinstance(self._loop, StandingLoop)
            self._loop.passed = (self._loop.passed or 0.0) + step
            self._loop.call_soon_threadsafe(done.set)
            done.wait(1)  # unless the server has ended meanwhile
            return holds()

        until(one_step)

    def worked(self) -> float:
        """Seconds that the server's thread has worked, however long the machine stood still meanwhile."""
        assert self._thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))

    def end(self) -> None:
        """Ask the server to close, and return at once."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def __exit__(self, *_: object) -> None:
        if isinstance(self._loop, StandingLoop):
            self._loop.passed = None  # what is left goes by the wall's clock
        self.end()
        for client in self._clients:
            client.close()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not close"
        self._loop.close()

    def connect(self) -> Client:
        self._clients.append(Client(self.port))
        return self._clients[-1]

    def boto3(self, name: str = "sagemaker-runtime", **config: Any) -> Any:
        client = boto3.client(
            name,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key="secret",
            config=Config(read_timeout=60, **config),
        )
        self._clients.append(client)
        return client


async def _describe(request: Request) -> Document:
    raise ApiError("ResourceNotFound", "Could not find it.")


class Client:
    """A plain socket that sends bytes and reads answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._rest = b""

    def send(self, data: bytes) -> Client:
        self.socket.sendall(data)
        return self

    def answer(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        while b"\r\n\r\n" not in self._rest:
            self._read()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = 0 if bodiless else int(headers.get("content-length", 0))
        while len(self._rest) < length:
            self._read()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(status.split()[1]), headers, body

    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._rest == b"" and self.socket.recv(1) == b""

    def drained(self) -> int:
        """How many bytes come before the connection ends, in whatever way it does."""
        size = 0
        with suppress(ConnectionResetError):
            while data := self.socket.recv(MEGABYTE):
                size += len(data)
        return size

    def has_news(self) -> bool:
        """Whether there is something to read, be it the end."""
        return bool(select.select([self.socket], [], [], 0.002)[0])

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Leave without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection ended after {self._rest!r}")
        self._rest += data


@contextmanager
def serving(**patience: float) -> Iterator[Front]:
    """With patience given, in seconds of a clock that stands still."""
    with Front(Patience(**patience), standing=bool(patience)) as front:
        yield front


def invocation(body: bytes = b"1,2", *more: str, endpoint: str = "echo", framing: str | None = None) -> bytes:
    lines = [f"POST /endpoints/{endpoint}/invocations HTTP/1.1", "Host: localhost", SIGNED, *more]
    lines.append(f"Content-Length: {len(body)}" if framing is None else framing)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)
