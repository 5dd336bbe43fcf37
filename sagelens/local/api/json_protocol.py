"""AWS JSON 1.1: the operation in X-Amz-Target, everything else in a JSON body."""

from __future__ import annotations

import json

from sagelens.local.api.documents import json_document
from sagelens.local.api.encoding import Encoder
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, content, named_error, unknown_operation
from sagelens.local.api.scalars import JSON
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["JsonWire"]


class JsonWire:
    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, JSON)
        self._encoder = Encoder(model, wire=True)
        self._content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"

    def operation(self, request: HttpRequest) -> str:
        return f"{self._model.service}.{request.headers['x-amz-target'].rpartition('.')[2]}"

    def decode(self, key: str, request: HttpRequest) -> Request:
        name = key.partition(".")[2]
        operation = self._model.operation(name)
        if operation is None:
            raise unknown_operation(name)
        try:
            document = json_document(content(request) or b"{}")
        except ValueError as error:
            raise ApiError("SerializationException", f"The body of {name} is not JSON: {error}") from error
        return self._validator.request(operation.input, document)

    def encode(self, key: str, answer: Document) -> HttpAnswer:
        operation = self._model.operation(key.partition(".")[2])
        document = self._encoder.answer(operation.output, answer) if operation else {}
        return HttpAnswer(content_type=self._content_type, body=json.dumps(document, separators=(",", ":")).encode())

    def encode_error(self, error: ApiError) -> HttpAnswer:
        status = self._model.error_status(error.code) or error.status
        kind, headers = named_error(self._model, error.code, status)
        document = {"__type": kind, "message": error.message, **error.members}
        return HttpAnswer(
            status=status,
            content_type=self._content_type,
            body=json.dumps(document).encode(),
            headers={"x-amzn-errortype": kind, **headers},
        )
