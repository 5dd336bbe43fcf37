"""What became of the model: registered, approved, deployed, asked; or asked in batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report.material import Material
from sagelens.evaluation.report.wording import count, figure, seconds

__all__ = ["ReleaseView", "release_view"]


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """Facts by name; `tone` is that of the approval. Empty where the run did not get there."""

    registration: Mapping[str, str]
    approval: str
    deployment: Mapping[str, str]
    outcome: str
    smoke: Mapping[str, str]
    scoring: Mapping[str, str]
    package: str

    @property
    def approved(self) -> bool:
        return self.approval == "Approved"

    def __bool__(self) -> bool:
        return bool(self.registration or self.deployment or self.smoke or self.scoring)


def release_view(material: Material) -> ReleaseView:
    registration = material.find("model_package_arn", "approval", "status") or {}
    deployment = material.find("endpoint_name", "endpoint_config_name", "outcome") or {}
    smoke = material.find("endpoint_name", "rows", "seconds", "lowest_score") or {}
    reference = material.find("model_name", "model_digest", "model_package_arn") or {}
    scoring = {} if deployment else reference
    named = {
        "Model package": "model_package_arn",
        "Group": "model_package_group",
        "Model digest": "model_digest",
        "Status": "status",
    }
    placed = {
        "Endpoint": "endpoint_name",
        "Endpoint config": "endpoint_config_name",
        "Served before": "previous_config",
        "Model": "model_name",
        "Model package": "model_package_arn",
        "Model digest": "model_digest",
        "Model data": "model_uri",
    }
    return ReleaseView(
        registration=_picked(registration, named),
        approval=str(registration.get("approval", "")),
        deployment=_picked(deployment, placed),
        outcome=str(deployment.get("outcome", "")),
        smoke=_smoke(smoke),
        scoring=_picked(scoring, {"Model": "model_name", "Model package": "model_package_arn", "Model digest": "model_digest"}),
        package=next((str(f["model_package_arn"]) for f in (registration, deployment, reference) if f), ""),
    )


def _picked(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    return {name: str(found[key]) for name, key in names.items() if found.get(key)}


def _smoke(found: Mapping[str, Any]) -> dict[str, str]:
    if not found:
        return {}
    return {
        "Asked": f"{count(found['rows'])} rows of the model's own sample, all answered",
        "Took": seconds(found["seconds"]),
        "Scores": f"{figure(found['lowest_score'])} to {figure(found['highest_score'])}",
    }
