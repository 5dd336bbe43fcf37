"""Executions on their way: started, stopped, tried again, and put in order after the service has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sagelens.local.pipelines.archive import KIND, Archive, selected_steps
from sagelens.local.pipelines.arns import Arns
from sagelens.local.pipelines.catalogue import Catalogue, compiled
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.jobs import random_word
from sagelens.local.pipelines.journal import Journal
from sagelens.local.pipelines.parameters import bind
from sagelens.local.pipelines.plan import Plan, choose_bucket
from sagelens.local.pipelines.record import StepRecord
from sagelens.local.pipelines.resolve import resolve
from sagelens.local.pipelines.run import Run
from sagelens.local.pipelines.scheduler import State
from sagelens.local.pipelines.selection import borrowed, check_selection, check_source, with_fail_steps
from sagelens.local.pipelines.step_run import Services
from sagelens.local.ports import ApiError, Document, Request, Resource
from sagelens.local.store import Store

__all__ = ["Executions"]

_log = logging.getLogger(__name__)

_ENDED = "The service ended while this {what} ran. Run the pipeline again, or call RetryPipelineExecution."


class Executions:
    """Starts a task for each execution; the tasks share nothing but the store and the cache."""

    def __init__(
        self,
        store: Store,
        services: Services,
        *,
        arns: Arns,
        catalogue: Catalogue,
        archive: Archive,
        on_change: Callable[[Document], None] | None,
    ) -> None:
        self._store = store
        self._services = services
        self._clock = services.clock
        self._arns = arns
        self._catalogue = catalogue
        self._archive = archive
        self._on_change = on_change
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, request: Request) -> Document:
        _refuse_versions(request)
        pipeline = self._catalogue.get(request["PipelineName"])
        token = request.get("ClientRequestToken")
        earlier = self._archive.find_token(pipeline.name, token) if token else None
        if earlier:
            return {"PipelineExecutionArn": earlier}
        text = pipeline.body["PipelineDefinition"]
        execution = self._execution(pipeline, request)
        taken = self._borrow(execution, text)
        with self._store.transaction():
            self._archive.insert(execution, text, token)
            self._store.update(pipeline.arn, modified=pipeline.modified, body={"LastExecutionTime": execution.created})
            journal = self._journal(execution, ())
            for record in taken:
                journal.save(record)
        self._drive(Run(self._archive.plan(execution), journal, self._services))
        return {"PipelineExecutionArn": execution.arn}

    def _execution(self, pipeline: Resource, request: Request) -> Resource:
        definition, graph = compiled(pipeline.body["PipelineDefinition"])
        execution_id, now = random_word(12), self._clock.time()
        values = bind(definition.parameters, request.get("PipelineParameters", ()))
        arn = self._arns.execution(pipeline.name, execution_id)
        plan = Plan(
            id=execution_id,
            arn=arn,
            pipeline=pipeline.name,
            pipeline_arn=pipeline.arn,
            started=now,
            definition=definition,
            graph=graph,
            parameters=values,
            limit=None,
            bucket="",
        )
        scope = plan.scope({}, self._services.read, now=now)
        tags = {tag["Key"]: tag["Value"] for tag in pipeline.body.get("Tags", ())}
        body: Document = {
            "PipelineArn": pipeline.arn,
            "PipelineExperimentConfig": resolve(definition.experiment, scope),
            "ParallelismConfiguration": request.get("ParallelismConfiguration") or pipeline.body.get("ParallelismConfiguration"),
            "Values": values,
            "Bucket": choose_bucket(definition, scope, tags),
        }
        copied = ("PipelineExecutionDisplayName", "PipelineExecutionDescription", "SelectiveExecutionConfig", "RoleArn")
        body |= {field: request[field] for field in copied if field in request}
        return Resource(
            kind=KIND, arn=arn, name=execution_id, parent=pipeline.name, status="Executing", created=now, modified=now, body=body
        )

    def _borrow(self, execution: Resource, definition: str) -> list[StepRecord]:
        """The records that selective execution takes over from its source."""
        selected = selected_steps(execution.body)
        if not selected:
            return []
        parsed, graph = compiled(definition)
        check_selection(graph, selected)
        selected = with_fail_steps(selected, parsed)
        needed = borrowed(graph, selected)
        source_arn = execution.body["SelectiveExecutionConfig"].get("SourcePipelineExecutionArn")
        if source_arn is None:
            if not needed:
                return []
            raise Invalid(
                f"The selected steps need '{needed[0]}', which is not selected. Select it, or give SourcePipelineExecutionArn."
            )
        source = self._archive.get(source_arn)
        if source.parent != execution.parent or source.status not in {"Succeeded", "Failed", "Stopped"}:
            raise Invalid(
                f"{source_arn} cannot be the source: it is of pipeline '{source.parent}' and {source.status}. "
                f"It has to be of '{execution.parent}' and Succeeded, Failed or Stopped."
            )
        records = {record.name: record for record in self._archive.records(source)}
        states = {name: record.status for name, record in records.items()}
        outcomes = {name: record.outcome for name, record in records.items() if record.outcome is not None}
        check_source(graph, selected, source_arn, states, outcomes)
        return [_taken_over(records[name], source_arn, execution.created) for name in needed]

    def _journal(self, execution: Resource, records: Sequence[StepRecord]) -> Journal:
        return Journal(
            self._archive.plan(execution),
            self._archive.state(execution),
            records,
            store=self._store,
            objects=self._services.objects,
            on_change=self._on_change,
        )

    def _drive(self, run: Run) -> None:
        arn = run.plan.arn
        self._runs[arn] = run
        self._tasks[arn] = asyncio.create_task(self._guarded(run), name=f"execution {arn}")

    async def _guarded(self, run: Run) -> None:
        arn = run.plan.arn
        try:
            try:
                await run.drive()
            finally:
                run.journal.settle()
        except Exception:  # noqa: BLE001  one execution must not take the service down
            _log.exception("The service failed while it ran %s.", arn)
            self._put_in_order(self._archive.get(arn))
        finally:
            del self._runs[arn], self._tasks[arn]

    async def wait(self, arn: str) -> Document:
        """What DescribePipelineExecution says once the execution has ended."""
        task = self._tasks.get(arn)
        if task is not None:
            await asyncio.wait([task])
        return await self._archive.describe({"PipelineExecutionArn": arn})

    async def stop(self, request: Request) -> Document:
        execution = self._archive.get(request["PipelineExecutionArn"])
        run = self._runs.get(execution.arn)
        if execution.status == "Executing" and run is not None:
            await run.stop()
        elif execution.status != "Stopping":
            raise ApiError(
                "ConflictException", f"{execution.arn} is {execution.status}; only one that is Executing can be stopped."
            )
        return {"PipelineExecutionArn": execution.arn}

    async def retry(self, request: Request) -> Document:
        execution = self._archive.get(request["PipelineExecutionArn"])
        if execution.status not in {"Failed", "Stopped"}:
            raise ApiError(
                "ConflictException", f"{execution.arn} is {execution.status}; only one that is Failed or Stopped is retried."
            )
        records = self._archive.records(execution)
        if any(record.type == "Fail" for record in records):
            raise ApiError(
                "ConflictException", f"{execution.arn} was ended by a Fail step and cannot be retried. Start a new one."
            )
        changes: Document = {"FailureReason": None, "Finished": None}
        if "ParallelismConfiguration" in request:
            changes["ParallelismConfiguration"] = request["ParallelismConfiguration"]
        with self._store.transaction():
            now = self._clock.time()
            execution = self._store.update(execution.arn, modified=now, status="Executing", body=changes)
            journal = self._journal(execution, records)
            for record in records:
                if record.status is not State.SUCCEEDED:
                    journal.forget(record.name)
        self._drive(Run(self._archive.plan(execution), journal, self._services))
        return {"PipelineExecutionArn": execution.arn}

    async def recover(self) -> None:
        """Put in order what an earlier service has left unfinished."""
        for execution in self._archive.unfinished():
            if execution.arn not in self._runs:
                self._put_in_order(execution)

    async def close(self) -> None:
        """End the executions under way, as a service that ends would leave them, but in order."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.recover()

    def _put_in_order(self, execution: Resource) -> None:
        now, stopping = self._clock.time(), execution.status == "Stopping"
        journal = self._journal(execution, self._archive.records(execution))
        for record in list(journal.records.values()):
            if record.running:
                journal.save(_ended_with_service(record, now, stopping=stopping))
        if stopping:
            journal.change(now, status="Stopped", finished=now)
        else:
            journal.change(now, status="Failed", finished=now, failure_reason=_ENDED.format(what="execution"))


def _refuse_versions(request: Request) -> None:
    if "PipelineVersionId" in request or "PipelineVersionAlias" in request:
        raise Invalid("The local SageMaker keeps no versions of pipelines. Leave out PipelineVersionId and PipelineVersionAlias.")


def _taken_over(record: StepRecord, source: str, now: float) -> StepRecord:
    return replace(
        record,
        started=now,
        finished=now,
        cache="off",
        cache_miss_reason=None,
        cache_source=None,
        selected_from=record.selected_from or source,
    )


def _ended_with_service(record: StepRecord, now: float, *, stopping: bool) -> StepRecord:
    if stopping:
        return replace(record, status=State.STOPPED, finished=now)
    message = _ENDED.format(what="step")
    return replace(
        record,
        status=State.FAILED,
        finished=now,
        failure_reason=f"InternalServerError: {message}",
        failure_kind="step-failed",
        failure_message=message,
    )
