"""A forked process, seen from the service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from sagelens.local.forking.protocol import HEADER, Message, decode, encode

__all__ = ["Connection", "ForkedProcess", "ask", "hear", "signal_group"]

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ForkedProcess:
    """Its interpreter reports the exit code on the connection; a connection that ends without one means that both were killed."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self._writer = writer
        self._code = asyncio.create_task(self._listen(reader))

    async def wait(self) -> int:
        """The exit code; minus the signal's number when killed by one."""
        return await asyncio.shield(self._code)

    def terminate(self) -> None:
        if not self._code.done():
            signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if not self._code.done():
            signal_group(self.pid, signal.SIGKILL)

    async def _listen(self, reader: asyncio.StreamReader) -> int:
        try:
            while (answer := await hear(reader)) is not None:
                if "exit" in answer:
                    return int(answer["exit"])
            return -signal.SIGKILL
        finally:
            self._writer.close()


async def ask(path: Path, request: Message) -> Connection:
    """Connect and send a request; the answers are on the reader."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(encode(request))
    await writer.drain()
    return reader, writer


async def hear(reader: asyncio.StreamReader) -> Message | None:
    """The next answer; None at the end of the stream."""
    try:
        (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
        return decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
