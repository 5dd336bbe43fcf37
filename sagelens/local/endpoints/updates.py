"""UpdateEndpoint's request as a deployment, checked before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.local.endpoints.catalog import Catalog
from sagelens.local.endpoints.exclusions import check_alarms, check_guardrails
from sagelens.local.endpoints.limits import check_capacity, check_deployment, invalid
from sagelens.local.endpoints.record import live_variants
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.variant import Variant, counts_of, production, retained
from sagelens.local.ports import Alarms, Document, Request, Resource

__all__ = ["Updates", "check_room", "must_be_updatable"]


@dataclass(frozen=True)
class Updates:
    catalog: Catalog
    alarms: Alarms | None

    def rollout(self, endpoint: Resource, request: Request, now: float) -> Rollout:
        """The deployment that a request asks for; ValidationException for one that SageMaker would not begin."""
        config = self.catalog.config(request["EndpointConfigName"])
        must_be_updatable(endpoint, "InService", "UpdateRollbackFailed")
        strategy = _strategy(endpoint, request)
        variants, capture = self._wanted(endpoint, config, request)
        live = live_variants(endpoint)
        check_room(endpoint.name, variants)
        if strategy is not None:
            check_deployment(strategy, counts_of(production(variants)))
            check_guardrails(strategy, variants, live, self.catalog.details(config))
        rollout = Rollout.planned(config.name, variants, live=live, now=now, strategy=strategy, capture=capture)
        check_alarms(rollout.alarms, self.alarms)
        return rollout

    def _wanted(self, endpoint: Resource, config: Resource, request: Request) -> tuple[tuple[Variant, ...], Document | None]:
        """Variants and data capture: the configuration's, or what is live where that is to be retained."""
        new, capture = self.catalog.variants(config), config.body.get("DataCaptureConfig")
        exclude = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties") or ()}
        if not request.get("RetainAllVariantProperties"):
            if exclude:
                raise invalid("ExcludeRetainedVariantProperties needs RetainAllVariantProperties to be true.")
            return new, capture
        if "DataCaptureConfig" not in exclude:
            capture = endpoint.body.get("LocalCapture")
        return retained(new, live_variants(endpoint), exclude), capture


def must_be_updatable(endpoint: Resource, *statuses: str) -> None:
    if endpoint.status == "Failed":
        raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status Failed: it can only be deleted.')
    if endpoint.status not in statuses:
        if endpoint.status == "UpdateRollbackFailed":
            raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status UpdateRollbackFailed: use UpdateEndpoint.')
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def check_room(endpoint: str, variants: tuple[Variant, ...]) -> None:
    check_capacity(endpoint, counts_of(variants), {variant.name: variant.instance_type for variant in variants})


def _strategy(endpoint: Resource, request: Request) -> Document | None:
    """The DeploymentConfig in force: the request's, the one remembered if it is to be retained, or none."""
    if not request.get("RetainDeploymentConfig"):
        return request.get("DeploymentConfig")
    if "DeploymentConfig" in request:
        raise invalid("RetainDeploymentConfig: leave it out when DeploymentConfig is given; the one excludes the other.")
    return endpoint.body.get("DeploymentConfig")
