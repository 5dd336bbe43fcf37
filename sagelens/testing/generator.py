"""The load generator's process: `python -m sagelens.testing.generator RECORDS`, with the plan as JSON on its standard input.

It runs until that is closed. See `sagelens.testing.load`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import astuple
from itertools import count
from pathlib import Path
from typing import Any, TextIO, cast

from sagelens.testing.load import Answer, Plan, Stall, stalls_beside

__all__ = ["main"]

_VARIANT = b"x-amzn-invoked-production-variant:"
_LENGTH = b"content-length:"
_CONNECTING = 5.0
_PULSE = 0.05
"""Seconds between two looks at how late this process is woken."""
_STALL = 0.1
"""Seconds of delay from which it counts: a busy machine makes everyone wait for less."""


class Unanswered(Exception):
    """No answer came; says why."""


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[tuple[bytes, bytes]] | None = None
        self.buffer = b""
        self.unasked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(Unanswered(f"the connection ended: {exc or 'end of stream'}"))

    def data_received(self, data: bytes) -> None:
        if self.waiter is None or self.waiter.done():
            self.unasked += data
            return
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        length = int(_value(head, _LENGTH) or 0)
        if found and len(body) >= length:
            self.unasked += body[length:]
            self.buffer = b""
            self.waiter.set_result((head, body[:length]))

    async def ask(self, request: bytes, seconds: float) -> tuple[bytes, bytes]:
        """The answer's head and body; Unanswered."""
        if self.transport is None:
            raise Unanswered("the connection ended before the request was sent")
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            async with asyncio.timeout(seconds):
                return await self.waiter
        except TimeoutError:
            raise Unanswered(f"no answer within {seconds:g} s") from None

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Generator:
    """Requests to every endpoint of the plan until `stop`."""

    def __init__(self, plan: Plan, records: TextIO, stalls: TextIO) -> None:
        self._plan = plan
        self._records = records
        self._stalls = stalls
        self._numbers = count(plan.first)
        self._ended = asyncio.Event()

    def stop(self) -> None:
        self._ended.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feel_stalls())
            for place, endpoint in enumerate(self._plan.endpoints):
                ticks = _Ticks(self._plan.rate, offset=place / len(self._plan.endpoints))
                for _ in range(self._plan.connections):
                    group.create_task(self._client(endpoint, ticks))

    async def _client(self, endpoint: str, ticks: _Ticks) -> None:
        connection = Connection()
        while await self._until(ticks.take()):
            number = next(self._numbers)
            sent = time.time()
            try:
                if connection.transport is None:
                    connection = await self._connected()
                head, body = await connection.ask(self._request(endpoint, number), self._plan.timeout)
                status, variant, text = int(head[9:12]), _value(head, _VARIANT).decode(), body.decode("utf-8", "replace")
            except (Unanswered, OSError) as error:
                connection.close()
                connection = Connection()
                status, variant, text = 0, "", f"{type(error).__name__}: {error}"
            self._note(Answer(number, endpoint, sent, time.time(), status, variant, text))
            if connection.unasked:
                self._note(Answer(number, endpoint, sent, time.time(), 0, "", f"a second answer: {connection.unasked!r}"))
                connection.close()
                connection = Connection()
        connection.close()

    async def _feel_stalls(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + _PULSE
        while await self._until(due):
            late = clock() - due
            if late >= _STALL:
                self._stalls.write(json.dumps(astuple(Stall(time.time() - late, late))) + "\n")
            due = clock() + _PULSE

    async def _connected(self) -> Connection:
        async with asyncio.timeout(_CONNECTING):
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._plan.port)
        return connection

    async def _until(self, due: float) -> bool:
        """Whether the load still runs at that time."""
        try:
            async with asyncio.timeout_at(due):
                await self._ended.wait()
        except TimeoutError:
            return True
        return False

    def _request(self, endpoint: str, number: int) -> bytes:
        body = b'{"request":%d}' % number
        day = time.strftime("%Y%m%d", time.gmtime())
        credential = f"{self._plan.access_key}/{day}/{self._plan.region}/sagemaker/aws4_request"
        # The service knows its callers by the access key alone, so one signature does for all; see sagelens.local.api.auth.
        head = (
            f"POST /endpoints/{endpoint}/invocations HTTP/1.1\r\nHost: 127.0.0.1:{self._plan.port}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'0' * 64}\r\n"
            f"X-Amz-Date: {time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}\r\nContent-Type: application/json\r\n"
            f"X-Amzn-SageMaker-Custom-Attributes: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _note(self, answer: Answer) -> None:
        self._records.write(json.dumps(astuple(answer)) + "\n")


class _Ticks:
    """The times, on the loop's clock, at which the requests to one endpoint are due; those that passed unused are left out."""

    def __init__(self, rate: float, offset: float) -> None:
        self._step = 1 / rate
        self._next = asyncio.get_running_loop().time() + offset * self._step

    def take(self) -> float:
        now = asyncio.get_running_loop().time()
        missed = max(0, int((now - self._next) / self._step))
        due = self._next + missed * self._step
        self._next = due + self._step
        return due


def _value(head: bytes, name: bytes) -> bytes:
    lines = (line for line in head.split(b"\r\n") if line.lower().startswith(name))
    return next(lines, b"").partition(b":")[2].strip()


async def _run(plan: Plan, records: TextIO, stalls: TextIO) -> None:
    generator = Generator(plan, records, stalls)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), generator.stop)
    await generator.run()


def main() -> None:
    stated: dict[str, Any] = json.loads(sys.stdin.readline())
    plan = Plan(**{**stated, "endpoints": tuple(stated["endpoints"])})
    path = Path(sys.argv[1])
    with _lines(path) as records, _lines(stalls_beside(path)) as stalls:
        asyncio.run(_run(plan, records, stalls))


def _lines(path: Path) -> TextIO:
    return path.open("a", buffering=1, encoding="utf-8")


if __name__ == "__main__":
    main()
