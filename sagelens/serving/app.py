"""SageMaker's hosting contract as a bare ASGI application: /ping and /invocations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sagelens.errors import BadData
from sagelens.serving.media import ANSWERS, COLUMNAR, JSON, REQUESTS, NotAcceptable, answer_type, encode, score
from sagelens.serving.servable import Servable

__all__ = ["App"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

INLINE_BYTES = 16 * 1024  # a larger request is answered in a thread, so that /ping is not kept waiting
MEGABYTE = 1024 * 1024
PATIENCE = 8  # times the limit: how much of a body is read before the connection is closed on it


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    media: str = JSON


class _TooLarge(Exception):
    pass


@dataclass
class App:
    """Serves a model that is already loaded."""

    servable: Servable
    max_bytes: int = 25 * MEGABYTE
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "predict"))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        headers = [(b"content-type", answer.media.encode()), (b"content-length", str(len(answer.body)).encode())]
        if answer.status == 413:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Message, receive: Receive) -> _Answer:
        method, path = scope["method"], scope["path"]
        if path == "/invocations":
            return await self._invocation(scope, receive) if method == "POST" else _wrong_method(path, "POST")
        if path == "/ping":
            return _Answer(200, b"{}") if method in {"GET", "HEAD"} else _wrong_method(path, "GET")
        return _error(404, f"There is no {path}. Ask GET /ping or POST /invocations.")

    async def _invocation(self, scope: Message, receive: Receive) -> _Answer:
        headers = dict(scope["headers"])
        media = headers.get(b"content-type", b"application/json").decode("latin-1").partition(";")[0].strip().lower()
        if media not in REQUESTS and media not in COLUMNAR:
            return _error(415, f"Content-Type '{media}' is not read. Send one of: {', '.join(ANSWERS)}.")
        try:
            wanted = answer_type(headers.get(b"accept", b"").decode("latin-1"), media)
            body = await _read(receive, self.max_bytes)
        except NotAcceptable as error:
            return _error(406, f"Accept '{error}' cannot be met. Accept one of: {', '.join(ANSWERS)}.")
        except _TooLarge:
            return _error(413, f"The body is larger than {self.max_bytes} bytes. Send fewer rows, or use a batch transform job.")
        if len(body) <= INLINE_BYTES and media not in COLUMNAR and wanted not in COLUMNAR:
            return self._predict(media, wanted, body)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._predict, media, wanted, body)

    def _predict(self, media: str, wanted: str, body: bytes) -> _Answer:
        try:
            scores = score(media, body, self.servable)
        except BadData as error:
            return _error(400, error.message, field=getattr(error, "field", None), row=getattr(error, "row", None))
        return _Answer(200, encode(wanted, scores, self.servable.labels(scores)), wanted)


async def _read(receive: Receive, limit: int) -> bytes:
    """The body. One that is too large is read on but not kept, since many clients read no answer before they have sent all."""
    parts, size, more = [], 0, True
    while more and size <= PATIENCE * limit:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise _TooLarge
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _error(status: int, message: str, **details: object) -> _Answer:
    return _Answer(status, json.dumps({"error": message, **details}).encode())


def _wrong_method(path: str, method: str) -> _Answer:
    return _error(405, f"{path} takes {method} only.")
