"""AWS Query: the operation and its members as a form, answers in XML."""

from __future__ import annotations

import uuid
from operator import itemgetter
from typing import Any

from sagelens.local.api.encoding import Encoder, escaped, to_xml
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, unknown_operation
from sagelens.local.api.scalars import QUERY
from sagelens.local.api.showing import shown
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["QueryWire"]

_DEEPEST = 32
_MOST_DIGITS = 9


class QueryWire:
    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, QUERY)
        self._encoder = Encoder(model, wire=True)
        self._namespace = model.metadata["xmlNamespace"]

    def operation(self, request: HttpRequest) -> str:
        return f"{self._model.service}.{request.form.get('Action', '')}"

    def decode(self, key: str, request: HttpRequest) -> Request:
        name = key.partition(".")[2]
        operation = self._model.operation(name)
        if operation is None:
            raise unknown_operation(name)
        tree: dict[str, Any] = {}
        for path, value in request.form.items():
            if path not in {"Action", "Version"}:
                _put(tree, path, value)
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
        if not isinstance(items, dict):
            return items
        numbered = sorted(((_place(number), item) for number, item in items.items()), key=itemgetter(0))
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
        inside = f"<Type>{blamed}</Type><Code>{escaped(fault.code)}</Code><Message>{escaped(error.message)}</Message>"
        document = f"<Error>{inside}</Error><RequestId>{request_id}</RequestId>"
        return self._xml(f'<ErrorResponse xmlns="{self._namespace}">{document}</ErrorResponse>', status, request_id)

    @staticmethod
    def _xml(document: str, status: int, request_id: str) -> HttpAnswer:
        return HttpAnswer(status=status, content_type="text/xml", body=document.encode("utf-8", "replace"), request_id=request_id)


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    *path, last = name.split(".", _DEEPEST)
    if len(path) == _DEEPEST:
        raise ApiError("MalformedInput", f"'{shown(name)}' is nested more than {_DEEPEST} deep.")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise _both(name)
    if last in tree:
        raise _both(name)
    tree[last] = value


def _both(name: str) -> ApiError:
    return ApiError("MalformedInput", f"'{shown(name)}' is given both as a value and as a structure.")


def _place(number: str) -> int:
    """Where an item of a list belongs."""
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        raise ApiError("MalformedInput", f"'{shown(number)}' is no place in a list; places are numbers, from 1 on.")
    return int(number)
