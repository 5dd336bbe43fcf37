"""Finding model packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagelens.errors import NotFound
from sagelens.registry.package import ModelPackage
from sagelens.values import SageMakerClient

__all__ = ["describe", "find_by_digest", "latest_approved"]

_ABSENT = ("does not exist", "could not find", "not found", "cannot find")


def describe(arn: str, *, sagemaker: SageMakerClient) -> ModelPackage:
    """The package of an ARN. Raises NotFound."""
    try:
        return ModelPackage.of(sagemaker.describe_model_package(ModelPackageName=arn))
    except sagemaker.exceptions.ClientError as error:
        if _absent(error):
            raise NotFound(f"Model package '{arn}' does not exist. `sagelens models list` shows those that do.") from error
        raise


def find_by_digest(group: str, digest: str, *, image: str | None = None, sagemaker: SageMakerClient) -> ModelPackage | None:
    """The newest usable package of this model, if there is one; with `image`, only one that is served by that image."""
    for summary in _newest_first(group, sagemaker):
        # Our descriptions name the digest, so that a long group is searched without describing each of its packages.
        if digest not in summary.get("ModelPackageDescription", "") or summary["ModelPackageStatus"] == "Failed":
            continue
        package = describe(summary["ModelPackageArn"], sagemaker=sagemaker)
        if package.digest == digest and image in (None, package.image):
            return package
    return None


def latest_approved(group: str, *, sagemaker: SageMakerClient) -> ModelPackage | None:
    """The approved package with the highest version, or None."""
    summary = next(_newest_first(group, sagemaker, ModelApprovalStatus="Approved"), None)
    return describe(summary["ModelPackageArn"], sagemaker=sagemaker) if summary else None


def _newest_first(group: str, sagemaker: SageMakerClient, **filters: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending", **filters}
    while True:
        try:
            page = sagemaker.list_model_packages(**request)
        except sagemaker.exceptions.ClientError as error:
            if _absent(error):
                return
            raise
        # Packages of the same second come in any order.
        yield from sorted(page["ModelPackageSummaryList"], key=lambda s: s.get("ModelPackageVersion", 0), reverse=True)
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _absent(error: Any) -> bool:
    said = error.response.get("Error", {})
    return said.get("Code") == "ResourceNotFound" or any(words in str(said.get("Message", "")).lower() for words in _ABSENT)
