"""Approving and rejecting, with who and why."""

from __future__ import annotations

from sagelens.errors import BadInput
from sagelens.registry.package import ModelPackage
from sagelens.registry.search import describe
from sagelens.values import SageMakerClient

__all__ = ["approve", "reject"]

_LONGEST = 1024


def approve(sagemaker: SageMakerClient, arn: str, *, by: str, reason: str) -> ModelPackage:
    """Allow a package to be deployed. Raises NotFound."""
    return _decide(arn, "Approved", by, reason, sagemaker)


def reject(sagemaker: SageMakerClient, arn: str, *, by: str, reason: str) -> ModelPackage:
    """Forbid it. Endpoints that serve it already go on. Raises NotFound."""
    return _decide(arn, "Rejected", by, reason, sagemaker)


def _decide(arn: str, decision: str, by: str, reason: str, sagemaker: SageMakerClient) -> ModelPackage:
    if not by.strip() or not reason.strip():
        raise BadInput(f"Model package '{arn}' is {decision.lower()} by someone, for a reason. Give both.")
    described = describe(arn, sagemaker=sagemaker)
    said = " ".join(f"{by}: {reason}".split())[:_LONGEST]
    sagemaker.update_model_package(ModelPackageArn=described.arn, ModelApprovalStatus=decision, ApprovalDescription=said)
    return describe(described.arn, sagemaker=sagemaker)
