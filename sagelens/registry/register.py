"""Registering a model, once: an unchanged model answers with the package that exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelens.registry.approval import approve
from sagelens.registry.package import DIGEST, DIGEST_VARIABLE, ModelPackage, metadata_of
from sagelens.registry.search import describe, find_by_digest
from sagelens.values import SageMakerClient, digest_bytes, tag_list

__all__ = ["Candidate", "Registered", "register"]

_CONTENT = [
    "text/csv",
    "application/json",
    "application/jsonlines",
    "application/x-parquet",
    "application/vnd.apache.arrow.stream",
]
_BY_POLICY = "the environment's policy"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model folder below the S3 prefix `model_uri`; `metadata` is what is to be known of it, most important first."""

    group: str
    digest: str
    image: str
    model_uri: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    metrics_uri: str = ""


@dataclass(frozen=True)
class Registered:
    package: ModelPackage
    created: bool


def register(
    candidate: Candidate,
    *,
    approved: bool,
    reason: str,
    tags: Mapping[str, str] | None = None,
    sagemaker: SageMakerClient,
) -> Registered:
    """Create the group and the package where they are missing. The group has the tags; SageMaker allows its packages none.

    With `approved` a new or waiting package is approved, for `reason`; one that somebody rejected stays rejected.
    """
    package = find_by_digest(candidate.group, candidate.digest, image=candidate.image, sagemaker=sagemaker)
    if package is None:
        _ensure_group(candidate.group, tags or {}, sagemaker)
        arn = sagemaker.create_model_package(**_request(candidate, approved=approved, reason=reason))["ModelPackageArn"]
        return Registered(describe(arn, sagemaker=sagemaker), created=True)
    if approved and package.approval == "PendingManualApproval":
        package = approve(sagemaker, package.arn, by=_BY_POLICY, reason=reason)
    return Registered(package, created=False)


def _ensure_group(group: str, tags: Mapping[str, str], sagemaker: SageMakerClient) -> None:
    said = {"Tags": tag_list(tags)} if tags else {}
    try:
        sagemaker.create_model_package_group(ModelPackageGroupName=group, **said)
    except sagemaker.exceptions.ClientError as error:
        if "already exist" not in str(error).lower():
            raise


def _request(candidate: Candidate, *, approved: bool, reason: str) -> dict[str, Any]:
    container = {
        "Image": candidate.image,
        "ModelDataSource": {
            "S3DataSource": {
                "S3Uri": f"{candidate.model_uri.rstrip('/')}/",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        },
        "Environment": {DIGEST_VARIABLE: candidate.digest},
    }
    request: dict[str, Any] = {
        "ModelPackageGroupName": candidate.group,
        "ModelPackageDescription": f"Model {candidate.digest}",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": list(_CONTENT),
            "SupportedResponseMIMETypes": list(_CONTENT),
        },
        "ModelApprovalStatus": "Approved" if approved else "PendingManualApproval",
        "CustomerMetadataProperties": metadata_of(
            {
                DIGEST: candidate.digest,
                **({"approved_by": _BY_POLICY, "approval_reason": reason} if approved else {}),
                **candidate.metadata,
            }
        ),
        "ClientToken": digest_bytes(f"{candidate.group}\n{candidate.digest}\n{candidate.image}".encode())[:36],
    }
    if candidate.metrics_uri:
        quality = {"Statistics": {"ContentType": "application/json", "S3Uri": candidate.metrics_uri}}
        request["ModelMetrics"] = {"ModelQuality": quality}
    return request
