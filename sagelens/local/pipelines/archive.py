"""Executions as they are kept in the store, and how they are read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.local.pipelines.catalogue import compiled, not_found
from sagelens.local.pipelines.document import ExecutionState
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.parameters import to_text
from sagelens.local.pipelines.plan import Plan
from sagelens.local.pipelines.record import KIND as STEP_KIND
from sagelens.local.pipelines.record import StepRecord, to_answer
from sagelens.local.pipelines.selection import reduce_graph, with_fail_steps
from sagelens.local.ports import Document, Request, Resource
from sagelens.local.store import Store, page

__all__ = ["KIND", "Archive", "selected_steps"]

KIND = "PipelineExecution"

_DEFINITION = "PipelineExecutionDefinition"
_TOKEN = "PipelineExecutionToken"  # noqa: S105  a kind of resource
_FIELDS = (
    "PipelineExecutionDisplayName",
    "PipelineExecutionDescription",
    "PipelineExperimentConfig",
    "ParallelismConfiguration",
    "SelectiveExecutionConfig",
    "FailureReason",
    "RoleArn",
)


def selected_steps(body: Mapping[str, Any]) -> list[str]:
    """The steps named in a SelectiveExecutionConfig; none means all."""
    config = body.get("SelectiveExecutionConfig") or {}
    return [step["StepName"] for step in config.get("SelectedSteps", ())]


class Archive:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, arn: str) -> Resource:
        found = self._store.find(arn)
        if found is None or found.kind != KIND:
            raise not_found(f"Pipeline execution with ARN {arn}")
        return found

    def find_token(self, pipeline: str, token: str) -> str | None:
        """The execution that an earlier request with this token has started."""
        found = self._store.get(_TOKEN, token, pipeline)
        return None if found is None else str(found.body["arn"])

    def insert(self, execution: Resource, definition: str, token: str | None) -> None:
        self._store.insert(execution)
        self._beside(execution, _DEFINITION, "definition", execution.name, {"text": definition})
        if token:
            self._beside(execution, _TOKEN, "token", token, {"arn": execution.arn})

    def _beside(self, execution: Resource, kind: str, suffix: str, name: str, body: Document) -> None:
        self._store.insert(
            Resource(
                kind=kind,
                arn=f"{execution.arn}/{suffix}",
                name=name,
                parent=execution.parent,
                created=execution.created,
                modified=execution.created,
                body=body,
            )
        )

    def definition(self, execution: Resource) -> str:
        found = self._store.find(f"{execution.arn}/definition")
        if found is None:
            raise not_found(f"The definition of pipeline execution {execution.arn}")
        return str(found.body["text"])

    def records(self, execution: Resource) -> list[StepRecord]:
        """The steps that have started, in that order."""
        return [StepRecord.of(step) for step in self._store.query(STEP_KIND, parent=execution.arn, descending=False)]

    def plan(self, execution: Resource) -> Plan:
        definition, graph = compiled(self.definition(execution))
        selected = selected_steps(execution.body)
        limit = (execution.body.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
        return Plan(
            id=execution.name,
            arn=execution.arn,
            pipeline=execution.parent,
            pipeline_arn=execution.body["PipelineArn"],
            started=execution.created,
            definition=definition,
            graph=reduce_graph(graph, with_fail_steps(selected, definition)) if selected else graph,
            parameters=execution.body["Values"],
            limit=limit,
            bucket=execution.body["Bucket"],
        )

    def state(self, execution: Resource) -> ExecutionState:
        return ExecutionState(
            pipeline=execution.parent,
            id=execution.name,
            arn=execution.arn,
            status=execution.status,
            started=execution.created,
            finished=execution.body.get("Finished"),
            parameters=execution.body["Values"],
            failure_reason=execution.body.get("FailureReason"),
        )

    async def describe(self, request: Request) -> Document:
        execution = self.get(request["PipelineExecutionArn"])
        answer: Document = {
            "PipelineArn": execution.body["PipelineArn"],
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionStatus": execution.status,
            "CreationTime": execution.created,
            "LastModifiedTime": execution.modified,
        }
        return answer | {field: execution.body[field] for field in _FIELDS if execution.body.get(field) is not None}

    async def describe_definition(self, request: Request) -> Document:
        execution = self.get(request["PipelineExecutionArn"])
        return {"PipelineDefinition": self.definition(execution), "CreationTime": execution.created}

    async def list_steps(self, request: Request) -> Document:
        if "PipelineExecutionArn" not in request:  # the service model calls it optional, and AWS refuses its absence
            raise Invalid("PipelineExecutionArn is missing. Give the ARN of an execution of a pipeline.")
        execution = self.get(request["PipelineExecutionArn"])
        records = self.records(execution)
        if request.get("SortOrder", "Descending") == "Descending":
            records.reverse()
        shown, more = page(records, request)
        return {"PipelineExecutionSteps": [to_answer(record) for record in shown], **more}

    async def list_parameters(self, request: Request) -> Document:
        execution = self.get(request["PipelineExecutionArn"])
        shown, more = page(list(execution.body["Values"].items()), request)
        return {"PipelineParameters": [{"Name": name, "Value": to_text(value)} for name, value in shown], **more}

    def list_of(self, pipeline: str, request: Request) -> Document:
        descending = request.get("SortOrder", "Descending") == "Descending"
        found = self._store.query(
            KIND,
            parent=pipeline,
            created_after=request.get("CreatedAfter"),
            created_before=request.get("CreatedBefore"),
            order_by="name" if request.get("SortBy") == "PipelineExecutionArn" else "created",
            descending=descending,
        )
        shown, more = page(found, request)
        return {"PipelineExecutionSummaries": [_summary(execution) for execution in shown], **more}

    def unfinished(self, pipeline: str | None = None) -> list[Resource]:
        return [
            execution
            for status in ("Executing", "Stopping")
            for execution in self._store.query(KIND, parent=pipeline, status=status, descending=False)
        ]


def _summary(execution: Resource) -> Document:
    answer: Document = {
        "PipelineExecutionArn": execution.arn,
        "StartTime": execution.created,
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDescription": execution.body.get("PipelineExecutionDescription"),
        "PipelineExecutionDisplayName": execution.body.get("PipelineExecutionDisplayName"),
        "PipelineExecutionFailureReason": execution.body.get("FailureReason"),
    }
    return {key: value for key, value in answer.items() if value is not None}
