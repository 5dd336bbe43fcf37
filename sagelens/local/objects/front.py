"""Stands before rclone: looks at heads, answers what a folder of files cannot, and hands all else on as it came.

Nothing is read beyond a head that does not show the project's access key. What is handed on keeps its bytes, so rclone can check
the signature.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
from pathlib import Path

from sagelens.local.api.auth import knows_the_key
from sagelens.local.objects.keys import Asked, Keys, Reply, refusal
from sagelens.local.objects.traffic import Traffic
from sagelens.local.objects.turns import Turns
from sagelens.local.objects.wire import (
    STALLED,
    Broken,
    Replaced,
    is_other,
    nothing,
    read_answer,
    read_head,
    read_whole,
    relay,
    relay_bytes,
    relay_to_the_end,
    send,
    within,
)

__all__ = ["S3Front"]

log = logging.getLogger(__name__)

_LARGEST_HEAD = 64 * 1024
_IDLE = 300.0
"""Seconds that a connection is kept for a next request, once its client has shown the key."""
_PATIENCE = 10.0
"""Seconds that a client has to show it."""
_SENT = 1.0
"""Seconds that the rest of a body may take to be sent once it is answered: with an early refusal it is not sent at all."""
_ATTEMPTS = 20
"""Of a request whose object is replaced again and again."""
_LARGEST_CHECKED = 1024 * 1024
"""Bytes of an object that is held until it is known to be whole; a larger one is handed on as it comes."""
_MOST_STRANGERS = 256
_LARGEST_IGNORED = 1024 * 1024
"""Bytes of a body that is read and thrown away so that the connection can be used again."""

_NO_KEY = refusal(403, "InvalidAccessKeyId", "The AWS access key is not this project's. Take what `sagelens local env` prints.")
_NOT_HTTP = refusal(400, "BadRequest", f"This is not HTTP/1.1, or its head is larger than {_LARGEST_HEAD} bytes.")
_REPLACED = refusal(503, "SlowDown", "The object was replaced each time while it was read. Try again.")
_STARTING = refusal(503, "ServiceUnavailable", "The object store is being started. Try again.")


class S3Front:
    """Serves the clients of a listening socket. `upstream` is the path of the Unix socket on which rclone listens."""

    def __init__(self, root: Path, listener: socket.socket, upstream: Path, *, access_key: str) -> None:
        self._keys = Keys(root)
        self._listener = listener
        self._upstream = upstream
        self._access_key = access_key
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], bool] = {}
        """Of every connection in order of coming, and whether its client has shown the key."""
        self._connections: set[_Connection] = set()
        self._turns = Turns()
        self.traffic = Traffic()
        """What is handed on to rclone."""

    def forget_upstream(self) -> None:
        """End what is kept open to rclone, which is going to be replaced. For when nothing is on its way."""
        for connection in self._connections:
            connection.drop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener, limit=_LARGEST_HEAD, backlog=1024)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = False
        strangers = [each for each, known in self._tasks.items() if not known]
        if len(strangers) > _MOST_STRANGERS:
            strangers[0].cancel()
        connection = _Connection(reader, writer, self._upstream, self._turns)
        self._connections.add(connection)
        try:
            while await self._answer_one(connection, task):
                pass
        except (OSError, EOFError, ValueError, TimeoutError, Broken):
            pass  # the client went away, or one of the two said what cannot be understood
        except asyncio.CancelledError:
            log.debug("a connection is ended")
        finally:
            del self._tasks[task]
            self._connections.discard(connection)
            connection.close()

    async def _answer_one(self, connection: _Connection, task: asyncio.Task[None]) -> bool:
        """Answer the next request; whether another may follow."""
        known = self._tasks[task]
        try:
            async with asyncio.timeout(_IDLE if known else _PATIENCE):
                head = await connection.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                await connection.reply(_NOT_HTTP, last=True)
            return False
        except asyncio.LimitOverrunError:
            await connection.reply(_NOT_HTTP, last=True)
            return False
        asked = read_head(head)
        if asked is None:
            await connection.reply(_NOT_HTTP, last=True)
            return False
        if not self._admits(asked):
            await connection.reply(_NO_KEY, last=True, bodiless=asked.method == "HEAD")
            return False
        self._tasks[task] = True
        reply = self._keys.answer(asked)
        if reply is None:
            async with self.traffic.one(asked):
                return await connection.hand_on(asked, head)
        return await connection.answer(asked, reply)

    def _admits(self, asked: Asked) -> bool:
        """By its header, or the parameters of a signed URL."""
        if knows_the_key(asked.headers, self._access_key):
            return True
        given = asked.parameters
        credential = given.get("X-Amz-Credential", "").partition("/")[0] or given.get("AWSAccessKeyId", "")
        return knows_the_key({"authorization": f"AWS4-HMAC-SHA256 Credential={credential}/"}, self._access_key)


_Above = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """One client, and the connection to rclone on which it was answered last."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: Path, turns: Turns) -> None:
        self.reader = reader
        self._writer = writer
        self._path = upstream
        self._turns = turns
        self._above: _Above | None = None
        self._begun = False

    def close(self) -> None:
        with suppress(OSError, RuntimeError):
            self.drop()
            self._writer.close()

    async def reply(self, reply: Reply, *, last: bool, bodiless: bool = False) -> None:
        """Answer ourselves."""
        headers = {"Content-Length": str(len(reply.body)), **reply.headers, **({"Connection": "close"} if last else {})}
        if reply.status == HTTPStatus.NO_CONTENT:
            del headers["Content-Length"]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}\r\n"
        self._writer.write(head.encode() + (b"" if bodiless else reply.body))
        await within(STALLED, self._writer.drain())

    async def answer(self, asked: Asked, reply: Reply) -> bool:
        """Answer ourselves, and read what the client has sent beside the head; whether the connection can be used again."""
        length = asked.headers.get("content-length", "0")
        again = "transfer-encoding" not in asked.headers and length.isdigit() and int(length) <= _LARGEST_IGNORED
        again = again and "expect" not in asked.headers
        if again:
            await within(STALLED, self.reader.readexactly(int(length)))
        await self.reply(reply, last=not again, bodiless=asked.method == "HEAD")
        return again

    async def hand_on(self, asked: Asked, head: bytes) -> bool:
        """Give the request to rclone and its answer to the client; whether the connection can be used again.

        rclone takes an object away before it puts the new one in its place. So the last byte of what replaces one is kept back
        while others are opening it, and until it is answered nobody opens it.
        """
        self._begun = False
        try:
            if asked.bodiless:
                return await self._fetch(asked, head)
            return await self._bring(asked, head, *await self._connect())
        except (OSError, Replaced) as error:
            if self._begun:
                raise
            reply = _REPLACED if isinstance(error, Replaced) else _STARTING
            await self.reply(reply, last=True, bodiless=asked.method == "HEAD")
            return False

    async def _connect(self) -> _Above:
        self.drop()
        self._above = await asyncio.open_unix_connection(str(self._path), limit=_LARGEST_HEAD)
        return self._above

    def drop(self) -> None:
        """End the connection to rclone."""
        if self._above is not None:
            self._above[1].close()
            self._above = None

    async def _fetch(self, asked: Asked, head: bytes) -> bool:
        """A request without a body: if the connection turns out to be closed, it is sent once more on a new one. rclone closes
        one after an answer, and does not say so, where it finds that the object has been replaced meanwhile. What was replaced
        while it was read is read again."""
        turn = self._turns.reading if asked.method in {"GET", "HEAD"} else self._turns.writing
        async with AsyncExitStack() as turns:
            await turns.enter_async_context(turn(asked.path))
            for left in reversed(range(_ATTEMPTS)):
                reused = self._above is not None
                above, to = self._above or await self._connect()
                to.write(head)
                try:
                    return await self._relay_answer(above, asked, turns.aclose)
                except (asyncio.IncompleteReadError, ConnectionError) as error:
                    if getattr(error, "partial", b"") or not reused or self._begun:
                        raise
                except Replaced:
                    if not left:
                        raise
                self.drop()
        raise AssertionError("the last attempt answers or raises")

    async def _bring(self, asked: Asked, head: bytes, above: asyncio.StreamReader, to: asyncio.StreamWriter) -> bool:
        """A request with a body, while it may be answered already."""
        async with AsyncExitStack() as turns:

            async def last() -> None:
                await turns.enter_async_context(self._turns.writing(asked.path))

            to.write(head)
            sending = asyncio.create_task(send(asked, self.reader, to, last))
            try:
                lasts = await self._relay_answer(above, asked, nothing)
                await asyncio.wait((sending,), timeout=_SENT)
                return lasts and sending.done() and sending.exception() is None
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _relay_answer(self, above: asyncio.StreamReader, asked: Asked, begun: Callable[[], Awaitable[None]]) -> bool:
        """Whether the connection stays open after it. What comes before the answer proper (100 Continue) is handed on, too;
        `begun` is called with the proper one."""
        while True:
            head = await within(STALLED * 5, above.readuntil(b"\r\n\r\n"))  # it may have to read a large object first
            status, headers = read_answer(head)
            if status >= HTTPStatus.OK:
                break
            self._begun = True
            self._writer.write(head)
        bodiless = asked.method == "HEAD" or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        length = 0 if bodiless else int(headers.get("content-length", "0"))
        some = b""
        if 0 < length <= _LARGEST_CHECKED:
            some = await read_whole(above, length)
            if status == HTTPStatus.OK and asked.method == "GET" and is_other(some, headers.get("etag", "")):
                raise Replaced
        self._begun = True
        self._writer.write(head + some)
        await begun()
        if length:
            await relay_bytes(length - len(some), above, self._writer)
        elif not bodiless and "transfer-encoding" in headers:
            await relay(headers, above, self._writer, nothing)
        elif not bodiless and "content-length" not in headers:
            await relay_to_the_end(above, self._writer)
            return False
        await within(STALLED, self._writer.drain())
        return headers.get("connection", "").lower() != "close"
