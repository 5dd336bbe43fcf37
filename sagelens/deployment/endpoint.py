"""An endpoint as DescribeEndpoint shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.values import SageMakerClient

__all__ = ["EndpointState", "VariantState", "VariantStatus", "absent", "read_endpoint"]


@dataclass(frozen=True, kw_only=True)
class VariantStatus:
    """`started` is a text that differs from one start to the next."""

    status: str
    message: str = ""
    started: str = ""


@dataclass(frozen=True, kw_only=True)
class VariantState:
    name: str
    weight: float | None = None
    instances: int | None = None
    desired_instances: int | None = None
    serverless: bool = False
    statuses: tuple[VariantStatus, ...] = ()

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> VariantState:
        """From a ProductionVariantSummary or a PendingProductionVariantSummary."""
        statuses = (
            VariantStatus(status=s["Status"], message=s.get("StatusMessage", ""), started=str(s.get("StartTime", "")))
            for s in shown.get("VariantStatus", ())
        )
        return cls(
            name=shown["VariantName"],
            weight=shown.get("CurrentWeight"),
            instances=shown.get("CurrentInstanceCount"),
            desired_instances=shown.get("DesiredInstanceCount"),
            serverless="CurrentServerlessConfig" in shown or "DesiredServerlessConfig" in shown,
            statuses=tuple(statuses),
        )


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """`config` is the one that serves; while an update runs that is the old one, and `pending_config` the new."""

    name: str
    status: str
    config: str
    pending_config: str | None = None
    failure_reason: str = ""
    variants: tuple[VariantState, ...] = ()
    shadows: tuple[VariantState, ...] = ()
    pending: tuple[VariantState, ...] = ()
    asynchronous: bool = False

    def variant(self, name: str) -> VariantState | None:
        return next((variant for variant in self.variants if variant.name == name), None)


def read_endpoint(
    name: str, *, sagemaker: SageMakerClient, heard: Callable[[Mapping[str, Any]], None] | None = None
) -> EndpointState | None:
    """None for an endpoint that does not exist. `heard` is given the answer, for its Date."""
    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if heard is not None:
            heard(error.response)
        if absent(error):
            return None
        raise
    if heard is not None:
        heard(answer)
    pending = answer.get("PendingDeploymentSummary", {})
    return EndpointState(
        name=name,
        status=answer["EndpointStatus"],
        config=answer.get("EndpointConfigName", ""),
        pending_config=pending.get("EndpointConfigName"),
        failure_reason=answer.get("FailureReason", ""),
        variants=tuple(map(VariantState.of, answer.get("ProductionVariants", ()))),
        shadows=tuple(map(VariantState.of, answer.get("ShadowProductionVariants", ()))),
        pending=tuple(map(VariantState.of, pending.get("ProductionVariants", ()))),
        asynchronous="AsyncInferenceConfig" in answer,
    )


def absent(error: Any) -> bool:
    """Whether a ClientError of SageMaker says that what was asked for does not exist."""
    said = error.response.get("Error", {})
    message = str(said.get("Message", "")).lower()
    return said.get("Code") == "ResourceNotFound" or "could not find" in message or "not exist" in message
