"""The keyword-only parameters of a step: validated against their annotations."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from sagelens.errors import BadConfig
from sagelens.job.adapters import adapter_of
from sagelens.job.function import StepFunction
from sagelens.job.layout import Layout
from sagelens.job.request import StepRequest
from sagelens.values import Client
from sagelens.wiring import Clients

__all__ = ["Parameters", "bind", "flat"]


@dataclass(frozen=True)
class Parameters:
    """`values` go to the function; `recorded` is the plain form of those that are data."""

    values: dict[str, Any]
    recorded: dict[str, Any]


def bind(function: StepFunction, request: StepRequest, layout: Layout, clients: Clients) -> Parameters:
    """Every keyword-only parameter's value, from step.json, the environment, the hyperparameters, the sources or the clients."""
    raw = {**request.params, **_from_environment(request.environment)}
    raw = _with_hyperparameters(function, raw, layout.hyperparameters())
    _refuse_unknown(function, raw)
    values: dict[str, Any] = {}
    recorded: dict[str, Any] = {}
    for parameter in function.keywords():
        annotation = function.annotation(parameter.name)
        client = _client(annotation)
        if client:
            values[parameter.name] = clients.get(client.service)
        elif parameter.name == "sources":
            values[parameter.name] = found = request.local_sources(layout)
            recorded |= _versions({name: source.digest for name, source in found.items() if request.sources[name].version})
        elif parameter.name in raw:
            values[parameter.name], recorded[parameter.name] = _validated(function.name, parameter.name, annotation, raw)
        elif parameter.default is parameter.empty:
            raise BadConfig(
                f"{function.name} needs '{parameter.name}', which the step does not pass. Add it to the step's params."
            )
    return Parameters(values, recorded)


def _versions(found: Mapping[str, str]) -> dict[str, Any]:
    return {"data_version": dict(found)} if found else {}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _validated(function: str, name: str, annotation: Any, raw: Mapping[str, Any]) -> tuple[Any, Any]:
    from pydantic import ValidationError

    adapter = adapter_of(annotation)
    try:
        value = adapter.validate_python(raw[name])
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, (name, *e['loc'])))}: {e['msg']} (given: {e['input']!r})" for e in error.errors()[:5]
        )
        raise BadConfig(f"A parameter of {function} is not valid: {wrong}.") from error
    return value, adapter.dump_python(value, mode="json")


def _from_environment(names: Mapping[str, str]) -> dict[str, str]:
    absent = sorted(variable for variable in names.values() if variable not in os.environ)
    if absent:
        raise BadConfig(f"The job's environment lacks {', '.join(absent)}, which carry parameters of the pipeline.")
    return {parameter: os.environ[variable] for parameter, variable in names.items()}


def _with_hyperparameters(function: StepFunction, raw: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Hyperparameters (a tuning job sets them) override fields of a settings parameter, or a parameter, of the same name."""
    settings = _settings_fields(function)
    own = {parameter.name for parameter in function.keywords()}
    result = dict(raw)
    for name, text in given.items():
        if name in settings:
            result[settings[name]] = {**dict(result.get(settings[name], {})), name: _parsed(text)}
        elif name in own:
            result[name] = _parsed(text)
        else:
            raise BadConfig(
                f"Hyperparameter '{name}' is not taken by {function.name}. It takes: {', '.join(sorted({*settings, *own}))}."
            )
    return result


def _settings_fields(function: StepFunction) -> dict[str, str]:
    """Parameter by the name of a field of its pydantic model."""
    from pydantic import BaseModel

    found: dict[str, str] = {}
    for parameter in function.keywords():
        annotation = function.annotation(parameter.name)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found |= dict.fromkeys(annotation.model_fields, parameter.name)
    return found


def _parsed(text: str) -> Any:
    """The SDK writes hyperparameters as JSON, others as plain text."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _client(annotation: Any) -> Client | None:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Client)), None)


def _refuse_unknown(function: StepFunction, raw: Mapping[str, Any]) -> None:
    allowed = {parameter.name for parameter in function.keywords()}
    unknown = sorted(set(raw) - allowed)
    if unknown:
        raise BadConfig(
            f"{function.name} has no parameter {', '.join(unknown)}. It takes: {', '.join(sorted(allowed)) or 'none'}."
        )
