"""SageMaker Pipelines, local: the operations of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sagelens.local.pipelines.archive import Archive
from sagelens.local.pipelines.arns import Arns
from sagelens.local.pipelines.cache import StepCache
from sagelens.local.pipelines.catalogue import Catalogue
from sagelens.local.pipelines.contents import Contents
from sagelens.local.pipelines.executions import Executions
from sagelens.local.pipelines.step_run import Services
from sagelens.local.ports import ApiError, Call, Clock, Document, Handler, Objects, Request
from sagelens.local.store import Store

__all__ = ["Pipelines"]


class Pipelines:
    """Interprets pipeline definitions. `call` performs an operation as a client would; `wait` gives a job's Describe answer
    when the job has ended; `on_change` gets the execution's document after each writing."""

    def __init__(  # noqa: PLR0913, PLR0917  all that the room needs of the service
        self,
        store: Store,
        objects: Objects,
        call: Call,
        wait: Callable[[str], Awaitable[Document]],
        clock: Clock,
        account: str,
        region: str,
        on_change: Callable[[Document], None] | None = None,
    ) -> None:
        arns = Arns(account, region)
        cache = StepCache(store, Contents(objects), call, lambda uri: objects.path(uri).read_bytes())
        self._catalogue = Catalogue(store, objects, clock, arns)
        self._archive = Archive(store)
        self._executions = Executions(
            store,
            Services(call=call, wait=wait, clock=clock, cache=cache, objects=objects),
            arns=arns,
            catalogue=self._catalogue,
            archive=self._archive,
            on_change=on_change,
        )

    def handlers(self) -> dict[str, Handler]:
        return {
            "sagemaker.CreatePipeline": self._catalogue.create,
            "sagemaker.UpdatePipeline": self._catalogue.update,
            "sagemaker.DescribePipeline": self._catalogue.describe,
            "sagemaker.ListPipelines": self._catalogue.list,
            "sagemaker.DeletePipeline": self._delete,
            "sagemaker.StartPipelineExecution": self._executions.start,
            "sagemaker.StopPipelineExecution": self._executions.stop,
            "sagemaker.RetryPipelineExecution": self._executions.retry,
            "sagemaker.DescribePipelineExecution": self._archive.describe,
            "sagemaker.DescribePipelineDefinitionForExecution": self._archive.describe_definition,
            "sagemaker.ListPipelineExecutions": self._list_executions,
            "sagemaker.ListPipelineExecutionSteps": self._archive.list_steps,
            "sagemaker.ListPipelineParametersForExecution": self._archive.list_parameters,
        }

    async def wait(self, execution_arn: str) -> Document:
        """What DescribePipelineExecution says once the execution has ended."""
        return await self._executions.wait(execution_arn)

    async def recover(self) -> None:
        """Fail the executions that an earlier service has left unfinished, and say so in their documents."""
        await self._executions.recover()

    async def close(self) -> None:
        """End the executions under way."""
        await self._executions.close()

    async def _delete(self, request: Request) -> Document:
        pipeline = self._catalogue.get(request["PipelineName"])
        running = self._archive.unfinished(pipeline.name)
        if running:
            raise ApiError(
                "ConflictException", f"Pipeline '{pipeline.name}' has an execution under way ({running[0].arn}). Stop it first."
            )
        self._catalogue.forget(pipeline)
        return {"PipelineArn": pipeline.arn}

    async def _list_executions(self, request: Request) -> Document:
        pipeline = self._catalogue.get(request["PipelineName"])
        return self._archive.list_of(pipeline.name, request)
