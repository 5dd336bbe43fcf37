"""What an execution is going to do: fixed when it starts, the same when it is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.local.pipelines.definition import Definition
from sagelens.local.pipelines.graph import Graph
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.outputs import bucket_of, declared_outputs
from sagelens.local.pipelines.resolve import Scope, resolve

__all__ = ["Plan", "choose_bucket", "iso"]

_FOREIGN_BUCKET = "sagelens"
_BUCKET_TAG = "sagelens:bucket"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`graph` holds the steps that run, which are not all of the definition's under selective execution."""

    id: str
    arn: str
    pipeline: str
    pipeline_arn: str
    started: float
    definition: Definition
    graph: Graph
    parameters: Mapping[str, Any]
    limit: int | None
    bucket: str

    @property
    def document_uri(self) -> str:
        return f"s3://{self.bucket}/{self.pipeline}/{self.id}/execution.json"

    def scope(
        self, properties: Mapping[str, Mapping[str, Any]], read: Callable[[str], bytes], *, now: float, job_name: str = ""
    ) -> Scope:
        """What references of one step may name at this moment."""
        execution = {
            "StartDateTime": iso(self.started),
            "CurrentDateTime": iso(now),
            "PipelineName": self.pipeline,
            "PipelineArn": self.pipeline_arn,
            "PipelineExecutionId": self.id,
            "PipelineExecutionArn": self.arn,
            "TrainingJobName": job_name,
            "ProcessingJobName": job_name,
        }
        return Scope(
            parameters=self.parameters, execution=execution, properties=properties, steps=self.definition.steps, read=read
        )


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def choose_bucket(definition: Definition, scope: Scope, tags: Mapping[str, str]) -> str:
    """Where execution.json goes: the tag `sagelens:bucket`, or the bucket of the first output that the definition names."""
    if _BUCKET_TAG in tags:
        return tags[_BUCKET_TAG]
    for step in definition.steps.values():
        for expression in declared_outputs(step.arguments):
            try:
                bucket = bucket_of(resolve(expression, scope))
            except Invalid:
                continue  # it depends on a step
            if bucket:
                return bucket
    return _FOREIGN_BUCKET
