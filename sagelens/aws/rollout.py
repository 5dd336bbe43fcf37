"""The instance-hours that a deployment of this environment adds, whatever model it deploys."""

from __future__ import annotations

from sagelens.deployment import EndpointState, ServedModel, preview, release_for
from sagelens.deployment.endpoint import VariantState
from sagelens.project import Project

__all__ = ["extra_instance_hours"]


def extra_instance_hours(project: Project) -> float:
    """Of the environment's strategies against an endpoint that serves already. Raises what a deployment would refuse."""
    settings, hosting = project.deployment, project.environment.endpoint
    model = ServedModel(digest="0" * 64, image=project.environment.image, model_uri="s3://model", role=project.environment.role)
    release = release_for(model, settings=settings, hosting=hosting, bucket=project.environment.bucket)
    serving = VariantState(name=settings.variant, weight=1.0, instances=hosting.instance_count)
    state = EndpointState(name=settings.endpoint, status="InService", config=f"{settings.endpoint}-serving", variants=(serving,))
    return preview(release, settings.strategy, state, settings.alarms, staging=settings.staging).extra_instance_hours
