"""Whether a package may be served: it is approved, and what lies in S3 is what was registered."""

from __future__ import annotations

import json
from typing import Any

from sagelens.errors import BadInput, Refused
from sagelens.registry.package import ModelPackage
from sagelens.registry.search import describe
from sagelens.values import S3Client, SageMakerClient, digest_listing
from sagelens.values.s3 import split_uri

__all__ = ["deployable"]


def deployable(arn: str, *, sagemaker: SageMakerClient, s3: S3Client) -> ModelPackage:
    """The package, if it may be served. Raises NotFound, Refused."""
    package = describe(arn, sagemaker=sagemaker)
    if package.approval != "Approved":
        raise Refused(
            f"Model package {package.name} is {package.approval or 'of unknown approval'}; only an Approved one may be deployed. "
            f"Approve it first: sagelens models approve {package.version}"
        )
    if not package.digest or not package.model_uri:
        raise Refused(
            f"Model package {package.name} names no model_digest or no model folder in S3, so what it serves cannot be proved. "
            "Register the model with the training pipeline."
        )
    _same_content(package, _manifest(package, s3))
    return package


def _same_content(package: ModelPackage, manifest: dict[str, Any]) -> None:
    listed = digest_listing(manifest.get("files") or {})
    for what, digest in (("manifest.json says", manifest.get("digest")), ("the files that manifest.json lists make", listed)):
        if digest != package.digest:
            raise Refused(
                f"Model package {package.name} was registered with digest {package.digest}, but {what} {digest} in "
                f"{package.model_uri}. The model was changed after it was registered: train and register it again."
            )


def _manifest(package: ModelPackage, s3: S3Client) -> dict[str, Any]:
    bucket, prefix = split_uri(package.model_uri)
    key = f"{prefix.rstrip('/')}/manifest.json"
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        raise Refused(
            f"The model of package {package.name} cannot be read at s3://{bucket}/{key}: {error}. Train and register it again."
        ) from error
    try:
        content: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise BadInput(f"s3://{bucket}/{key} is not JSON: {error}. Train and register the model again.") from error
    return content
