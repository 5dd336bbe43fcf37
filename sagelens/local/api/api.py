"""Puts handlers behind AWS's protocols, and offers them to the service's own rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from sagelens.local.api.auth import authenticate
from sagelens.local.api.encoding import Encoder
from sagelens.local.api.model import SERVICES, Operation, service_model
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, Wire, unknown_operation
from sagelens.local.api.routing import wire_of
from sagelens.local.api.scalars import NATIVE
from sagelens.local.api.validation import Validator
from sagelens.local.api.writing import plain
from sagelens.local.ports import ApiError, Clock, Document, Handler, Request

__all__ = ["Api"]


log = logging.getLogger(__name__)


class Api:
    """`answer` for clients over HTTP, `call` for the service's own rooms. `handlers` may be filled after the Api was made.

    `clock` is the service's, whose time every answer tells.
    """

    def __init__(self, handlers: Mapping[str, Handler], access_key: str, clock: Clock) -> None:
        self.clock = clock
        self._handlers = handlers
        self._access_key = access_key
        self._inside: dict[str, tuple[Validator, Encoder]] = {}

    async def call(self, key: str, request: Request) -> Document:
        """Perform an operation as a client would; ApiError for whatever a client would be told."""
        service, _, name = key.partition(".")
        operation = service_model(service).operation(name) if service in SERVICES else None
        if operation is None or key not in self._handlers:
            raise unknown_operation(name or key)
        try:
            return await self._perform(key, operation, request)
        except ApiError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            raise _told(key, error) from error

    async def _perform(self, key: str, operation: Operation, request: Request) -> Document:
        validator, encoder = self._native(key.partition(".")[0])
        answer = await self._handlers[key](validator.request(operation.input, request))
        return encoder.answer(operation.output, answer)

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to a request, whatever it is and whatever goes wrong with it."""
        wire: Wire | None = None
        key = "The request"
        try:
            wire = wire_of(request)
            if wire is None:
                return plain(404, "This is the local SageMaker of sagelens. It speaks to AWS clients; see `sagelens local env`.")
            authenticate(request, self._access_key)
            key = wire.operation(request)
            handler = self._handler(key)
            return wire.encode(key, await handler(wire.decode(key, request)))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  logged there; the client is owed an answer
            told = _told(key, error)
            return wire.encode_error(told) if wire else plain(told.status, told.message)

    def _handler(self, key: str) -> Handler:
        handler = self._handlers.get(key)
        if handler is None:
            raise unknown_operation(key.partition(".")[2])
        return handler

    def _native(self, service: str) -> tuple[Validator, Encoder]:
        if service not in self._inside:
            model = service_model(service)
            self._inside[service] = Validator(model, NATIVE), Encoder(model, wire=False)
        return self._inside[service]


def _told(key: str, error: BaseException) -> ApiError:
    """What a client is told: AWS's InternalFailure, also logged, for what went wrong unexpectedly."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        # Not this request was cancelled, but something that its handler waited for: the client is owed an answer all the same.
        return ApiError("InternalFailure", f"{key} was interrupted inside the local SageMaker. Try the call again.", status=500)
    log.error("%s failed", key, exc_info=error)
    message = f"{key} failed inside the local SageMaker: {type(error).__name__}: {error}. See the service's log."
    return ApiError("InternalFailure", message, status=500)
