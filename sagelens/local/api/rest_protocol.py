"""REST-JSON as sagemaker-runtime uses it: the operation in the path, members in path and headers, a blob as the body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from sagelens.local.api.model import Operation, ServiceModel
from sagelens.local.api.protocol import HttpAnswer, HttpRequest, unknown_operation
from sagelens.local.api.scalars import QUERY
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["RestWire"]

_READER = {**QUERY, "blob": bytes}
_REMEMBERED = 512
_MEMBER = 2
"""Where the paths of sagemaker-runtime have the name of the endpoint: `/endpoints/{EndpointName}/...`."""


@dataclass(frozen=True)
class _Route:
    """Where the members of an operation are. `headers` are (member, name of header in lower case); `path` are the names of the
    members in the places of the path, empty where the path is fixed."""

    name: str
    path: tuple[str, ...]
    input: str
    payload: str
    headers: tuple[tuple[str, str], ...]
    answer_payload: str
    answer_headers: tuple[tuple[str, str], ...]

    @cached_property
    def header_names(self) -> tuple[str, ...]:
        return tuple(header for _, header in self.headers)


class RestWire:
    """What the model says of each operation is worked out once: every request to an endpoint passes here."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._validator = Validator(model, _READER)
        self._routes = {name: self._route(name) for name in model.operations()}
        self._keys = {self._pattern(name): f"{model.service}.{name}" for name in self._routes}
        self._checked: dict[tuple[str | None, ...], Request] = {}

    def _route(self, name: str) -> _Route:
        operation = self._operation(name)
        taken, given = self._model.shapes[operation.input], self._model.shapes[operation.output]
        return _Route(
            name=name,
            path=tuple(place[1:-1] if place.startswith("{") else "" for place in operation.path.split("/")),
            input=operation.input,
            payload=taken.get("payload", ""),
            headers=_in_headers(taken),
            answer_payload=given.get("payload", ""),
            answer_headers=_in_headers(given),
        )

    def _operation(self, name: str) -> Operation:
        operation = self._model.operation(name)
        assert operation is not None, name
        return operation

    def _pattern(self, name: str) -> tuple[str, ...]:
        """Method and the path's places, those that hold a member left empty."""
        operation = self._operation(name)
        return (operation.method, *("" if place.startswith("{") else place for place in operation.path.split("/")))

    def operation(self, request: HttpRequest) -> str:
        """All operations of this service have their one member in the third place of the path."""
        places = request.target.split("/")
        if len(places) > _MEMBER and places[_MEMBER]:
            places[_MEMBER] = ""
            key = self._keys.get((request.method, *places))
            if key is not None:
                return key
        raise unknown_operation(f"{request.method} {request.target}")

    def decode(self, key: str, request: HttpRequest) -> Request:
        """The members in path and headers are checked once and remembered: the requests to an endpoint are much alike."""
        route = self._routes[key.partition(".")[2]]
        given = (key, request.target, *map(request.headers.get, route.header_names))
        checked = self._checked.get(given)
        if checked is None:
            if len(self._checked) >= _REMEMBERED:
                self._checked.clear()
            checked = self._checked[given] = self._check(route, request)
        return {**checked, route.payload: request.body} if route.payload else dict(checked)

    def _check(self, route: _Route, request: HttpRequest) -> Request:
        given = request.headers
        members: dict[str, Any] = {member: given[header] for member, header in route.headers if header in given}
        for name, value in zip(route.path, request.target.split("/"), strict=True):
            if name:
                members[name] = unquote(value)
        if route.payload:
            # The body is bytes, and its size is for the endpoint to judge: botocore's model names a limit that AWS has raised.
            members[route.payload] = b""
        return self._validator.request(route.input, members)

    def encode(self, key: str, answer: Document) -> HttpAnswer:
        route = self._routes[key.partition(".")[2]]
        headers = {header: answer[member] for member, header in route.answer_headers if answer.get(member) is not None}
        return HttpAnswer(
            content_type=headers.pop("content-type", "application/octet-stream"),
            body=bytes(answer.get(route.answer_payload, b"")),
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
