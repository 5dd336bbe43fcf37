"""AWS Query: the operation and its members as a form, answers in XML."""

from __future__ import annotations

import uuid
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from sagelens.local.api.encoding import Encoder, to_xml
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, content, unknown_operation
from sagelens.local.api.scalars import QUERY
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["QueryWire", "form"]


def form(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(content(request).decode("utf-8", "replace"), keep_blank_values=True))


class QueryWire:
    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, QUERY)
        self._encoder = Encoder(model, wire=True)
        self._namespace = model.metadata["xmlNamespace"]

    def operation(self, request: HttpRequest) -> str:
        return f"{self._model.service}.{form(request).get('Action', '')}"

    def decode(self, key: str, request: HttpRequest) -> Request:
        name = key.partition(".")[2]
        operation = self._model.operation(name)
        if operation is None:
            raise unknown_operation(name)
        tree: dict[str, Any] = {}
        for path, value in form(request).items():
            if path not in {"Action", "Version"}:
                _put(tree, path.split("."), value)
        return self._validator.request(operation.input, self._shaped(operation.input, tree))

    def _shaped(self, shape: str, value: Any) -> Any:
        """The form's tree as structures and lists; anything unexpected is left for the validator to name."""
        definition = self._model.shapes.get(shape, {})
        kind = definition.get("type")
        if kind == "list" and value == "":
            return []
        if not isinstance(value, dict) or kind not in {"structure", "list"}:
            return value
        if kind == "structure":
            members = definition["members"]
            return {name: self._shaped(members[name]["shape"], item) if name in members else item for name, item in value.items()}
        items = value.get("member", value)
        numbered = sorted(items.items(), key=lambda pair: int(pair[0]) if pair[0].isdigit() else 0)
        return [self._shaped(definition["member"]["shape"], item) for _, item in numbered]

    def encode(self, key: str, answer: Document) -> HttpAnswer:
        name = key.partition(".")[2]
        operation = self._model.operation(name)
        if operation is None:
            raise unknown_operation(name)
        request_id = str(uuid.uuid4())
        inside = to_xml(self._model, operation.output, self._encoder.answer(operation.output, answer)) if operation.output else ""
        if operation.result_wrapper:
            inside = f"<{operation.result_wrapper}>{inside}</{operation.result_wrapper}>"
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return self._xml(f'<{name}Response xmlns="{self._namespace}">{inside}{metadata}</{name}Response>', 200, request_id)

    def encode_error(self, error: ApiError) -> HttpAnswer:
        request_id = str(uuid.uuid4())
        fault = self._model.fault(error.code)
        status = fault.status or error.status
        blamed = "Sender" if status < 500 else "Receiver"
        inside = f"<Type>{blamed}</Type><Code>{escape(fault.code)}</Code><Message>{escape(error.message)}</Message>"
        document = f"<Error>{inside}</Error><RequestId>{request_id}</RequestId>"
        return self._xml(f'<ErrorResponse xmlns="{self._namespace}">{document}</ErrorResponse>', status, request_id)

    @staticmethod
    def _xml(document: str, status: int, request_id: str) -> HttpAnswer:
        return HttpAnswer(status=status, content_type="text/xml", body=document.encode(), request_id=request_id)


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ApiError("MalformedInput", f"'{'.'.join(path)}' is given both as a value and as a structure.")
        tree = inner
    tree[path[-1]] = value
