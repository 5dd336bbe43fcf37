"""An endpoint as DescribeEndpoint shows it."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.values import SageMakerClient

__all__ = ["EndpointState", "read_endpoint"]


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """`config` is the one that serves; while an update runs that is the old one, and `pending_config` the new."""

    name: str
    status: str
    config: str
    pending_config: str | None = None
    failure_reason: str = ""


def read_endpoint(name: str, *, sagemaker: SageMakerClient) -> EndpointState | None:
    """None for an endpoint that does not exist."""
    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if "could not find" in str(error).lower() or "not exist" in str(error).lower():
            return None
        raise
    return EndpointState(
        name=name,
        status=answer["EndpointStatus"],
        config=answer.get("EndpointConfigName", ""),
        pending_config=answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
        failure_reason=answer.get("FailureReason", ""),
    )
