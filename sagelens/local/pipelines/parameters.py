"""A pipeline's parameters: what it declares, and what an execution gives."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.invalid import Invalid

__all__ = ["ParameterDefinition", "bind", "parse_parameters", "to_text"]

_TYPES = ("String", "Integer", "Float", "Boolean")
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_FIELDS = ("Name", "Type", "DefaultValue", "EnumValues")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,308})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MOST = 200

_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Value = str | int | float | bool


@dataclass(frozen=True)
class ParameterDefinition:
    name: str
    type: str
    default: Value | None
    allowed: tuple[Value, ...]


def parse_parameters(raw: object) -> dict[str, ParameterDefinition]:
    if raw is None:
        return {}
    if not isinstance(raw, list):
        raise Invalid(f"Parameters is {raw!r}; it has to be a list.")
    if len(raw) > _MOST:
        raise Invalid(f"The pipeline definition has {len(raw)} parameters; at most {_MOST} are allowed.")
    parsed: dict[str, ParameterDefinition] = {}
    for item in raw:
        parameter = _parameter(item)
        if parameter.name in parsed:
            raise Invalid(f"Two parameters have the Name '{parameter.name}'.")
        parsed[parameter.name] = parameter
    return parsed


def _parameter(raw: object) -> ParameterDefinition:
    if not isinstance(raw, dict) or not isinstance(raw.get("Name"), str) or not _NAME.fullmatch(raw["Name"]):
        raise Invalid(f"The parameter {raw!r} has no usable Name; use 1 to 64 letters, digits, '-' and '_'.")
    name, kind = raw["Name"], raw.get("Type")
    if kind not in _TYPES:
        raise Invalid(f"Parameter '{name}' has the Type {kind!r}; known: {', '.join(_TYPES)}.")
    if unknown := sorted(set(raw) - set(_FIELDS)):
        raise Invalid(f"Parameter '{name}' has the unknown field {', '.join(unknown)}. Known: {', '.join(_FIELDS)}.")
    default, allowed = raw.get("DefaultValue"), raw.get("EnumValues")
    if not isinstance(allowed, list | None):
        raise Invalid(f"Parameter '{name}' has EnumValues {allowed!r}; give a list.")
    parameter = ParameterDefinition(
        name=name,
        type=kind,
        default=None if default is None else _declared(name, kind, default, "DefaultValue"),
        allowed=tuple(_declared(name, kind, value, "EnumValues") for value in allowed or ()),
    )
    if parameter.default is not None:
        _check_allowed(parameter, parameter.default)
    return parameter


def _declared(name: str, kind: str, value: Any, field: str) -> Value:
    fits = {
        "String": isinstance(value, str),
        "Integer": isinstance(value, int) and not isinstance(value, bool),
        "Float": isinstance(value, int | float) and not isinstance(value, bool),
        "Boolean": isinstance(value, bool),
    }[kind]
    if not fits:
        raise Invalid(f"Parameter '{name}' has {value!r} in {field}, which is not of its Type {kind}.")
    return _float(name, value) if kind == "Float" else value


def _float(name: str, value: str | float) -> float:
    try:
        found = float(value)
    except OverflowError:  # an integer of more than 308 digits
        found = math.inf
    if not math.isfinite(found):
        raise Invalid(f"Parameter '{name}' is of type Float; {str(value)[:40]} is beyond what a double holds.")
    return found


def bind(declared: Mapping[str, ParameterDefinition], given: Sequence[Mapping[str, str]]) -> dict[str, Value]:
    """The value of every declared parameter, from what an execution was started with or from its default."""
    values: dict[str, Value] = {}
    for item in given:
        name = item["Name"]
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise Invalid(f"The pipeline has no parameter '{name}'. It has: {known}.")
        if name in values:
            raise Invalid(f"Parameter '{name}' is given twice.")
        values[name] = _given(declared[name], item["Value"])
    missing = [p.name for p in declared.values() if p.name not in values and p.default is None]
    if missing:
        raise Invalid(f"Parameter {', '.join(missing)} has no default and was not given. Give it in PipelineParameters.")
    return {p.name: values.get(p.name, p.default) for p in declared.values()}  # type: ignore[misc]  # none is missing


def _given(parameter: ParameterDefinition, text: str) -> Value:
    if text == "":
        raise Invalid(f"Parameter '{parameter.name}' is empty. Give a value, or leave it out to use its default.")
    value = _read(parameter, text)
    _check_allowed(parameter, value)
    return value


def _read(parameter: ParameterDefinition, text: str) -> Value:
    """Numbers as JSON writes them: no spaces, signs of grouping, foreign digits or words."""
    match parameter.type:
        case "String":
            return text
        case "Integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "Float" if _NUMBER.fullmatch(text):
            return _float(parameter.name, text)
        case "Boolean" if text in _TRUTH:
            return _TRUTH[text]
    raise Invalid(f"Parameter '{parameter.name}' is of type {parameter.type}; '{text}' is not.")


def _check_allowed(parameter: ParameterDefinition, value: Value) -> None:
    if parameter.allowed and value not in parameter.allowed:
        allowed = ", ".join(to_text(v) for v in parameter.allowed)
        raise Invalid(f"Parameter '{parameter.name}' is '{to_text(value)}'; allowed: {allowed}.")


def to_text(value: object) -> str:
    """A plain value as Std:Join and the API write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
