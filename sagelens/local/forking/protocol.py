"""Frames on a Unix socket: four bytes of length, then JSON; open files travel beside the first byte of a request.

A request is `{"call", "argv", "env", "cwd", "program", "tied", "log"}`; without `log`, three files (0, 1, 2) come with it.
Answers are `{"pid": n}`, then `{"exit": n}`, or `{"refused": why}`. `{"serve": family, "path": socket, "log": file}` asks for a
fork that becomes an interpreter of that family. One connection serves one child; closing it ends a child that is tied to it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

__all__ = ["HEADER", "Message", "decode", "encode", "receive", "send"]

Message = dict[str, Any]
HEADER = struct.Struct(">I")


def encode(message: Message) -> bytes:
    body = json.dumps(message).encode("utf-8", "surrogateescape")
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> Message:
    message: Message = json.loads(body)
    return message


def send(connection: socket.socket, message: Message, files: Sequence[int] = ()) -> None:
    data = encode(message)
    if files:
        sent = socket.send_fds(connection, [data], files)
        data = data[sent:]
    connection.sendall(data)


def receive(connection: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and the files that came with it; None at the end of the stream."""
    first, files, _, _ = socket.recv_fds(connection, HEADER.size, 3)
    for file in files:
        os.set_inheritable(file, False)
    header = first + _exactly(connection, HEADER.size - len(first)) if first else b""
    if len(header) < HEADER.size:
        return None, files
    (length,) = HEADER.unpack(header)
    body = _exactly(connection, length)
    return (decode(body) if len(body) == length else None), files


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = connection.recv(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
