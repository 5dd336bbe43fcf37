"""Smithy RPC v2: the operation in the path, everything else in a CBOR body. CloudWatch's first protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sagelens.local.api import cbor
from sagelens.local.api.encoding import Encoder
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, content, named_error, unknown_operation
from sagelens.local.api.scalars import NATIVE
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["CborWire"]

_CONTENT_TYPE = "application/cbor"
_PROTOCOL = {"smithy-protocol": "rpc-v2-cbor"}


class CborWire:
    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, NATIVE)
        self._encoder = Encoder(model, wire=False)

    def operation(self, request: HttpRequest) -> str:
        return f"{self._model.service}.{request.target.rpartition('/')[2]}"

    def decode(self, key: str, request: HttpRequest) -> Request:
        name = key.partition(".")[2]
        operation = self._model.operation(name)
        if operation is None:
            raise unknown_operation(name)
        body = content(request)
        try:
            document = cbor.decode(body) if body else {}
        except ValueError as error:
            raise ApiError("SerializationException", f"The body of {name} is not CBOR: {error}") from error
        return self._validator.request(operation.input, document)

    def encode(self, key: str, answer: Document) -> HttpAnswer:
        operation = self._model.operation(key.partition(".")[2])
        document: Any = {}
        if operation is not None and operation.output:
            document = _timed(self._model, operation.output)(self._encoder.answer(operation.output, answer))
        return HttpAnswer(content_type=_CONTENT_TYPE, body=cbor.encode(document), headers=dict(_PROTOCOL))

    def encode_error(self, error: ApiError) -> HttpAnswer:
        status = self._model.error_status(error.code) or error.status
        kind, headers = named_error(self._model, error.code, status)
        document = {"__type": kind, "message": error.message, **error.members}
        return HttpAnswer(status=status, content_type=_CONTENT_TYPE, body=cbor.encode(document), headers={**_PROTOCOL, **headers})


@cache
def _timed(model: ServiceModel, name: str) -> Callable[[Any], Any]:
    """What marks the times and the doubles in an answer of this shape, which JSON writes like any other number."""
    shape = model.shapes[name]
    match shape["type"]:
        case "structure":
            return lambda value: {key: _timed(model, shape["members"][key]["shape"])(item) for key, item in value.items()}
        case "list":
            return lambda value: list(map(_timed(model, shape["member"]["shape"]), value))
        case "map":
            return lambda value: {key: _timed(model, shape["value"]["shape"])(item) for key, item in value.items()}
        case "timestamp":
            return cbor.Moment
        case "double" | "float":
            return float
    return _same


def _same(value: Any) -> Any:
    return value
