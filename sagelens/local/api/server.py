"""uvicorn, told to do no more than HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sagelens.local.api.api import Api

__all__ = ["HttpServer"]


class HttpServer:
    """Serves an Api on a socket that listens already."""

    def __init__(self, api: Api, listener: socket.socket) -> None:
        from uvicorn import Config, Server

        started = self._started = asyncio.Event()

        class Quiet(Server):
            """Leaves signals to the service, and says when it has started."""

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                started.set()

        config = Config(
            api,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._server = Quiet(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="api")
        started = asyncio.create_task(self._started.wait())
        await asyncio.wait((started, self._task), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._task.done():
            await self._task

    async def close(self) -> None:
        """Finish what is being answered, for two seconds at most."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
