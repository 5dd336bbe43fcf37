"""What a report is made from: documents, evidence and artifacts of one execution, and of those that followed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Deployment", "Execution", "Material", "Record"]

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """`evidence` is by step, `values` are the JSON artifacts by name, `figures` the SVG texts by artifact and by title."""

    document: Record
    evidence: Mapping[str, Record] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    environment: str = "local"
    figures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.document["execution_id"])

    @property
    def steps(self) -> list[Record]:
        return list(self.document["steps"])

    def evidence_in_order(self) -> Iterator[tuple[str, Record]]:
        """Each step that left evidence, in the document's order."""
        for step in self.steps:
            if step["name"] in self.evidence:
                yield step["name"], self.evidence[step["name"]]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`journal` is a record of the endpoint's journal; `observed` is what CloudWatch told of it.

    `observed` holds `clock` (its label), `period` in seconds, `fleets` (`old` and `new`: series of (time, value) by
    `Invocations`, `Invocation4XXErrors`, `Invocation5XXErrors`, `ModelLatency p50` and `ModelLatency p99`, in CloudWatch's
    units), and `alarms` by name: what each `watches`, and its `changes` (time, state, reason). Times are seconds since the epoch.
    """

    journal: Record
    observed: Record = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Material:
    """The execution asked for comes first. A rollback has none: its page is that of its deployment alone."""

    project: str
    executions: tuple[Execution, ...]
    deployments: tuple[Deployment, ...] = ()

    def find(self, *keys: str) -> Record | None:
        """The JSON artifact with these fields. Artifacts are known by their shape, since a project names them."""
        for execution in self.executions:
            for value in execution.values.values():
                if isinstance(value, Mapping) and all(key in value for key in keys):
                    return value
        return None

    def figures_of(self, *phases: str) -> dict[str, str]:
        """The figures that steps of these phases drew, by title."""
        return {
            title: svg
            for execution in self.executions
            for _, evidence in execution.evidence_in_order()
            if evidence["phase"] in phases
            for output in evidence["outputs"]
            for title, svg in execution.figures.get(output["name"], {}).items()
        }

    def evidence(self) -> Iterator[tuple[Execution, str, Record]]:
        for execution in self.executions:
            for step, evidence in execution.evidence_in_order():
                yield execution, step, evidence

    def metrics(self) -> dict[str, float]:
        """The figures of evaluation, those of slices apart."""
        return {
            name: value
            for _, _, evidence in self.evidence()
            if evidence["phase"] == "evaluation"
            for name, value in evidence["metrics"].items()
            if "/" not in name
        }
