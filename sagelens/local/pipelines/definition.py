"""The pipeline definition JSON (version 2020-12-01) as values. Whether its references make sense is checked in `graph`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.duration import parse_duration
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.parameters import ParameterDefinition, parse_parameters
from sagelens.local.pipelines.retry import RetryPolicy, parse_policies
from sagelens.local.pipelines.strict_json import parse_json

__all__ = ["STEP_TYPES", "Branch", "Definition", "Step", "parse_definition"]

STEP_TYPES = ("Processing", "Training", "Transform", "Condition", "Fail", "Model", "RegisterModel")

_VERSION = "2020-12-01"
_MOST_STEPS = 500
"""SageMaker takes 50, and more on request. The time that checking takes grows with the square."""
_LONGEST = 1_048_576
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_TOP = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps"}
_COMMON = {"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"}
_JOB = {"RetryPolicies", "CacheConfig"}
_PROPERTY_FILE = ("PropertyFileName", "OutputName", "FilePath")
_ALLOWED = {
    "Processing": _COMMON | _JOB | {"PropertyFiles"},
    "Training": _COMMON | _JOB | {"PropertyFiles"},
    "Transform": _COMMON | _JOB | {"PropertyFiles"},
    "Condition": _COMMON,
    "Fail": _COMMON,
    "Model": _COMMON | {"RetryPolicies"},
    "RegisterModel": _COMMON | {"RetryPolicies"},
}


@dataclass(frozen=True)
class Branch:
    """The side of a condition that a step stands in."""

    condition: str
    taken: bool


@dataclass(frozen=True)
class PropertyFile:
    output: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. `branch` leads from the outermost condition to the one that holds the step; `expire_after` is in seconds."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    branch: tuple[Branch, ...] = ()
    depends_on: tuple[str, ...] = ()
    display_name: str | None = None
    description: str | None = None
    retries: tuple[RetryPolicy, ...] = ()
    cached: bool = False
    expire_after: float | None = None
    property_files: Mapping[str, PropertyFile]


@dataclass(frozen=True)
class Definition:
    """`steps` holds all steps by name, those in branches included, in the order in which they are written."""

    parameters: Mapping[str, ParameterDefinition]
    steps: Mapping[str, Step]
    experiment: Mapping[str, Any] | None
    mlflow: Mapping[str, Any] | None


def parse_definition(text: str) -> Definition:
    """Read a definition; Invalid says which step and field cannot be used."""
    if len(text) > _LONGEST:
        raise Invalid(f"The pipeline definition has {len(text):,} characters; at most {_LONGEST:,} are allowed.")
    try:
        raw = parse_json(text)
    except ValueError as error:
        raise Invalid(f"The pipeline definition is not JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise Invalid(f"The pipeline definition is a JSON {type(raw).__name__}; it has to be an object.")
    _refuse_unknown("The pipeline definition", raw, _TOP)
    if raw.get("Version") != _VERSION:
        raise Invalid(f"The pipeline definition has Version {raw.get('Version')!r}; the one known is '{_VERSION}'.")
    return Definition(
        parameters=parse_parameters(raw.get("Parameters")),
        steps=_steps(raw.get("Steps")),
        experiment=raw.get("PipelineExperimentConfig"),
        mlflow=raw.get("MlflowConfig"),
    )


def _refuse_unknown(subject: str, raw: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(raw) - allowed)
    if unknown:
        raise Invalid(f"{subject} has the unknown field {', '.join(unknown)}. Known: {', '.join(sorted(allowed))}.")


def _steps(raw: object) -> dict[str, Step]:
    if not isinstance(raw, list) or not raw:
        raise Invalid("The pipeline definition has no Steps; give a list of at least one step.")
    steps: dict[str, Step] = {}
    for step in _walk(raw, ()):
        if step.name in steps:
            raise Invalid(f"Two steps have the Name '{step.name}'. Names are unique in a pipeline, branches included.")
        steps[step.name] = step
        if len(steps) > _MOST_STEPS:
            raise Invalid(f"The pipeline definition has more than {_MOST_STEPS} steps.")
    return steps


def _walk(raw: list[Any], branch: tuple[Branch, ...]) -> Iterator[Step]:
    for item in raw:
        step = _step(item, branch)
        yield step
        if step.type == "Condition":
            for field, taken in (("IfSteps", True), ("ElseSteps", False)):
                inner = step.arguments.get(field) or []
                if not isinstance(inner, list):
                    raise Invalid(f"Step '{step.name}' has {field} that is not a list.")
                yield from _walk(inner, (*branch, Branch(step.name, taken)))


def _step(raw: object, branch: tuple[Branch, ...]) -> Step:
    if not isinstance(raw, dict):
        raise Invalid(f"A step is {raw!r}; it has to be an object with Name, Type and Arguments.")
    name, kind = raw.get("Name"), raw.get("Type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid(f"A step has the Name {name!r}; use 1 to 64 letters, digits, '-' and '_'.")
    if kind not in STEP_TYPES:
        raise Invalid(f"Step '{name}' has type {kind}, which the local SageMaker does not run; it runs: {', '.join(STEP_TYPES)}.")
    _refuse_unknown(f"Step '{name}'", raw, _ALLOWED[kind])
    arguments = raw.get("Arguments")
    if not isinstance(arguments, dict):
        raise Invalid(f"Step '{name}' has no Arguments; give the request of its job as an object.")
    _check_arguments(name, kind, arguments)
    for field in ("DisplayName", "Description"):
        if not isinstance(raw.get(field), str | None):
            raise Invalid(f"Step '{name}' has {field} {raw[field]!r}; it has to be a text.")
    cached, expire_after = _cache(name, raw.get("CacheConfig"))
    return Step(
        name=name,
        type=kind,
        arguments=arguments,
        branch=branch,
        depends_on=_depends_on(name, raw.get("DependsOn")),
        display_name=raw.get("DisplayName"),
        description=raw.get("Description"),
        retries=parse_policies(name, raw.get("RetryPolicies")),
        cached=cached,
        expire_after=expire_after,
        property_files=_property_files(name, raw.get("PropertyFiles")),
    )


def _check_arguments(name: str, kind: str, arguments: Mapping[str, Any]) -> None:
    if kind == "Condition":
        if not isinstance(arguments.get("Conditions"), list) or not arguments["Conditions"]:
            raise Invalid(f"Step '{name}' has no Arguments.Conditions; give a list of at least one condition.")
        _refuse_unknown(f"Arguments of step '{name}'", arguments, {"Conditions", "IfSteps", "ElseSteps"})
    if kind == "Fail" and not isinstance(arguments.get("ErrorMessage"), str | dict):
        raise Invalid(f"Step '{name}' has no Arguments.ErrorMessage; give a text or a function that makes one.")


def _depends_on(name: str, raw: object) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise Invalid(f"Step '{name}' has DependsOn {raw!r}; give a list of step names.")
    for item in raw:
        if not isinstance(item, str):
            raise Invalid(f"Step '{name}' has {item!r} in DependsOn; the local SageMaker takes names of steps, and no triggers.")
    return tuple(raw)


def _cache(name: str, raw: object) -> tuple[bool, float | None]:
    if raw is None:
        return False, None
    if not isinstance(raw, dict) or not isinstance(raw.get("Enabled"), bool):
        raise Invalid(f"Step '{name}' has CacheConfig {raw!r}; give Enabled (true or false) and, if you like, ExpireAfter.")
    _refuse_unknown(f"CacheConfig of step '{name}'", raw, {"Enabled", "ExpireAfter"})
    expire_after = raw.get("ExpireAfter")
    return raw["Enabled"], None if expire_after is None else parse_duration(
        f"CacheConfig.ExpireAfter of step '{name}'", expire_after
    )


def _property_files(name: str, raw: object) -> dict[str, PropertyFile]:
    files: dict[str, PropertyFile] = {}
    if not isinstance(raw, list | None):
        raise Invalid(f"Step '{name}' has PropertyFiles {raw!r}; give a list.")
    for item in raw or ():
        given = [item.get(field) for field in _PROPERTY_FILE] if isinstance(item, dict) else []
        fields = [field for field in given if isinstance(field, str) and field]
        if len(fields) < len(_PROPERTY_FILE):
            raise Invalid(f"Step '{name}' has {item!r} in PropertyFiles; give PropertyFileName, OutputName and FilePath, texts.")
        file, output, path = fields
        if file in files:
            raise Invalid(f"Step '{name}' has two PropertyFiles with the PropertyFileName '{file}'.")
        files[file] = PropertyFile(output=output, path=path)
    return files
