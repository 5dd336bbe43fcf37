"""One step, from its inputs to its outputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sagelens.errors import BadInput
from sagelens.job.artifacts import read_artifact, record_of, write_artifact
from sagelens.job.function import StepFunction, load_function
from sagelens.job.kinds import kind_of, result_annotations
from sagelens.job.layout import Layout
from sagelens.job.parameters import Parameters, bind
from sagelens.job.request import StepRequest
from sagelens.values import ArtifactRecord
from sagelens.wiring import Clients

__all__ = ["Prepared", "Trace", "code_digest", "prepare", "write_results"]


@dataclass
class Trace:
    """What is known of a job so far, so that a failing one can tell it too."""

    inputs: list[ArtifactRecord] = field(default_factory=list)
    outputs: list[ArtifactRecord] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    results: list[Any] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """A function with everything that it is called with."""

    function: StepFunction
    artifacts: tuple[Any, ...]
    keywords: dict[str, Any]

    def call(self, through: Callable[..., Any] | None = None) -> Any:
        """Call the function, or let `through` (pdb.runcall, say) do it."""
        if through:
            return through(self.function.call, *self.artifacts, **self.keywords)
        return self.function.call(*self.artifacts, **self.keywords)


def prepare(request: StepRequest, layout: Layout, clients: Clients, trace: Trace) -> Prepared:
    """Find the function, read what it takes and validate its parameters."""
    _put_on_path(layout)
    function = load_function(request.function)
    parameters: Parameters = bind(function, request, layout, clients)
    trace.parameters |= parameters.recorded
    artifacts = tuple(
        _taken(name, annotation, layout, trace)
        for name, annotation in zip(request.takes, function.artifacts(request.takes), strict=True)
    )
    return Prepared(function, artifacts, parameters.values)


def write_results(prepared: Prepared, result: Any, request: StepRequest, layout: Layout, trace: Trace) -> None:
    """Write one artifact for each name in `gives`."""
    function, gives = request.function, request.gives
    annotations = result_annotations(function, prepared.function.hints.get("return"), gives)
    values = result if len(gives) > 1 else (result,) * len(gives)
    if not isinstance(values, tuple) or len(values) != len(gives):
        returned = f"{len(values)} values" if isinstance(values, tuple) else f"a {type(values).__name__}"
        raise BadInput(f"{function} returned {returned}; the pipeline expects a tuple of {len(gives)}: {', '.join(gives)}.")
    uris = layout.output_uris()
    for index, (name, annotation, value) in enumerate(zip(gives, annotations, values, strict=True)):
        folder = layout.given(name, first=index == 0)
        kind = write_artifact(name, annotation, value, folder, keep=layout.inputs)
        trace.outputs.append(record_of(name, kind, folder, uris.get(name, "")))
        trace.results.append(value)


def code_digest(layout: Layout) -> str:
    """The digest of the code that came with the job; empty where it was not uploaded."""
    manifest = layout.code / "sagelens-code.json"
    return str(json.loads(manifest.read_bytes())["digest"]) if manifest.is_file() else ""


def _taken(name: str, annotation: Any, layout: Layout, trace: Trace) -> Any:
    folder = layout.taken(name)
    record = None
    if folder.is_dir() and any(folder.iterdir()):
        record = record_of(name, kind_of(annotation), folder, layout.uris().get(name, ""))
        trace.inputs.append(record)
    return read_artifact(annotation, folder, record)


def _put_on_path(layout: Layout) -> None:
    """A forked job did not read PYTHONPATH."""
    code = str(layout.code)
    if layout.code.is_dir() and code not in sys.path:
        sys.path.insert(0, code)
