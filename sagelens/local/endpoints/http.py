"""A client for one model server: HTTP/1.1 over kept connections, no request ever sent twice."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import httptools

__all__ = ["Answer", "Broken", "HttpClient", "Unreachable", "head_of"]

_IDLE = 3.0
"""Seconds after which a kept connection is not used again; servers close theirs after five or more, ours after 75."""


class Unreachable(ConnectionError):
    """The request has reached no model and may go elsewhere."""


class Broken(ConnectionError):
    """The connection ended after the request was sent: the model may have seen it."""


@dataclass(slots=True)
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def head_of(method: str, path: str, headers: Iterable[tuple[str, str]], length: int) -> bytes:
    """Request line and headers. Values come from a validated request; a line break in one would start another header."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers if "\n" not in value and "\r" not in value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Connection(asyncio.Protocol):
    """One request at a time. httptools calls the `on_` methods while it parses."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._answer = Answer()
        self._chunks: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._keep = True
        self._headed = False
        self._answered = False
        self._unread = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A reset with no byte answered means that the server ended with bytes of the request still unread: a server that
        has read all of it and ends closes with an end of stream. So after a reset no model has seen the request."""
        self._keep = False
        if (self._unread or isinstance(exc, ConnectionResetError | BrokenPipeError)) and not self._answered:
            reason = exc or "it had closed the connection before the request was sent"
            self._fail(Unreachable(f"the model server ended before it had read the request ({reason})"))
        else:
            self._fail(Broken(f"the model server closed the connection before it answered ({exc or 'end of stream'})"))

    def eof_received(self) -> bool:
        """A request sent into a connection that the server had closed already is answered by a reset, which hides behind the
        end of stream: reading reports the end alone, and only the socket knows of the rest."""
        self._keep = False
        assert self._transport is not None
        self._unread = bool(self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        if self._headed and not {"content-length", "transfer-encoding"} & self._answer.headers.keys():
            self.on_message_complete()
        return False

    def data_received(self, data: bytes) -> None:
        self._answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"the model server's answer is not HTTP ({error})"))
            self.close()

    def on_message_begin(self) -> None:
        self._answer = Answer()
        self._chunks = []

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        if self._answer.status < 200:
            return
        self._headed = False
        self._answer.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._keep = self._keep and self._parser.should_keep_alive()
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            self.close()
        elif not waiter.done():
            waiter.set_result(self._answer)

    async def request(self, head: bytes, body: bytes) -> Answer:
        assert self._transport is not None
        self._waiter = self.loop.create_future()
        self._answered = False
        if len(body) < 65536:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return await self._waiter

    def time_out(self) -> None:
        self._fail(TimeoutError("the model server did not answer in time"))

    @property
    def usable(self) -> bool:
        return (
            self._keep
            and self._transport is not None
            and not self._transport.is_closing()
            and time.monotonic() - self.idle_since < _IDLE
        )

    def close(self) -> None:
        self._keep = False
        self._fail(Broken("this service closed the connection before the answer came"))
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: Broken | Unreachable | TimeoutError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)


class HttpClient:
    """As many connections to one port of this machine as requests are under way; they are kept for the next.

    `key` is sent with each request. It is no part of the head that the caller knows, which may be captured or sent elsewhere."""

    def __init__(self, port: int, key: str = "") -> None:
        self.port = port
        self._shown = f"X-Sagelens-Key: {key}\r\n\r\n".encode() if key else b"\r\n"
        self._idle: list[_Connection] = []
        self._closed = False

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> Answer:  # noqa: ASYNC109  the deadline is the request's own
        """Send once. Unreachable: no model saw it; Broken: no answer came; TimeoutError: none in time."""
        connection = self._kept() or await self._connect(timeout)
        deadline = connection.loop.call_later(timeout, connection.time_out)
        try:
            answer = await connection.request(head[:-2] + self._shown, body)
        except BaseException:
            connection.close()
            raise
        finally:
            deadline.cancel()
        connection.idle_since = time.monotonic()
        if connection.usable and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def _connect(self, timeout: float) -> _Connection:  # noqa: ASYNC109  the deadline is the request's own
        try:
            async with asyncio.timeout(timeout):
                _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self.port)
        except TimeoutError as error:
            raise Unreachable(f"port {self.port} took no connection within {timeout:g} seconds") from error
        except OSError as error:
            raise Unreachable(f"nothing answers on port {self.port} ({error})") from error
        return connection
