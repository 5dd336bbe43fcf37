"""Puts handlers behind AWS's protocols, and offers them to the service's own rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from sagelens.local.api.auth import authenticate, knows_the_key
from sagelens.local.api.encoding import Encoder
from sagelens.local.api.model import SERVICES, Operation, service_model
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, Speaker, unknown_operation
from sagelens.local.api.routing import is_query, speaker_of_query, wire_of, wire_of_head
from sagelens.local.api.scalars import NATIVE
from sagelens.local.api.showing import presentable
from sagelens.local.api.validation import Validator
from sagelens.local.api.writing import plain
from sagelens.local.ports import ApiError, Clock, Document, Handler, Request

__all__ = ["Api"]


P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_QUICK = 64 * 1024
"""Bytes of a document that are decoded and checked within some milliseconds, whatever they hold."""
_LARGE_ANSWERS = frozenset({"cloudwatch.GetMetricData"})
"""Have up to a hundred thousand values."""
_NO_CLIENT = "This is the local SageMaker of sagelens. It speaks to AWS clients; see `sagelens local env`."


class Api:
    """`answer` for clients over HTTP, `call` for the service's own rooms. `handlers` may be filled after the Api was made.

    `clock` is the service's, whose time every answer tells.
    """

    def __init__(self, handlers: Mapping[str, Handler], access_key: str, clock: Clock) -> None:
        self.clock = clock
        self._handlers = handlers
        self._access_key = access_key
        self._inside: dict[str, tuple[Validator, Encoder]] = {}
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="reading")

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

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether who sends these headers knows the key, so that a body is read."""
        return knows_the_key(headers, self._access_key)

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to a request, whatever it is and whatever goes wrong with it. Without the key only its head is looked at."""
        speaker: Speaker | None = None
        key = "The request"
        try:
            query = is_query(request)
            wire = None if query else wire_of_head(request)
            speaker = speaker_of_query() if query else wire
            if speaker is None:
                return plain(404, _NO_CLIENT)
            authenticate(request.headers, self._access_key)
            quick = _is_quick(request)
            if query:
                speaker = wire = wire_of(request) if quick else await self._aside(wire_of, request)
            if wire is None:
                return plain(404, _NO_CLIENT)
            key = wire.operation(request)
            handler = self._handler(key)
            decoded = wire.decode(key, request) if quick else await self._aside(wire.decode, key, request)
            answer = await handler(decoded)
            return wire.encode(key, answer) if key not in _LARGE_ANSWERS else await self._aside(wire.encode, key, answer)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  logged there; the client is owed an answer
            told = _told(key, error)
            return speaker.encode_error(told) if speaker else plain(told.status, told.message)

    async def _aside(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What takes long is done in a thread, one request after the other, so that the other clients wait for none of it."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, partial(read, *args, **kwargs))

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


def _is_quick(request: HttpRequest) -> bool:
    """A packed body may be large once unpacked; that of an invocation is handed on as it is."""
    if len(request.body) <= _QUICK:
        return "content-encoding" not in request.headers
    return request.target.startswith("/endpoints/") and "x-amz-target" not in request.headers


def _told(key: str, error: BaseException) -> ApiError:
    """What a client is told: AWS's InternalFailure, also logged, for what went wrong unexpectedly."""
    if isinstance(error, ApiError):
        return ApiError(error.code, presentable(error.message), error.status, **error.members)
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        # Not this request was cancelled, but something that its handler waited for: the client is owed an answer all the same.
        return ApiError("InternalFailure", f"{key} was interrupted inside the local SageMaker. Try the call again.", status=500)
    log.error("%s failed", key, exc_info=error)
    message = presentable(f"{key} failed inside the local SageMaker: {type(error).__name__}: {error}. See the service's log.")
    return ApiError("InternalFailure", message, status=500)
