"""Models: what an endpoint or a transform job serves."""

from __future__ import annotations

from sagelens.local.ports import ApiError, Clock, Document, Handler, Request, Resource
from sagelens.local.registry.listing import listed
from sagelens.local.registry.names import Names
from sagelens.local.store import AlreadyStored, Store, page

__all__ = ["Models"]


class Models:
    def __init__(self, store: Store, clock: Clock, names: Names) -> None:
        self._store = store
        self._clock = clock
        self._names = names

    def handlers(self) -> dict[str, Handler]:
        return {
            "sagemaker.CreateModel": self.create,
            "sagemaker.DescribeModel": self.describe,
            "sagemaker.ListModels": self.list,
            "sagemaker.DeleteModel": self.delete,
        }

    async def create(self, request: Request) -> Document:
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise ApiError("ValidationException", "Exactly one of PrimaryContainer and Containers must be provided.")
        body = dict(request)
        if "Containers" in request:
            body["Containers"] = [self._checked(container) for container in request["Containers"]]
        else:
            body["PrimaryContainer"] = self._checked(request["PrimaryContainer"])
        name = request["ModelName"]
        arn = self._names.model(name)
        now = self._clock.time()
        model = Resource(kind="Model", arn=arn, name=name, created=now, modified=now, body=body)
        try:
            self._store.insert(model)
        except AlreadyStored as error:
            raise ApiError("ValidationException", f'Cannot create already existing model "{arn}".') from error
        return {"ModelArn": arn}

    def _checked(self, container: Document) -> Document:
        """The container, its model package named by ARN."""
        package_name = container.get("ModelPackageName")
        if package_name is None:
            if "Image" not in container:
                raise ApiError("ValidationException", "A container needs Image or ModelPackageName.")
            return container
        arn = self._names.package(package_name)
        package = self._store.find(arn)
        if package is None:
            raise ApiError("ValidationException", f"Could not find model package {arn}.")
        approval = package.body.get("ModelApprovalStatus")
        if package.parent and approval != "Approved":
            raise ApiError(
                "ValidationException",
                f"Model package {arn} is {approval}; a model can be made of it once it is Approved. See UpdateModelPackage.",
            )
        return {**container, "ModelPackageName": arn}

    async def describe(self, request: Request) -> Document:
        model = self._found(request["ModelName"])
        return {"EnableNetworkIsolation": False, **model.body, **_summary(model)}

    async def list(self, request: Request) -> Document:
        shown, more = page(listed(self._store, "Model", request, order="Descending"), request)
        return {"Models": [_summary(model) for model in shown], **more}

    async def delete(self, request: Request) -> Document:
        self._store.delete(self._found(request["ModelName"]).arn)
        return {}

    def _found(self, name: str) -> Resource:
        model = self._store.get("Model", name)
        if model is None:
            raise ApiError("ValidationException", f'Could not find model "{self._names.model(name)}".')
        return model


def _summary(model: Resource) -> Document:
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
