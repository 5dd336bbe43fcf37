"""The model server's door: who may come in, how much may be sent, and how long that may take.

On SageMaker the platform alone reaches a server, and there is no key. On a machine of one's own every program does, and every
page in a browser; there the local service starts each server with a key, and sends it along with each request.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["KEY_HEADER", "Bounds", "door"]

KEY_HEADER = b"x-sagelens-key"

_LOOPBACK = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
_MOST_HEAD = 64 * 1024  # bytes; SageMaker's own headers take less than 3 KB
_MOST_HEADERS = 128
_PATIENCE = 1.0
"""Seconds for which one that is turned away may go on sending, so that it gets to read why."""


@dataclass(frozen=True)
class Bounds:
    """`message`: bytes of a whole request. `strangers`: connections that have not shown a complete head, with the key in it."""

    message: int
    head_seconds: float = 10.0
    body_seconds: float = 60.0  # SageMaker waits no longer for a whole answer
    strangers: int = 512


class _Door(HttpToolsProtocol):
    """One connection. Uvicorn parses; this decides before anything is started for a request, or kept of its body."""

    key: bytes
    bounds: Bounds
    strangers: dict[_Door, None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._message_bytes = self._head_bytes = 0
        self._in_head = self._in_message = True
        self._turned_away = False
        self._deadline: asyncio.TimerHandle | None = None
        if self.key:  # a platform may connect some time before it asks
            self._expect_within(self.bounds.head_seconds)
        self.strangers[self] = None
        if len(self.strangers) > self.bounds.strangers:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.strangers.pop(self, None)
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._turned_away:
            return
        self._message_bytes += len(data)
        if self._in_head and self._message_bytes > _MOST_HEAD + len(data):
            self._turn_away(431, f"The head of a request takes {_MOST_HEAD} bytes at most.")
            return
        if self._message_bytes > self.bounds.message:
            self._turn_away(413, f"A request takes {self.bounds.message} bytes at most.")
            return
        super().data_received(data)
        if not self._in_message:
            self._expect_nothing()
        elif self._deadline is None and not self._turned_away:
            self._expect_within(self.bounds.head_seconds if self._in_head else self.bounds.body_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._message_bytes = self._head_bytes = 0
        self._in_head = self._in_message = True

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        super().on_header(name, value)
        if self._head_bytes > _MOST_HEAD or len(self.headers) > _MOST_HEADERS:
            self._turn_away(431, f"The head of a request takes {_MOST_HEAD} bytes and {_MOST_HEADERS} headers at most.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._expect_nothing()
        if self._turned_away:
            return
        if self.key and (reason := _refusal(dict(self.headers), self.key)):
            self._turn_away(403, reason)
            return
        self.strangers.pop(self, None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        if not self._turned_away:
            super().on_message_complete()

    def _expect_within(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._turn_away, 408, "The request was not sent in time.")

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        """Close whoever has waited for longest: who knows the key shows it with the first bytes."""
        oldest = next(iter(self.strangers))
        del self.strangers[oldest]
        oldest.transport.abort()

    def _turn_away(self, status: int, reason: str) -> None:
        """Answer, and close; what is still sent is neither parsed nor kept."""
        if self._turned_away or self.transport.is_closing():
            return
        self._turned_away = True
        self._expect_nothing()
        pending = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        if pending is None or not pending.response_started:
            self.transport.write(_answer(status, reason))
        if pending is not None:
            pending.disconnected = True
            pending.message_event.set()  # whoever waits for the rest of this body
        self.flow.resume_reading()
        self.loop.call_later(_PATIENCE, self.transport.close)


def door(key: str, bounds: Bounds) -> type[HttpToolsProtocol]:
    """The protocol of a server that asks for `key`, unless it is empty."""
    own = {"key": key.encode(), "bounds": bounds, "strangers": {}}
    return type("Door", (_Door,), own)


def _refusal(headers: Mapping[bytes, bytes], key: bytes) -> str:
    if not hmac.compare_digest(headers.get(KEY_HEADER, b""), key):
        return "This model server answers its own service alone: ask InvokeEndpoint."
    host = headers.get(b"host", b"localhost").lower()
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    return "" if name in _LOOPBACK else "This model server is asked for under a name of this machine's loopback interface alone."


def _answer(status: int, reason: str) -> bytes:
    body = json.dumps({"error": reason}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
