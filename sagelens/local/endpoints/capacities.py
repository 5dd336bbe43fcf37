"""UpdateEndpointWeightsAndCapacities: the request as variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sagelens.local.endpoints.limits import invalid
from sagelens.local.endpoints.variant import Variant, production, shadows
from sagelens.local.ports import Document, Request

__all__ = ["desired"]


def desired(request: Request, live: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """The live variants with the weights and counts asked for; ValidationException for what cannot be."""
    wanted = _by_name(request["DesiredWeightsAndCapacities"], [variant.name for variant in live])
    changed = tuple(_changed(variant, wanted.get(variant.name, {})) for variant in live)
    if not any(variant.weight > 0 for variant in production(changed)):
        raise invalid("DesiredWeightsAndCapacities: at least one variant needs a weight above 0.")
    for shadow in shadows(changed):
        if shadow.weight > sum(variant.weight for variant in production(changed)):
            raise invalid(f"Shadow variant '{shadow.name}': DesiredWeight may not be more than the production variant's weight.")
    return changed


def _by_name(asked: list[Document], known: list[str]) -> Mapping[str, Document]:
    names = [item["VariantName"] for item in asked]
    if unknown := sorted(set(names) - set(known)):
        raise invalid(f"DesiredWeightsAndCapacities: no variant {', '.join(unknown)}. The endpoint has: {', '.join(known)}.")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise invalid(f"DesiredWeightsAndCapacities: given more than once: {', '.join(doubled)}.")
    for item in asked:
        _check(item)
    return {item["VariantName"]: item for item in asked}


def _check(item: Document) -> None:
    name = item["VariantName"]
    if "ServerlessUpdateConfig" in item:
        raise invalid(f"Variant '{name}': Serverless inference (ServerlessUpdateConfig) is not available on the local service.")
    if not {"DesiredWeight", "DesiredInstanceCount"} & item.keys():
        raise invalid(f"Variant '{name}': give DesiredWeight, DesiredInstanceCount or both.")
    if item.get("DesiredInstanceCount", 1) < 1:
        raise invalid(f"Variant '{name}': DesiredInstanceCount must be at least 1.")


def _changed(variant: Variant, item: Document) -> Variant:
    return replace(
        variant, weight=item.get("DesiredWeight", variant.weight), count=item.get("DesiredInstanceCount", variant.count)
    )
