"""Requests checked against the service model: a wrong field is refused as AWS would refuse it.

A shape is turned into a function when it is first used, and the function kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from sagelens.local.api.model import ServiceModel
from sagelens.local.api.patterns import pattern
from sagelens.local.api.scalars import Reader
from sagelens.local.api.showing import shown
from sagelens.local.ports import ApiError, Request

__all__ = ["Validator"]

_MOST_PROBLEMS = 10
"""So many are looked for and told; a large request may have as many as it has parts."""

Problems = list[str]
Check = Callable[[Any, str, Problems], Any]
"""Takes a value, its path and the list to which problems are added; gives the value as handlers see it."""


class Validator:
    """Decodes and validates the inputs of one service, in one protocol's way of writing scalars."""

    def __init__(self, model: ServiceModel, reader: Reader) -> None:
        self._model = model
        self._reader = reader
        self._checks: dict[str, Check] = {}
        self._unfinished: dict[str, Check] = {}
        self._building = threading.RLock()  # large requests are checked in a thread

    def request(self, shape: str, value: Any) -> Request:
        """The request as a handler takes it; ApiError ValidationException listing everything that is wrong with it."""
        if not shape:
            return {}
        problems: Problems = []
        try:
            checked: Request = self._check(shape)(value, "", problems)
        except RecursionError:  # only shapes that contain themselves go as deep as the value does
            raise ApiError("ValidationException", "1 validation error detected: the request is nested too deep.") from None
        if problems:
            noun = "error" if len(problems) == 1 else "errors"
            raise ApiError("ValidationException", f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")
        return checked

    def _check(self, name: str) -> Check:
        check = self._checks.get(name)
        if check is not None:
            return check
        with self._building:
            check = self._checks.get(name) or self._unfinished.get(name)
            if check is None:
                # A shape may contain itself, so the name is bound before the members are looked at.
                self._unfinished[name] = partial(self._later, name)
                check = self._checks[name] = self._build(name)
                del self._unfinished[name]
        return check

    def _later(self, name: str, value: Any, path: str, problems: Problems) -> Any:
        with self._building:
            check = self._checks[name]
        return check(value, path, problems)

    def _build(self, name: str) -> Check:
        shape = self._model.shapes[name]
        match shape["type"]:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case kind:
                return _scalar(shape, self._reader[kind])

    def _structure(self, shape: dict[str, Any]) -> Check:
        members: dict[str, dict[str, Any]] = shape.get("members", {})
        required = shape.get("required", ())
        checks: dict[str, Check] = {}

        def check(value: Any, path: str, problems: Problems) -> Any:
            if not isinstance(value, dict):
                problems.append(_wrong(value, path, "Member must be a structure"))
                return value
            found: Request = {}
            for name, item in value.items():
                if item is None:
                    continue
                if len(problems) >= _MOST_PROBLEMS:
                    return found
                if name not in members:
                    known = ", ".join(sorted(members)) or "none"
                    problems.append(f"Unknown member '{shown(name)}' at '{path or 'the request'}': Known members: {known}")
                    continue
                if name not in checks:
                    checks[name] = self._check(members[name]["shape"])
                found[name] = checks[name](item, _join(path, name), problems)
            problems.extend(_wrong(None, _join(path, name), "Member must not be null") for name in required if name not in found)
            if shape.get("union") and len(found) != 1:
                problems.append(_wrong(sorted(found), path, f"Exactly one member must be set of [{', '.join(members)}]"))
            return found

        return check

    def _list(self, shape: dict[str, Any]) -> Check:
        member = self._check(shape["member"]["shape"])

        def check(value: Any, path: str, problems: Problems) -> Any:
            if not isinstance(value, (list, tuple)):
                problems.append(_wrong(value, path, "Member must be a list"))
                return value
            _check_length(shape, value, path, problems)
            found = []
            for number, item in enumerate(value, start=1):
                if len(problems) >= _MOST_PROBLEMS:
                    break
                found.append(member(item, f"{path}.{number}.member", problems))
            return found

        return check

    def _map(self, shape: dict[str, Any]) -> Check:
        key = self._check(shape["key"]["shape"])
        member = self._check(shape["value"]["shape"])

        def check(value: Any, path: str, problems: Problems) -> Any:
            if not isinstance(value, dict):
                problems.append(_wrong(value, path, "Member must be a map"))
                return value
            _check_length(shape, value, path, problems)
            found = {}
            for k, v in value.items():
                if len(problems) >= _MOST_PROBLEMS:
                    break
                found[key(k, f"{path}.key", problems)] = member(v, f"{path}.{shown(k, longest=64)}.member", problems)
            return found

        return check


def _scalar(shape: dict[str, Any], read: Callable[[Any], Any]) -> Check:
    kind = shape["type"]
    limit = _check_length if kind in {"string", "blob"} else _check_range
    enum = tuple(shape.get("enum", ()))
    limited = "min" in shape or "max" in shape
    regex = pattern(shape["pattern"]) if "pattern" in shape else None

    def check(value: Any, path: str, problems: Problems) -> Any:
        try:
            value = read(value)
        except TypeError as error:
            problems.append(_wrong(value, path, f"Member must be {error}"))
            return value
        told = len(problems)
        if limited:
            limit(shape, value, path, problems)
        if len(problems) > told:
            return value  # its pattern is not tried on what is longer than anybody who wrote the pattern thought of
        if enum and value not in enum:
            problems.append(_wrong(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
        if regex and not regex.fullmatch(value):
            problems.append(_wrong(value, path, f"Member must satisfy regular expression pattern: {shape['pattern']}"))
        return value

    return check


def _check_length(shape: dict[str, Any], value: Any, path: str, problems: Problems) -> None:
    if len(value) < shape.get("min", 0):
        problems.append(_wrong(value, path, f"Member must have length greater than or equal to {shape['min']}"))
    elif len(value) > shape.get("max", len(value)):
        problems.append(_wrong(value, path, f"Member must have length less than or equal to {shape['max']}"))


def _check_range(shape: dict[str, Any], value: Any, path: str, problems: Problems) -> None:
    if value < shape.get("min", value):
        problems.append(_wrong(value, path, f"Member must have value greater than or equal to {shape['min']}"))
    elif value > shape.get("max", value):
        problems.append(_wrong(value, path, f"Member must have value less than or equal to {shape['max']}"))


def _wrong(value: Any, path: str, constraint: str) -> str:
    told = "null" if value is None else f"'{shown(value)}'"
    return f"Value {told} at '{path or 'the request'}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    """AWS writes the path to a member with a small first letter."""
    return f"{path}.{name[:1].lower()}{name[1:]}" if path else f"{name[:1].lower()}{name[1:]}"
