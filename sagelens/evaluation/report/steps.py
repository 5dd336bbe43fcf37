"""Steps as the page shows them: in the graph, in the timeline, and one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sagelens.evaluation.report import wording
from sagelens.evaluation.report.graph import Layout, Size, lay_out
from sagelens.evaluation.report.material import Execution, Record
from sagelens.text.hint import command_line

__all__ = ["ExecutionView", "State", "StepView", "execution_view"]

_WIDTH = 1290.0
_STEP, _SMALL = (150.0, 56.0), (30.0, 30.0)
_ICONS = {"done": "✓", "reused": "↺", "failed": "✕", "stopped": "■", "running": "…", "waiting": "·"}


class State(StrEnum):
    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    STOPPED = "stopped"
    RUNNING = "running"
    WAITING = "waiting"


@dataclass(frozen=True, kw_only=True)
class ArtifactView:
    name: str
    kind: str
    digest: str
    rows: int | None
    bytes: int
    uri: str


@dataclass(frozen=True, kw_only=True)
class StepView:
    """`begin` and `share` place the bar of the timeline, in per cent. A small step is a gate's own Condition or Fail."""

    id: str
    name: str
    type: str
    phase: str
    state: State
    small: bool
    says: str
    seconds: float | None
    cache: str
    attempts: int
    begin: float
    share: float
    reason: str = ""
    failure: str = ""
    log: str = ""
    logs_command: str = ""
    function: str = ""
    code: str = ""
    memory: int = 0
    cpu: float = 0.0
    depends_on: tuple[str, ...] = ()
    inputs: tuple[ArtifactView, ...] = ()
    outputs: tuple[ArtifactView, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def icon(self) -> str:
        return _ICONS[self.state]


@dataclass(frozen=True, kw_only=True)
class ExecutionView:
    id: str
    arn: str
    pipeline: str
    name: str
    status: str
    started: float
    seconds: float | None
    hits: int
    jobs: int
    steps: tuple[StepView, ...]
    layout: Layout
    parameters: Mapping[str, str]
    tracking: str

    @property
    def timed(self) -> list[StepView]:
        """The steps that took time, in the order in which they began."""
        return sorted((s for s in self.steps if s.share and not s.small), key=lambda step: step.begin)

    def step(self, name: str) -> StepView:
        return next(step for step in self.steps if step.name == name)


def execution_view(execution: Execution, number: int, project: str) -> ExecutionView:
    """`number` keeps the ids of steps apart where there are several executions; `name` is the pipeline's in the project."""
    document = execution.document
    end = _end(document)
    steps = tuple(_step(execution, step, f"step-{number}-{place}", end) for place, step in enumerate(execution.steps))
    jobs = [step for step in steps if not step.small]
    return ExecutionView(
        id=execution.id,
        arn=str(document["execution_arn"]),
        pipeline=str(document["pipeline"]),
        name=str(document["pipeline"]).removeprefix(f"{project}-"),
        status=str(document["status"]),
        started=float(document["started"]),
        seconds=None if document.get("finished") is None else document["finished"] - document["started"],
        hits=sum(step.cache == "hit" for step in jobs),
        jobs=len(jobs),
        steps=steps,
        layout=lay_out({s.name: s.depends_on for s in steps}, {s.name: _size(s) for s in steps}, width=_WIDTH),
        parameters={name: str(value) for name, value in document.get("parameters", {}).items()},
        tracking=_tracking(document.get("tracking")),
    )


def _step(execution: Execution, step: Record, id_: str, end: float) -> StepView:
    evidence = execution.evidence.get(step["name"], {})
    started, finished = step.get("started"), step.get("finished")
    whole = max(end - execution.document["started"], 1e-9)
    small = step["type"] in {"Condition", "Fail"}
    return StepView(
        id=id_,
        name=str(step["name"]),
        type=str(step["type"]),
        phase=step.get("phase") or "",
        state=_state(step, evidence),
        small=small,
        says=_says(step, evidence),
        seconds=step.get("seconds"),
        cache=str(step.get("cache") or "off"),
        attempts=int(step.get("attempts") or 0),
        begin=0.0 if started is None else round(100 * (started - execution.document["started"]) / whole, 3),
        share=0.0 if started is None else max(round(100 * ((finished or end) - started) / whole, 3), 0.15),
        reason=step.get("cache_miss_reason") or _taken_from(step),
        failure=(step.get("failure") or {}).get("message", ""),
        log=" / ".join(part for part in (step.get("log_group"), step.get("log_stream")) if part),
        logs_command=_logs_command(execution, step) if step.get("log_group") else "",
        depends_on=tuple(step.get("depends_on") or ()),
        **_from_evidence(evidence),
    )


def _logs_command(execution: Execution, step: Record) -> str:
    place = ("--env", execution.environment) if execution.environment != "local" else ()
    return command_line("logs", execution.id, str(step["name"]), *place)


def _from_evidence(evidence: Record) -> dict[str, Any]:
    if not evidence:
        return {}
    return {
        "function": str(evidence["function"]),
        "code": str(evidence["code_digest"]),
        "memory": int(evidence.get("peak_memory") or 0),
        "cpu": float(evidence.get("cpu_seconds") or 0),
        "inputs": tuple(_artifacts(evidence["inputs"])),
        "outputs": tuple(_artifacts(evidence["outputs"])),
        "metrics": {name: value for name, value in evidence["metrics"].items() if "/" not in name},
        "parameters": {name: wording.value(value) for name, value in evidence["parameters"].items()},
        "warnings": tuple(evidence.get("warnings") or ()),
    }


def _artifacts(records: Iterable[Record]) -> Iterable[ArtifactView]:
    for record in records:
        yield ArtifactView(
            name=str(record["name"]),
            kind=str(record["kind"]),
            digest=str(record["digest"]),
            rows=record.get("rows"),
            bytes=int(record["bytes"]),
            uri=str(record.get("uri") or ""),
        )


def _state(step: Record, evidence: Record) -> State:
    """A gate whose verdict is no counts as failed, although its job succeeded; so does its condition."""
    refused = _refused(evidence) or step.get("outcome") is False
    match step["status"]:
        case "Failed":
            return State.FAILED
        case "Succeeded" if refused:
            return State.FAILED
        case "Succeeded":
            return State.REUSED if step.get("cache") == "hit" else State.DONE
        case "Stopped" | "Stopping":
            return State.STOPPED
        case "Executing":
            return State.RUNNING
        case _:
            return State.WAITING


def _refused(evidence: Record) -> bool:
    return any(not verdict["passed"] for verdict in evidence.get("verdicts", ()))


def _says(step: Record, evidence: Record) -> str:
    """The status in words; a gate and its condition say how they came out."""
    if step["status"] == "Succeeded" and _refused(evidence):
        return "not passed"
    if step.get("outcome") is not None:
        return "passed" if step["outcome"] else "not passed"
    return "reused from cache" if step.get("cache") == "hit" else str(step["status"]).lower()


def _taken_from(step: Record) -> str:
    source = step.get("cache_source")
    return f"taken from execution {str(source).rpartition('/')[2]}" if source and step.get("cache") == "hit" else ""


def _size(step: StepView) -> Size:
    return _SMALL if step.small else _STEP


def _end(document: Record) -> float:
    """When the execution ended, or the last that is known of one under way."""
    known = [document.get("finished"), document["started"]]
    known += [step.get(moment) for step in document["steps"] for moment in ("started", "finished")]
    return max(float(moment) for moment in known if moment is not None)


def _tracking(tracking: Record | None) -> str:
    return f"{tracking['run_id']} in experiment {tracking['experiment']}" if tracking else ""
