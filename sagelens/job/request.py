"""What a job is asked to do: step.json."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelens.errors import BadInput
from sagelens.job.adapters import adapter_of
from sagelens.job.layout import Layout
from sagelens.values import LocalSource, Phase, Source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StepRequest", "read_request"]

VERSION = 1


@dataclass(frozen=True)
class DeclaredSource:
    """`version` is the variable that holds the digest, where that is found only when a run starts."""

    source: Source
    digest: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class StepRequest:
    """One step, as the pipeline's compiler wrote it."""

    version: int
    pipeline: str
    step: str
    phase: Phase
    function: str
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    sources: dict[str, DeclaredSource] = field(default_factory=dict)

    def local_sources(self, layout: Layout) -> dict[str, LocalSource]:
        """The sources in the order in which the step gives their tables."""
        ordered = dict.fromkeys([name for name in self.gives if name in self.sources] + list(self.sources))
        return {name: self._local(name, layout) for name in ordered}

    def _local(self, name: str, layout: Layout) -> LocalSource:
        declared = self.sources[name]
        digest = _given(name, declared.version) if declared.version else declared.digest
        return LocalSource(name=name, source=declared.source, path=layout.source(name), digest=digest)


def _given(source: str, variable: str) -> str:
    if not os.environ.get(variable):
        raise BadInput(f"The job's environment lacks {variable}, the version of source '{source}'. Compile the pipeline again.")
    return os.environ[variable]


def read_request(path: Path) -> StepRequest:
    from pydantic import ValidationError

    if not path.is_file():
        raise BadInput(f"No step.json at {path}. The job's input 'config' must be the folder that the pipeline's compiler wrote.")
    try:
        request: StepRequest = adapter_of(StepRequest).validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{path} is not a step: {error}") from error
    if request.version != VERSION:
        raise BadInput(
            f"{path} has version {request.version}; this sagelens reads version {VERSION}. Compile the pipeline again."
        )
    return request
