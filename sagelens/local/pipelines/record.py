"""What is known of one step of one execution, as it is kept in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelens.local.pipelines.scheduler import RUNNING, State
from sagelens.local.ports import Document, Resource

__all__ = ["KIND", "StepRecord", "to_answer"]

KIND = "PipelineExecutionStep"


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """`properties` is what references to the step read: its job's Describe answer, or a condition's outcome.

    `cache_source` is the execution that a cache hit comes from, `selected_from` the one that a step is taken over from.
    """

    name: str
    type: str
    status: State
    started: float
    finished: float | None = None
    attempts: int = 0
    job_name: str | None = None
    job_arn: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    cache: str = "off"
    cache_miss_reason: str | None = None
    cache_source: str | None = None
    selected_from: str | None = None
    failure_reason: str | None = None
    failure_kind: str | None = None
    failure_message: str | None = None
    outcome: bool | None = None
    phase: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    evidence: str | None = None
    log_group: str | None = None
    log_stream: str | None = None
    display_name: str | None = None
    description: str | None = None

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    def to_body(self) -> Document:
        return {key: value for key, value in vars(self).items() if key not in {"name", "status"} and value is not None}

    @classmethod
    def of(cls, resource: Resource) -> StepRecord:
        return cls(name=resource.name, status=State(resource.status), **resource.body)


_BY_TYPE = {
    "Processing": "ProcessingJob",
    "Training": "TrainingJob",
    "Transform": "TransformJob",
    "Model": "Model",
    "RegisterModel": "RegisterModel",
}


def to_answer(record: StepRecord) -> Document:
    """The step as ListPipelineExecutionSteps shows it."""
    answer: Document = {
        "StepName": record.name,
        "StepDisplayName": record.display_name,
        "StepDescription": record.description,
        "StartTime": record.started,
        "EndTime": record.finished,
        "StepStatus": str(record.status),
        "AttemptCount": record.attempts,
        "FailureReason": record.failure_reason and record.failure_reason[:1024],
        "Metadata": _metadata(record),
        "CacheHitResult": record.cache_source and {"SourcePipelineExecutionArn": record.cache_source},
        "SelectiveExecutionResult": record.selected_from and {"SourcePipelineExecutionArn": record.selected_from},
    }
    return {key: value for key, value in answer.items() if value is not None}


def _metadata(record: StepRecord) -> Document | None:
    if record.type == "Condition":
        return None if record.outcome is None else {"Condition": {"Outcome": str(record.outcome)}}
    if record.type == "Fail":
        return {"Fail": {"ErrorMessage": (record.failure_reason or "")[:3072]}}
    return {_BY_TYPE[record.type]: {"Arn": record.job_arn}} if record.job_arn else None
