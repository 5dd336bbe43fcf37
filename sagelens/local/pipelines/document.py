"""execution.json: what AWS's API has no field for, for any client to read. Its form is fixed in docs/architecture.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.local.objects.listing import TEMPORARY
from sagelens.local.pipelines.graph import Graph
from sagelens.local.pipelines.parameters import to_text
from sagelens.local.pipelines.record import StepRecord
from sagelens.local.pipelines.scheduler import State
from sagelens.local.ports import Document

__all__ = ["ExecutionState", "build_document", "failure_reason", "first_failure", "write_document"]

_LONGEST_REASON = 1300


@dataclass(frozen=True, kw_only=True)
class ExecutionState:
    """What is known of an execution beside its steps."""

    pipeline: str
    id: str
    arn: str
    status: str
    started: float
    finished: float | None = None
    parameters: Mapping[str, Any]
    failure_reason: str | None = None


def build_document(state: ExecutionState, records: Iterable[StepRecord], graph: Graph) -> Document:
    steps = list(records)
    failed = first_failure(steps)
    return {
        "version": 1,
        "pipeline": state.pipeline,
        "execution_id": state.id,
        "execution_arn": state.arn,
        "target": "local",
        "status": state.status,
        "started": state.started,
        "finished": state.finished,
        "parameters": {name: to_text(value) for name, value in state.parameters.items()},
        "failure_reason": state.failure_reason,
        "steps": [_step(record, graph) for record in steps],
        "tracking": None,  # whoever tracks the execution adds this once it has ended
        "error": failed and {"kind": failed.failure_kind, "step": failed.name, "message": failed.failure_message},
    }


def _step(record: StepRecord, graph: Graph) -> Document:
    return {
        "name": record.name,
        "type": record.type,
        "phase": record.phase,
        "status": str(record.status),
        "started": record.started,
        "finished": record.finished,
        "seconds": None if record.finished is None else round(record.finished - record.started, 6),
        "cache": record.cache,
        "cache_miss_reason": record.cache_miss_reason,
        "cache_source": record.cache_source,
        "attempts": record.attempts,
        "job_arn": record.job_arn,
        "outputs": dict(record.outputs),
        "evidence": record.evidence,
        "depends_on": list(graph[record.name].waits_for) if record.name in graph else [],
        "log_group": record.log_group,
        "log_stream": record.log_stream,
        "failure": {"kind": record.failure_kind, "message": record.failure_message} if record.failure_kind else None,
        "outcome": record.outcome,
    }


def first_failure(records: Iterable[StepRecord]) -> StepRecord | None:
    """The step that failed first."""
    failed = [record for record in records if record.status is State.FAILED]
    return min(failed, key=lambda record: record.finished or record.started, default=None)


def failure_reason(records: Iterable[StepRecord]) -> str:
    """AWS's sentence, and what people need to know."""
    failed = first_failure(records)
    reason = "Step failure: One or multiple steps failed."
    if failed:
        reason += f" Step '{failed.name}': {failed.failure_message or failed.failure_reason}"
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"


def write_document(document: Document, path: Path) -> None:
    """Put the file in place in one go; a reader sees the old document or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{TEMPORARY}{path.name}")
    half.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    half.replace(path)
