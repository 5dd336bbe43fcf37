"""One client's connection: its requests answered in order, one answer each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol, cast

from sagelens.local.api.protocol import HttpAnswer, HttpRequest
from sagelens.local.api.reading import Admits, Reader, Refusal
from sagelens.local.api.writing import CONTINUE, Writer, plain

__all__ = ["Answer", "Connection", "Host", "Patience"]

_JOINED = 64 * 1024
"""Bytes up to which head and body are copied together: cheaper than handing them over one by one."""

_FAIR_SHARE = 1024 * 1024
"""Bytes of one request that are taken whatever the others hold."""

Answer = Callable[[HttpRequest], Awaitable[HttpAnswer]]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long clients are waited for, in seconds.

    `head` is how long a head may take, and how long a client that has not shown the key is kept; `body` how long a body may
    take; `idle` how long a connection is kept for a next request; `stalled` how long a client that is sending
    something, or being sent something, may do nothing; `linger` how long one that was refused may take to read so, since closing
    at once would take the answer away; `grace` how long answers under way may take when the server closes; `check` how often
    clients are looked at.
    """

    head: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    stalled: float = 60.0
    linger: float = 2.0
    grace: float = 2.0
    check: float = 5.0


class Host(Protocol):
    """Whom a connection belongs to."""

    patience: Patience
    answer: Answer
    admits: Admits
    writer: Writer
    closing: bool
    held: int
    """Bytes of requests that are not answered, of all connections; and how many there may be."""
    most_held: int

    def enter(self, connection: Connection) -> None: ...

    def recognise(self, connection: Connection) -> None:
        """Called once its client has shown the key."""
        ...

    def leave(self, connection: Connection) -> None:
        """Called once the connection is lost and nothing is under way on it."""
        ...


class Connection(asyncio.Protocol):
    """Reads ahead no further than one request that waits, and writes no more than the client takes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(host.admits)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._moved = self._began = self._loop.time()
        self._reading = True
        self._owing = False
        self._refused = False
        self._recognised = False
        self._held = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._host.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio names it
        self._transport = None
        self._reader.waiting.clear()
        self.resume_writing()
        if self._task is None:
            self._hold(-self._held)
            self._host.leave(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader.ended:
            return
        self._moved = self._loop.time()
        if not reader.partial:
            self._began = self._moved
        reader.feed(data)
        self._hold(len(data))
        if reader.admitted and not self._recognised:
            self._recognised = True
            self._host.recognise(self)
        if self._task is not None:
            if reader.waiting:
                self._pause_reading()
        elif reader.waiting:
            self._task = self._loop.create_task(self._work())
        elif reader.expects:
            self._continue()

    def eof_received(self) -> bool:
        """A client that sends no more may still read what it asked for."""
        if self._reader.partial:
            self._reader.refuse(400, "The request ended before it was complete.")
        self._reader.ended = True
        if self._task is None and self._reader.waiting:
            self._task = self._loop.create_task(self._work())
        return self._task is not None

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        self._moved = self._loop.time()
        if writable is not None and not writable.done():
            writable.set_result(None)

    def check(self, now: float) -> None:
        """Give up a client that has been silent for too long. `now` is the loop's time."""
        silent, patience = now - self._moved, self._host.patience
        if self._writable is not None:
            if silent > patience.stalled:
                self.abort()
        elif self._task is not None:
            return
        elif self._reader.partial:
            allowed = patience.body if self._reader.headed else patience.head
            if silent > patience.stalled:
                self._give_up(f"Nothing more of the request came for {patience.stalled:g} seconds.")
            elif now - self._began > allowed:
                part = "body" if self._reader.headed else "head"
                self._give_up(f"The {part} of the request was not complete after {allowed:g} seconds.")
        elif silent > (patience.idle if self._recognised else patience.head):
            self.close()

    @property
    def silent_since(self) -> float:
        """When anything last happened on it, by the loop's time; infinite while something is under way."""
        return self._moved if self._task is None else inf

    def close(self) -> None:
        """Close once what was read completely is answered."""
        self._reader.ended = True
        if self._task is None and self._transport is not None:
            self._transport.close()

    def cancel(self) -> asyncio.Task[None] | None:
        """End what is under way; it is answered with 503. The task that has still to end, if any."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _work(self) -> None:
        """Answer whatever waits."""
        waiting = self._reader.waiting
        try:
            while waiting and self._transport is not None:
                item = waiting.popleft()
                self._owing = True
                self._refused |= self._reader.turned_away and not waiting
                if isinstance(item, Refusal):
                    self._refused = True
                    self._write(plain(item.status, item.message))
                else:
                    self._write(await self._host.answer(item), bodiless=item.method == "HEAD")
                if self._writable is not None:
                    await self._writable
                elif waiting:
                    await asyncio.sleep(0)  # who sends many requests ahead does not keep the others waiting
        except asyncio.CancelledError:
            self._reader.ended = True
            waiting.clear()
            if self._owing:
                self._write(plain(503, "The local SageMaker is ending. Start it again with `sagelens local start`."))
        finally:
            self._rest()

    def _rest(self) -> None:
        """Nothing waits any more."""
        self._task = None
        self._hold(-self._held)
        self._moved = self._began = self._loop.time()
        transport = self._transport
        if transport is None:
            self._host.leave(self)
        elif self._owing:  # rather no connection than one on which an answer never comes
            transport.abort()
        elif self._reader.ended:
            self._end()
        elif not transport.is_closing():
            self._resume_reading()
            if self._reader.expects:
                self._continue()

    def _write(self, answer: HttpAnswer, *, bodiless: bool = False) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._host.closing:
            self._reader.ended = True
        head = self._host.writer.head(answer, last=self._reader.ended and not self._reader.waiting)
        if bodiless:
            transport.write(head)
        elif len(answer.body) <= _JOINED:
            transport.write(head + answer.body)
        else:
            transport.writelines((head, answer.body))
        self._owing = False

    def _hold(self, size: int) -> None:
        """Count what is held in memory of requests that are not answered; too much of it is refused, be it sent with the key."""
        self._held += size
        self._host.held += size
        if self._host.held > self._host.most_held and self._held > _FAIR_SHARE and self._reader.partial:
            self._reader.refuse(429, "Too much is being sent at the same time. Send it again when other requests are answered.")
            if self._task is None:
                self._task = self._loop.create_task(self._work())

    def _continue(self) -> None:
        self._reader.expects = False
        if self._transport is not None:
            self._transport.write(CONTINUE)

    def _end(self) -> None:
        """Close. After a refusal the client may still be sending: its bytes are thrown away until it has read the refusal."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not self._refused:
            transport.close()
            return
        self._resume_reading()
        transport.write_eof()
        self._loop.call_later(self._host.patience.linger, transport.close)

    def _give_up(self, why: str) -> None:
        self._reader.refuse(408, why)
        self._task = self._loop.create_task(self._work())

    def _pause_reading(self) -> None:
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()
