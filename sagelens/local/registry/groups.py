"""Model package groups."""

from __future__ import annotations

from sagelens.local.ports import ApiError, Clock, Document, Handler, Request, Resource
from sagelens.local.registry.listing import listed
from sagelens.local.registry.names import Names
from sagelens.local.store import AlreadyStored, Store, page

__all__ = ["ModelPackageGroups"]


class ModelPackageGroups:
    def __init__(self, store: Store, clock: Clock, names: Names) -> None:
        self._store = store
        self._clock = clock
        self._names = names

    def handlers(self) -> dict[str, Handler]:
        return {
            "sagemaker.CreateModelPackageGroup": self.create,
            "sagemaker.DescribeModelPackageGroup": self.describe,
            "sagemaker.ListModelPackageGroups": self.list,
            "sagemaker.DeleteModelPackageGroup": self.delete,
        }

    async def create(self, request: Request) -> Document:
        name = request["ModelPackageGroupName"]
        arn = self._names.group(name)
        now = self._clock.time()
        group = Resource(
            kind="ModelPackageGroup", arn=arn, name=name, status="Completed", created=now, modified=now, body=request
        )
        try:
            self._store.insert(group)
        except AlreadyStored as error:
            raise ApiError("ValidationException", f"Model Package Group already exists: {arn}") from error
        return {"ModelPackageGroupArn": arn}

    async def describe(self, request: Request) -> Document:
        group = self._found(request)
        return {**group.body, **_summary(group), "CreatedBy": {}}

    async def list(self, request: Request) -> Document:
        shown, more = page(listed(self._store, "ModelPackageGroup", request), request)
        return {"ModelPackageGroupSummaryList": [_summary(group) for group in shown], **more}

    async def delete(self, request: Request) -> Document:
        group = self._found(request)
        if self._store.query("ModelPackage", parent=group.name, limit=1):
            raise ApiError(
                "ConflictException",
                f"Model Package Group {group.arn} cannot be deleted: it still contains Model Packages. Delete those first.",
            )
        self._store.delete(group.arn)
        return {}

    def _found(self, request: Request) -> Resource:
        arn = self._names.group(request["ModelPackageGroupName"])
        group = self._store.find(arn)
        if group is None or group.kind != "ModelPackageGroup":
            raise ApiError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        return group


def _summary(group: Resource) -> Document:
    return {
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "ModelPackageGroupDescription": group.body.get("ModelPackageGroupDescription"),
        "CreationTime": group.created,
        "ModelPackageGroupStatus": group.status,
        "ManagedConfiguration": group.body.get("ManagedConfiguration"),
    }
