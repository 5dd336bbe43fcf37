"""A step of a pipeline, as a value."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from sagelens.errors import BadConfig
from sagelens.values import Client, Phase, Source

__all__ = ["Job", "Parameter", "Step"]

_MOST_METRICS = 40  # of CreateTrainingJob, as are the lengths below
_LONGEST_NAME, _LONGEST_REGEX = 255, 500


class Job(StrEnum):
    """What kind of SageMaker job runs a step. A training step gives exactly one folder, the model."""

    PROCESSING = "processing"
    TRAINING = "training"


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline, given when an execution starts."""

    name: str
    default: str | None = None


@dataclass(frozen=True)
class Step:
    """One plain function as a job.

    Positional parameters of the function are artifacts, matched by name to what earlier steps give (`takes` names them where they
    differ). Keyword-only parameters come from `params` (plain data, part of the cache key), from a pipeline `Parameter`, or
    are clients (sagelens.values.client) that the job hands in. A parameter named `sources` gets the declared sources; an artifact
    given under the name of a source lands below `raw/`, addressed by the source's content. `after` names steps that have to
    succeed first although nothing is taken from them. `metrics` are SageMaker's metric definitions of a training job: by name, a
    regular expression whose first group is the number in a line of the job's log.
    """

    function: Callable[..., Any]
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    phase: Phase | None = None
    job: Job = Job.PROCESSING
    cache: bool = True
    sources: Mapping[str, Source] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.function.__name__.replace("_", "-"))
        if self.takes is None:
            object.__setattr__(self, "takes", self._positional())
        if self.phase is None:
            object.__setattr__(self, "phase", self._phase())
        self._check_params()
        self._check_metrics()

    @property
    def services(self) -> tuple[str, ...]:
        """The AWS services whose clients the job hands in, by boto3's names."""
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except NameError as error:
            raise BadConfig(
                f"The annotations of step '{self.name}' cannot be resolved: {error}. Import what they name at run time, not "
                "under TYPE_CHECKING."
            ) from error
        marks = (mark for hint in hints.values() if get_origin(hint) is Annotated for mark in get_args(hint)[1:])
        return tuple(mark.service for mark in marks if isinstance(mark, Client))

    def _positional(self) -> tuple[str, ...]:
        parameters = inspect.signature(self.function).parameters.values()
        return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "sources")

    def _phase(self) -> Phase:
        module = self.function.__module__.rpartition(".")[2]
        for phase in Phase:
            if module in {phase.value, phase.name.lower(), phase.value.partition("-")[2]}:
                return phase
        raise BadConfig(
            f"Step '{self.name}' is in module '{module}', which is not named after a phase. Pass phase=, one of: "
            f"{', '.join(p.value for p in Phase)}."
        )

    def _check_metrics(self) -> None:
        if self.metrics and self.job is not Job.TRAINING:
            raise BadConfig(f"Step '{self.name}' has metrics, but only training jobs have metric definitions. Pass job=.")
        if len(self.metrics) > _MOST_METRICS:
            raise BadConfig(f"Step '{self.name}' has {len(self.metrics)} metrics; SageMaker takes {_MOST_METRICS} of a job.")
        for name, regex in self.metrics.items():
            if wrong := _wrong(name, regex):
                raise BadConfig(f"Step '{self.name}' has the metric '{name}' with the expression '{regex}': {wrong}.")

    def _check_params(self) -> None:
        allowed = {p.name for p in inspect.signature(self.function).parameters.values() if p.kind is p.KEYWORD_ONLY}
        unknown = sorted(set(self.params) - allowed)
        if unknown:
            raise BadConfig(
                f"Step '{self.name}' has no keyword-only parameter {', '.join(unknown)}. "
                f"{self.function.__qualname__} takes: {', '.join(sorted(allowed)) or 'none'}."
            )


def _wrong(name: str, regex: str) -> str:
    """What SageMaker would not take of a metric; empty for nothing."""
    if not 1 <= len(name) <= _LONGEST_NAME or not 1 <= len(regex) <= _LONGEST_REGEX:
        return f"names have 1 to {_LONGEST_NAME} characters, expressions 1 to {_LONGEST_REGEX}"
    try:
        groups = re.compile(regex).groups
    except re.error as error:
        return f"it is no regular expression ({error})"
    return "" if groups else "it has no group for the number. Put it into parentheses"
