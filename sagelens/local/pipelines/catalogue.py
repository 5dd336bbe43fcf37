"""The pipelines themselves: created, updated, described, listed, deleted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sagelens.local.pipelines.arns import Arns
from sagelens.local.pipelines.definition import Definition, parse_definition
from sagelens.local.pipelines.graph import Graph, build_graph
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.ports import ApiError, Clock, Document, Objects, Request, Resource
from sagelens.local.store import Store, page

__all__ = ["KIND", "Catalogue", "compiled", "not_found"]

KIND = "Pipeline"

_FIELDS = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")


@lru_cache(maxsize=32)
def compiled(text: str) -> tuple[Definition, Graph]:
    """A definition, parsed and checked."""
    definition = parse_definition(text)
    return definition, build_graph(definition)


def not_found(what: str) -> ApiError:
    return ApiError("ResourceNotFound", f"{what} does not exist.")


class Catalogue:
    def __init__(self, store: Store, objects: Objects, clock: Clock, arns: Arns) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock
        self._arns = arns

    def get(self, name_or_arn: str) -> Resource:
        name = self._arns.pipeline_name(name_or_arn)
        found = self._store.get(KIND, name)
        if found is None:
            raise not_found(f"Pipeline '{name}'")
        return found

    async def create(self, request: Request) -> Document:
        name, token = request["PipelineName"], request.get("ClientRequestToken")
        existing = self._store.get(KIND, name)
        if existing is not None:
            if token and existing.body.get("ClientRequestToken") == token:
                return {"PipelineArn": existing.arn}
            raise Invalid(
                "Pipeline names must be unique within an AWS account and region. "
                f"Pipeline with name ({name}) already exists. Call UpdatePipeline to change it."
            )
        text = self._definition(request)
        compiled(text)
        now = self._clock.time()
        body = {"PipelineDefinition": text, "ClientRequestToken": token, "Tags": request.get("Tags", [])}
        body |= {field: request[field] for field in _FIELDS if field in request}
        arn = self._arns.pipeline(name)
        self._store.insert(Resource(kind=KIND, arn=arn, name=name, status="Active", created=now, modified=now, body=body))
        return {"PipelineArn": arn}

    async def update(self, request: Request) -> Document:
        pipeline = self.get(request["PipelineName"])
        changes: Document = {field: request[field] for field in _FIELDS if field in request}
        if "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request:
            text = self._definition(request)
            compiled(text)
            changes["PipelineDefinition"] = text
        self._store.update(pipeline.arn, modified=self._clock.time(), body=changes)
        return {"PipelineArn": pipeline.arn}

    async def describe(self, request: Request) -> Document:
        if "PipelineVersionId" in request or "PipelineVersionAlias" in request:
            raise Invalid(
                "The local SageMaker keeps no versions of pipelines. Leave out PipelineVersionId and PipelineVersionAlias."
            )
        pipeline = self.get(request["PipelineName"])
        answer: Document = {
            "PipelineArn": pipeline.arn,
            "PipelineName": pipeline.name,
            "PipelineDisplayName": pipeline.body.get("PipelineDisplayName", pipeline.name),
            "PipelineStatus": pipeline.status,
            "CreationTime": pipeline.created,
            "LastModifiedTime": pipeline.modified,
            "LastRunTime": pipeline.body.get("LastExecutionTime"),
            "PipelineDefinition": pipeline.body["PipelineDefinition"],
        }
        answer |= {field: pipeline.body.get(field) for field in _FIELDS if field not in answer}
        return {key: value for key, value in answer.items() if value is not None}

    async def list(self, request: Request) -> Document:
        found = self._store.query(
            KIND,
            created_after=request.get("CreatedAfter"),
            created_before=request.get("CreatedBefore"),
            order_by="name" if request.get("SortBy") == "Name" else "created",
            descending=request.get("SortOrder", "Descending") == "Descending",
        )
        prefix = request.get("PipelineNamePrefix", "")
        shown, more = page([p for p in found if p.name.startswith(prefix)], request)
        return {"PipelineSummaries": [_summary(p) for p in shown], **more}

    def forget(self, pipeline: Resource) -> None:
        self._store.delete(pipeline.arn)

    def _definition(self, request: Request) -> str:
        text, location = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
        if (text is None) == (location is None):
            raise Invalid("Give the definition once: as PipelineDefinition or as PipelineDefinitionS3Location.")
        if location is None:
            return str(text)
        uri = f"s3://{location['Bucket']}/{location['ObjectKey']}"
        path = self._objects.path(uri)
        if not path.is_file():
            raise Invalid(f"PipelineDefinitionS3Location names {uri}, which does not exist. Upload the definition there first.")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(f"PipelineDefinitionS3Location names {uri}, which is no text in UTF-8: {error}.") from error


def _summary(pipeline: Resource) -> Document:
    answer: dict[str, Any] = {
        "PipelineArn": pipeline.arn,
        "PipelineName": pipeline.name,
        "PipelineDisplayName": pipeline.body.get("PipelineDisplayName", pipeline.name),
        "PipelineDescription": pipeline.body.get("PipelineDescription"),
        "RoleArn": pipeline.body.get("RoleArn"),
        "CreationTime": pipeline.created,
        "LastModifiedTime": pipeline.modified,
        "LastExecutionTime": pipeline.body.get("LastExecutionTime"),
    }
    return {key: value for key, value in answer.items() if value is not None}
