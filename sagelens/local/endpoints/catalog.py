"""What the store knows of endpoints' parts: ARNs, models, configurations."""

from __future__ import annotations

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
        """CreateModel's body; a container that names a model package is completed from the package. `Marketplace` is true for
        a package that was made to be sold."""
        found = self.store.get("Model", name)
        if found is None:
            raise invalid(f'Could not find model "{self.arn("model", name)}".')
        container: Document = found.body.get("PrimaryContainer") or next(iter(found.body.get("Containers", ())), {})
        package = self._package(container)
        sold = package is not None and bool(package.get("CertifyForMarketplace"))
        return {**found.body, "PrimaryContainer": _completed(container, package), "Marketplace": sold}

    def details(self, config: Resource) -> Document:
        """The configuration's body; `Marketplace` are its variants whose models come from packages made to be sold."""
        sold = [variant.name for variant in variants_of(config.body, config.name) if self.model(variant.model)["Marketplace"]]
        return {**config.body, "Marketplace": sold}

    def variants(self, config: Resource) -> tuple[Variant, ...]:
        """The configuration's variants, with their models as they are now."""
        return tuple(self._serving(variant) for variant in variants_of(config.body, config.name))

    def _serving(self, variant: Variant) -> Variant:
        model = self.model(variant.model)
        return replace(variant, image=model["PrimaryContainer"].get("Image", ""), served=model)

    def _package(self, container: Document) -> Document | None:
        if "ModelPackageName" not in container:
            return None
        package = self.store.find(container["ModelPackageName"])
        if package is None:
            raise invalid(f'Could not find model package "{container["ModelPackageName"]}".')
        return package.body


def _completed(container: Document, package: Document | None) -> Document:
    if package is None:
        return container
    packaged = package["InferenceSpecification"]["Containers"][0]
    environment = {**packaged.get("Environment", {}), **container.get("Environment", {})}
    return {**packaged, **container, "Environment": environment}
