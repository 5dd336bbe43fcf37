"""A pipeline's definition read as the jobs that SageMaker Pipelines will ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagelens.errors import BadConfig

__all__ = ["EXECUTION_ID", "DefinedStep", "Resolver", "steps_of"]

EXECUTION_ID = "executionid0"
"""Stands for the id that SageMaker will choose."""

_JOBS = {"Processing": "CreateProcessingJob", "Training": "CreateTrainingJob", "Transform": "CreateTransformJob"}
_MADE = {"Model": "CreateModel", "RegisterModel": "CreateModelPackage"}
_PART = re.compile(r"\.?([A-Za-z0-9_\-]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_LONGEST_NAME = 63


@dataclass(frozen=True, kw_only=True)
class DefinedStep:
    """`depends_on` are the steps that must have ended before, in the order in which the definition names them."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    depends_on: tuple[str, ...]
    cached: bool

    @property
    def operation(self) -> str | None:
        """What SageMaker Pipelines calls for the step; None for a Condition or a Fail."""
        return _JOBS.get(self.type) or _MADE.get(self.type)

    @property
    def job_name(self) -> str:
        """A name like the one that SageMaker Pipelines will give the job."""
        return f"pipelines-{EXECUTION_ID}-{self.name}"[: _LONGEST_NAME - 11].rstrip("-_").replace("_", "-") + "-0123456789"

    @property
    def config_uri(self) -> str | None:
        """The folder of the step's step.json; None for a step that is not one of ours."""
        for given in self.arguments.get("ProcessingInputs", ()):
            if given.get("InputName") == "config":
                return _text(given.get("S3Input", {}).get("S3Uri"))
        for channel in self.arguments.get("InputDataConfig", ()):
            if channel.get("ChannelName") == "config":
                return _text(channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri"))
        return None


def steps_of(definition: Mapping[str, Any]) -> dict[str, DefinedStep]:
    """All steps by name, those in branches included, in the order in which they are written."""
    return {step.name: step for step in _walk(definition["Steps"], None)}


def _walk(raw: list[Mapping[str, Any]], condition: str | None) -> Iterator[DefinedStep]:
    for item in raw:
        arguments = item["Arguments"]
        own = arguments["Conditions"] if item["Type"] == "Condition" else arguments
        data = (path[1] for path in _references(own) if path[0] == "Steps")
        waits = (*((condition,) if condition else ()), *item.get("DependsOn", ()), *map(str, data))
        yield DefinedStep(
            name=item["Name"],
            type=item["Type"],
            arguments=arguments,
            depends_on=tuple(dict.fromkeys(waits)),
            cached=bool(item.get("CacheConfig", {}).get("Enabled")),
        )
        if item["Type"] == "Condition":
            for branch in ("IfSteps", "ElseSteps"):
                yield from _walk(arguments.get(branch) or [], item["Name"])


def _references(value: object) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        if value.keys() == {"Get"}:
            yield _path(value["Get"])
        else:
            for item in value.values():
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _path(text: str) -> tuple[str | int, ...]:
    """`Steps.train.Outputs['a'].S3Uri` as its parts."""
    found = _PART.finditer(text)
    return tuple(int(m[2]) if m[2] is not None else next(part for part in (m[1], m[3], m[4]) if part is not None) for m in found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Resolver:
    """Replaces references by what they will be where the definition says it, and by plausible text where only the run will."""

    steps: Mapping[str, DefinedStep]
    parameters: Mapping[str, Any]
    execution: Mapping[str, str] = field(default_factory=dict)

    def request(self, step: DefinedStep) -> dict[str, Any]:
        """The request that SageMaker Pipelines will make for the step."""
        resolved = dict(self._resolve(step.arguments))
        return {f"{step.type}JobName": step.job_name, **resolved} if step.type in _JOBS else resolved

    def _described(self, name: str) -> dict[str, Any]:
        """What Describe would say of the step's job."""
        step = self.steps[name]
        request = self.request(step)
        if step.type == "Training":
            folder = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{step.job_name}"
            request["ModelArtifacts"] = {"S3ModelArtifacts": f"{folder}/output/model"}
        return request

    @cached_property
    def _functions(self) -> Mapping[str, Callable[[Any], Any]]:
        return {"Get": self._get, "Std:Join": self._join, "Std:JsonGet": lambda given: _plausible(str(given["Path"]))}

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and (function := self._functions.get(next(iter(value)))):
                return function(next(iter(value.values())))
            return {key: self._resolve(item) for key, item in value.items()}
        return [self._resolve(item) for item in value] if isinstance(value, list) else value

    def _join(self, given: Mapping[str, Any]) -> str:
        return str(given["On"]).join(str(self._resolve(value)) for value in given["Values"])

    def _get(self, text: str) -> Any:
        root, name, *path = _path(text)
        if root == "Parameters":
            return self._parameter(str(name))
        if root == "Execution":
            return self.execution.get(str(name), EXECUTION_ID)
        found: Any = self._described(str(name))
        for part in path:
            found = _member(found, part)
            if found is None:
                return _plausible(str(path[-1]))
        return found

    def _parameter(self, name: str) -> Any:
        if name not in self.parameters:
            raise BadConfig(
                f"The pipeline's parameter '{name}' has neither a value nor a default. Give --parameter {name}=value."
            )
        return self.parameters[name]


def _member(value: Any, part: str | int) -> Any:
    """A list of outputs is read by name too."""
    if isinstance(value, list) and isinstance(part, str):
        return next((item for item in value if part in {item.get("OutputName"), item.get("InputName")}), None)
    if isinstance(value, list) and isinstance(part, int):
        return value[part] if part < len(value) else None
    return value.get(part) if isinstance(value, dict) else None


def _plausible(path: str) -> str:
    return "value-of-" + re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")
