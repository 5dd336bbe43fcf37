"""The listening side of the API: HTTP/1.1 on our own protocol, since every request to a model passes here."""

from __future__ import annotations

import asyncio
import resource
import socket

from sagelens.local.api.api import Api
from sagelens.local.api.connection import Answer, Connection, Patience
from sagelens.local.api.reading import Admits
from sagelens.local.api.writing import Writer

__all__ = ["HttpServer"]

_MOST_STRANGERS = 256
"""Connections whose client has not shown the key; with a head of 64 KB each they hold 16 MB."""
_MOST_CONNECTIONS = 4096
_MOST_HELD = 512 * 1024 * 1024
"""Bytes of requests that are not answered yet: sixteen of the largest."""


class HttpServer:
    """Serves an Api on a socket that listens already.

    Of connections without the key the newest are kept, so whoever holds many open only loses the oldest of them; of those with
    the key, half as many as the process may have files, and when there are more, those that were not used for longest go.
    """

    def __init__(self, api: Api, listener: socket.socket, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.answer: Answer = api.answer
        self.admits: Admits = api.admits
        self.writer = Writer(api.clock)
        self.closing = False
        self.held = 0
        self.most_held = _MOST_HELD
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}  # in order of their coming
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = _MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(files // 2, _MOST_CONNECTIONS)
        self._empty = asyncio.Event()
        self._check: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Returns once requests are answered."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=self._listener, backlog=1024)
        self._check = loop.call_later(self.patience.check, self._check_all)

    async def close(self) -> None:
        """Take no more requests and finish what is being answered; what takes longer than is waited for gets a 503."""
        if self._server is None or self._check is None:
            return
        self.closing = True
        self._check.cancel()
        self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        await self._emptied(self.patience.grace)
        ended = [task for connection in self._connections if (task := connection.cancel())]
        if ended:
            await asyncio.wait(ended, timeout=self.patience.grace)
        await self._emptied(self.patience.grace)  # so that what was said last is sent
        for connection in tuple(self._connections):
            connection.abort()
        await self._emptied(self.patience.grace)

    def enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._strangers[connection] = None
        if self.closing:
            connection.close()
        elif len(self._strangers) > min(_MOST_STRANGERS, self._most // 2):
            self._drop(next(iter(self._strangers)))
        elif len(self._connections) > self._most:
            self._drop(min(self._connections, key=lambda kept: kept.silent_since))

    def recognise(self, connection: Connection) -> None:
        self._strangers.pop(connection, None)

    def _drop(self, connection: Connection) -> None:
        """It is not counted any more, though it takes a turn of the loop until it is lost."""
        self._strangers.pop(connection, None)
        self._connections.discard(connection)
        connection.abort()

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        if not self._connections:
            self._empty.set()

    async def _emptied(self, seconds: float) -> None:
        """Wait until no connection is left."""
        if not self._connections:
            return
        self._empty.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return

    def _check_all(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in tuple(self._connections):
            connection.check(loop.time())
        self._check = loop.call_later(self.patience.check, self._check_all)
