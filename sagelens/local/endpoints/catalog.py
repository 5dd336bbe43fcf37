"""What the store knows of endpoints' parts: ARNs, models, configurations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sagelens.local.endpoints.limits import invalid
from sagelens.local.endpoints.variant import Variant, variants_of
from sagelens.local.ports import Document, Resource
from sagelens.local.store import Store

__all__ = ["Catalog"]


@dataclass(frozen=True)
class Catalog:
    store: Store
    account: str
    region: str

    def arn(self, noun: str, name: str) -> str:
        """AWS writes these names in lower case in ARNs: they are unique whatever their case."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{noun}/{name.lower()}"

    def endpoint(self, name: str) -> Resource:
        found = self.store.get("Endpoint", name)
        if found is None:
            raise invalid(f'Could not find endpoint "{self.arn("endpoint", name)}".')
        return found

    def config(self, name: str) -> Resource:
        found = self.store.get("EndpointConfig", name)
        if found is None:
            raise invalid(f'Could not find endpoint configuration "{self.arn("endpoint-config", name)}".')
        return found

    def model(self, name: str) -> Document:
        """CreateModel's body; a container that names a model package is completed from the package."""
        found = self.store.get("Model", name)
        if found is None:
            raise invalid(f'Could not find model "{self.arn("model", name)}".')
        container: Document = found.body.get("PrimaryContainer") or next(iter(found.body.get("Containers", ())), {})
        return {**found.body, "PrimaryContainer": self._completed(container)}

    def variants(self, config: Resource) -> tuple[Variant, ...]:
        """The configuration's variants, with the images of their models."""
        return tuple(
            replace(variant, image=self.model(variant.model)["PrimaryContainer"].get("Image", ""))
            for variant in variants_of(config.body)
        )

    def users_of(self, config: str, endpoints: Iterable[Resource]) -> list[str]:
        """The endpoints that serve a configuration, are about to, or would return to it."""
        return [
            endpoint.name
            for endpoint in endpoints
            if config in (endpoint.body.get("EndpointConfigName"), endpoint.body.get("LocalDeployment", {}).get("config"))
        ]

    def _completed(self, container: Document) -> Document:
        if "ModelPackageName" not in container:
            return container
        package = self.store.find(container["ModelPackageName"])
        if package is None:
            raise invalid(f'Could not find model package "{container["ModelPackageName"]}".')
        packaged = package.body["InferenceSpecification"]["Containers"][0]
        environment = {**packaged.get("Environment", {}), **container.get("Environment", {})}
        return {**packaged, **container, "Environment": environment}
