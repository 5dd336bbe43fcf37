"""REST-JSON as sagemaker-runtime uses it: the operation in the path, members in path and headers, a blob as the body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from sagelens.local.api.model import ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, unknown_operation
from sagelens.local.api.scalars import QUERY
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["RestWire"]

_READER = {**QUERY, "blob": bytes}


@dataclass(frozen=True)
class _Route:
    """Where the members of an operation are. `headers` are (member, name of header in lower case)."""

    name: str
    method: str
    path: re.Pattern[str]
    input: str
    payload: str
    headers: tuple[tuple[str, str], ...]
    answer_payload: str
    answer_headers: tuple[tuple[str, str], ...]


class RestWire:
    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, _READER)

    @cached_property
    def _routes(self) -> dict[str, _Route]:
        return {name: self._route(name) for name in self._model.operations()}

    def _route(self, name: str) -> _Route:
        operation = self._model.operation(name)
        assert operation is not None, name
        taken, given = self._model.shapes[operation.input], self._model.shapes[operation.output]
        return _Route(
            name=name,
            method=operation.method,
            path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path)),
            input=operation.input,
            payload=taken.get("payload", ""),
            headers=_in_headers(taken),
            answer_payload=given.get("payload", ""),
            answer_headers=_in_headers(given),
        )

    def operation(self, request: HttpRequest) -> str:
        for route in self._routes.values():
            if route.method == request.method and route.path.fullmatch(request.target):
                return f"{self._model.service}.{route.name}"
        raise unknown_operation(f"{request.method} {request.target}")

    def decode(self, key: str, request: HttpRequest) -> Request:
        route = self._routes[key.partition(".")[2]]
        match = route.path.fullmatch(request.target)
        members: dict[str, Any] = {name: unquote(value) for name, value in match.groupdict().items()} if match else {}
        members |= {member: request.headers[header] for member, header in route.headers if header in request.headers}
        if route.payload:
            members[route.payload] = request.body
        return self._validator.request(route.input, members)

    def encode(self, key: str, answer: Document) -> HttpAnswer:
        route = self._routes[key.partition(".")[2]]
        headers = {header: answer[member] for member, header in route.answer_headers if answer.get(member) is not None}
        return HttpAnswer(
            content_type=headers.pop("content-type", "application/octet-stream"),
            body=answer.get(route.answer_payload, b""),
            headers=headers,
        )

    def encode_error(self, error: ApiError) -> HttpAnswer:
        return HttpAnswer(
            status=self._model.error_status(error.code) or error.status,
            content_type="application/json",
            body=json.dumps({"Message": error.message, "message": error.message, **error.members}).encode(),
            headers={"x-amzn-errortype": error.code},
        )


def _in_headers(shape: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, member["locationName"].lower()) for name, member in shape["members"].items() if member.get("location") == "header"
    )
