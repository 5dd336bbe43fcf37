"""Puts handlers behind AWS's protocols, and offers them to the service's own rooms."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeVar

from sagelens.local.api.auth import authenticate
from sagelens.local.api.encoding import Encoder
from sagelens.local.api.model import SERVICES, Operation, service_model
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, Wire, unknown_operation
from sagelens.local.api.routing import wire_of
from sagelens.local.api.scalars import NATIVE
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Handler, Request

__all__ = ["Api"]

_LARGEST_BODY = 32 * 1024 * 1024

T = TypeVar("T")
Message = MutableMapping[str, Any]

log = logging.getLogger(__name__)


class Api:
    """An ASGI application, and `call`. `handlers` may be filled after the Api was made."""

    def __init__(self, handlers: Mapping[str, Handler], access_key: str) -> None:
        self._handlers = handlers
        self._access_key = access_key
        self._inside: dict[str, tuple[Validator, Encoder]] = {}

    async def call(self, key: str, request: Request) -> Document:
        """Perform an operation as a client would; ApiError for whatever a client would be told."""
        service, _, name = key.partition(".")
        operation = service_model(service).operation(name) if service in SERVICES else None
        if operation is None or key not in self._handlers:
            raise unknown_operation(name or key)
        return await _guarded(key, self._perform(key, operation, request))

    async def _perform(self, key: str, operation: Operation, request: Request) -> Document:
        validator, encoder = self._native(key.partition(".")[0])
        answer = await self._handlers[key](validator.request(operation.input, request))
        return encoder.answer(operation.output, answer)

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        answer = await self._answer(await _read(scope, receive))
        await _send(send, answer)

    async def _answer(self, request: HttpRequest | None) -> HttpAnswer:
        if request is None:
            return _plain(413, f"The body is larger than {_LARGEST_BODY} bytes.")
        wire = wire_of(request)
        if wire is None:
            return _plain(404, "This is the local SageMaker of sagelens. It speaks to AWS clients; see `sagelens local env`.")
        try:
            return await self._serve(wire, request)
        except ApiError as error:
            return wire.encode_error(error)

    async def _serve(self, wire: Wire, request: HttpRequest) -> HttpAnswer:
        authenticate(request, self._access_key)
        key = wire.operation(request)
        if key not in self._handlers:
            raise unknown_operation(key.partition(".")[2])
        return await _guarded(key, self._exchange(wire, key, request))

    async def _exchange(self, wire: Wire, key: str, request: HttpRequest) -> HttpAnswer:
        return wire.encode(key, await self._handlers[key](wire.decode(key, request)))

    def _native(self, service: str) -> tuple[Validator, Encoder]:
        if service not in self._inside:
            model = service_model(service)
            self._inside[service] = Validator(model, NATIVE), Encoder(model, wire=False)
        return self._inside[service]


async def _guarded(key: str, work: Awaitable[T]) -> T:
    """The work's result; whatever goes wrong in it unexpectedly is logged and told as AWS's InternalFailure."""
    try:
        return await work
    except ApiError:
        raise
    except Exception as error:
        log.exception("%s failed", key)
        message = f"{key} failed inside the local SageMaker: {type(error).__name__}: {error}. See the service's log."
        raise ApiError("InternalFailure", message, status=500) from error


async def _read(scope: Mapping[str, Any], receive: Callable[[], Awaitable[Message]]) -> HttpRequest | None:
    """The whole request; None if its body is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY:
            return None
        if not message.get("more_body"):
            break
    return HttpRequest(
        method=scope["method"],
        target=scope["raw_path"].decode("latin-1").partition("?")[0],
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=bytes(body),
    )


async def _send(send: Callable[[Message], Awaitable[None]], answer: HttpAnswer) -> None:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        "x-amzn-requestid": answer.request_id,
        **answer.headers,
    }
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body})


def _plain(status: int, text: str) -> HttpAnswer:
    return HttpAnswer(status=status, content_type="text/plain; charset=utf-8", body=f"{text}\n".encode())
