"""EndpointConfig operations."""

from __future__ import annotations

from sagelens.local.endpoints.catalog import Catalog
from sagelens.local.endpoints.exclusions import check_shadowed_models
from sagelens.local.endpoints.limits import check_endpoint_config, invalid
from sagelens.local.ports import Clock, Document, Handler, Objects, Request, Resource
from sagelens.local.store import AlreadyStored, page

__all__ = ["EndpointConfigs"]


class EndpointConfigs:
    def __init__(self, catalog: Catalog, objects: Objects, clock: Clock) -> None:
        self._catalog = catalog
        self._objects = objects
        self._store = catalog.store
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {
            "sagemaker.CreateEndpointConfig": self._create,
            "sagemaker.DescribeEndpointConfig": self._describe,
            "sagemaker.ListEndpointConfigs": self._list,
            "sagemaker.DeleteEndpointConfig": self._delete,
        }

    async def _create(self, request: Request) -> Document:
        check_endpoint_config(request)
        shadow = request.get("ShadowProductionVariants", [])
        models = {
            variant["VariantName"]: self._catalog.model(variant["ModelName"])
            for variant in (*request["ProductionVariants"], *shadow)
        }
        if shadow:
            check_shadowed_models(models.items())
        if "DataCaptureConfig" in request:
            self._objects.path(request["DataCaptureConfig"]["DestinationS3Uri"])
        name = request["EndpointConfigName"]
        arn = self._catalog.arn("endpoint-config", name)
        now = self._clock.time()
        body = {key: value for key, value in request.items() if key != "EndpointConfigName"}
        try:
            self._store.insert(Resource(kind="EndpointConfig", arn=arn, name=name, created=now, modified=now, body=body))
        except AlreadyStored as error:
            raise invalid(f'Cannot create already existing endpoint configuration "{arn}".') from error
        return {"EndpointConfigArn": arn}

    async def _describe(self, request: Request) -> Document:
        config = self._catalog.config(request["EndpointConfigName"])
        shown = {key: value for key, value in config.body.items() if key != "Tags"}
        for member in ("ProductionVariants", "ShadowProductionVariants"):
            if member in shown:
                shown[member] = [{"InitialVariantWeight": 1.0, **variant} for variant in shown[member]]
        return {**shown, **_summary(config)}

    async def _list(self, request: Request) -> Document:
        found = self._store.query(
            "EndpointConfig",
            name_contains=request.get("NameContains"),
            created_after=request.get("CreationTimeAfter"),
            created_before=request.get("CreationTimeBefore"),
            order_by="name" if request.get("SortBy") == "Name" else "created",
            descending=request.get("SortOrder", "Descending") == "Descending",
        )
        shown, more = page(found, request)
        return {"EndpointConfigs": [_summary(config) for config in shown], **more}

    async def _delete(self, request: Request) -> Document:
        """As on AWS, one that is in use goes as well: its endpoints know what they serve, and what they would return to."""
        self._store.delete(self._catalog.config(request["EndpointConfigName"]).arn)
        return {}


def _summary(config: Resource) -> Document:
    return {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn, "CreationTime": config.created}
