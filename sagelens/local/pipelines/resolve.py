"""Values of references and functions, once the steps that they name have run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.definition import Step
from sagelens.local.pipelines.expressions import Reference, function_of, parse_path, parse_reference
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.parameters import to_text
from sagelens.local.pipelines.strict_json import parse_json

__all__ = ["Scope", "look_up", "output_uri", "resolve"]


@dataclass(frozen=True)
class Scope:
    """What references may name: `properties` are the Describe answers by step, `read` gives the bytes behind an s3:// URI."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    properties: Mapping[str, Mapping[str, Any]]
    steps: Mapping[str, Step]
    read: Callable[[str], bytes]


def resolve(value: Any, scope: Scope) -> Any:
    """The value with every reference and function replaced by what it stands for."""
    called = function_of(value)
    if called:
        name, argument = called
        return {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}[name](argument, scope)
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    return value


def _get(argument: Any, scope: Scope) -> Any:
    reference = parse_reference(argument)
    match reference.root:
        case "Parameters":
            return _named(scope.parameters, reference)
        case "Execution":
            return _named(scope.execution, reference)
        case _:
            return _finite(look_up(_named(scope.properties, reference), reference.path, reference.text), reference.text)


def _finite(value: Any, text: str) -> Any:
    """A metric that a training job has reported may be anything that its log says."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid(f"{text} is {value!r}, which is no number that a pipeline can go on with.")
    return value


def _named(values: Mapping[str, Any], reference: Reference) -> Any:
    if reference.name not in values:
        raise Invalid(f"{reference.text} has no value here. Known: {', '.join(values) or 'nothing'}.")
    return values[reference.name]


def look_up(value: Any, path: tuple[str | int, ...], text: str) -> Any:
    """Follow a path. `['name']` on a list finds the element whose ...Name is that (OutputName, ChannelName, MetricName)."""
    for part in path:
        try:
            value = _element(value, part)
        except LookupError as error:
            known = ", ".join(value) if isinstance(value, dict) else type(value).__name__
            raise Invalid(f"{text} cannot be resolved at '{part}'; there is: {known}.") from error
    return value


def _element(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value[str(part)]
    if not isinstance(value, list):
        raise KeyError(part)
    if isinstance(part, int):
        return value[part]
    for item in value:
        if isinstance(item, dict) and any(key.endswith("Name") and named == part for key, named in item.items()):
            return item
    raise KeyError(part)


def _join(argument: Any, scope: Scope) -> str:
    parts = [resolve(item, scope) for item in argument["Values"]]
    for part in parts:
        if isinstance(part, dict | list) or part is None:
            raise Invalid(f"Std:Join cannot join {part!r}; it takes texts, numbers and booleans.")
    return str(argument.get("On", "")).join(to_text(part) for part in parts)


def _json_get(argument: Any, scope: Scope) -> Any:
    uri = _property_file(argument["PropertyFile"], scope) if "PropertyFile" in argument else resolve(argument["S3Uri"], scope)
    path = argument["Path"]
    try:
        document = parse_json(scope.read(uri))
    except OSError as error:
        raise Invalid(
            f"Std:JsonGet reads {uri}, which cannot be read ({error.strerror}). The step before has to write it there."
        ) from error
    except ValueError as error:
        raise Invalid(f"Std:JsonGet reads {uri}, which is not JSON: {error}.") from error
    return look_up(document, parse_path(path), f"Path '{path}' in {uri}")


def _property_file(argument: Any, scope: Scope) -> str:
    reference = parse_reference(argument["Get"])
    file = scope.steps[reference.name].property_files[str(reference.path[1])]
    return f"{output_uri(_named(scope.properties, reference), file.output).rstrip('/')}/{file.path}"


def output_uri(properties: Mapping[str, Any], name: str) -> str:
    """Where a Processing job has put its output of this name."""
    outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return str(look_up(outputs, (name, "S3Output", "S3Uri"), f"Output '{name}'"))
