"""HTTP/1.1 as far as the front of rclone reads it: heads, and bodies that are handed on as they are framed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sagelens.local.objects.keys import Asked

__all__ = [
    "STALLED",
    "Broken",
    "Replaced",
    "is_other",
    "nothing",
    "read_answer",
    "read_head",
    "read_whole",
    "relay",
    "relay_bytes",
    "relay_to_the_end",
    "send",
    "within",
]

STALLED = 120.0
"""Seconds that one that is sending, or being sent something, may do nothing."""
_PIECE = 256 * 1024
_DIGITS = 32

T = TypeVar("T")


class Broken(Exception):
    """The connection cannot be used any more."""


class Replaced(Broken):
    """rclone looked for a file and then read another one that a program had put in its place: what it gives is cut off, or no
    bytes of either. The client was told nothing yet."""


async def read_whole(reader: asyncio.StreamReader, length: int) -> bytes:
    try:
        return await within(STALLED * 5, reader.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise Replaced from error


def is_other(body: bytes, etag: str) -> bool:
    """Whether an ETag is an MD5 digest, as rclone gives it, and not of this."""
    digest = etag.strip('"')
    return len(digest) == _DIGITS and hashlib.md5(body, usedforsecurity=False).hexdigest() != digest


Step = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Where nothing has to happen."""


async def send(asked: Asked, reader: asyncio.StreamReader, to: asyncio.StreamWriter, last: Step) -> None:
    """Hand a body on; `last` comes before its last byte."""
    await relay(asked.headers, reader, to, last)
    await within(STALLED, to.drain())


async def relay(headers: Mapping[str, str], reader: asyncio.StreamReader, to: asyncio.StreamWriter, last: Step) -> None:
    """A body as its head frames it, bytes unchanged."""
    if "transfer-encoding" not in headers:
        count = int(headers.get("content-length", "0"))
        await relay_bytes(count - 1, reader, to)
        if count:
            end = await within(STALLED, reader.readexactly(1))
            await last()
            to.write(end)
        return
    while True:
        line = await within(STALLED, reader.readuntil(b"\r\n"))
        size = int(line.partition(b";")[0].strip() or b"0", 16)
        if size == 0:
            await last()
        to.write(line)
        if size == 0:
            break
        await relay_bytes(size + 2, reader, to)
    while line != b"\r\n":  # trailers
        line = await within(STALLED, reader.readuntil(b"\r\n"))
        to.write(line)


async def relay_bytes(count: int, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while count > 0:
        data = await within(STALLED, reader.read(min(count, _PIECE)))
        if not data:
            raise Broken
        to.write(data)
        count -= len(data)
        await within(STALLED, to.drain())


async def relay_to_the_end(reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await within(STALLED, reader.read(_PIECE)):
        to.write(data)
        await within(STALLED, to.drain())


async def within(seconds: float, waited: Awaitable[T]) -> T:
    async with asyncio.timeout(seconds):
        return await waited


def read_head(head: bytes) -> Asked | None:
    """A request's head; None for what is none, or frames its body in two ways."""
    first, headers = _lines(head)
    words = first.split(" ")
    framed = "transfer-encoding" in headers
    if len(words) != 3 or words[2] != "HTTP/1.1" or not words[1].startswith("/"):
        return None
    if framed and ("content-length" in headers or headers["transfer-encoding"].lower() != "chunked"):
        return None
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 16):  # a petabyte
        return None
    return Asked(words[0], words[1], headers)


def read_answer(head: bytes) -> tuple[int, dict[str, str]]:
    first, headers = _lines(head)
    return int(first.split(" ")[1]), headers


def _lines(head: bytes) -> tuple[str, dict[str, str]]:
    """The first line, and the headers. One that stands twice makes no sense of the ones that count here, and is kept joined."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.lower()
        headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
    return first, headers
