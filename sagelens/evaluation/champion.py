"""The champion: the latest approved package of a model package group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagelens.errors import BadData, Refused

__all__ = ["Champion", "download", "find_champion"]


@dataclass(frozen=True, kw_only=True)
class Champion:
    """`digest` and `uri` are those of the servable folder; the URI is an S3 prefix."""

    arn: str
    digest: str
    uri: str


def find_champion(sagemaker: Any, group: str) -> Champion | None:
    """None when no package of the group is approved, or the group does not exist yet."""
    arn = _latest_approved(sagemaker, group)
    if arn is None:
        return None
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    try:
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataSource"]["S3DataSource"]["S3Uri"]
        digest = package["CustomerMetadataProperties"]["model_digest"]
    except (KeyError, IndexError) as error:
        raise BadData(
            f"Model package {arn} was not registered by sagelens: it lacks {error}. A champion needs "
            f"InferenceSpecification.Containers[0].ModelDataSource.S3DataSource and CustomerMetadataProperties.model_digest. "
            f"Reject it, or register models of its kind in a group of their own."
        ) from error
    return Champion(arn=arn, digest=digest, uri=uri)


def _latest_approved(sagemaker: Any, group: str) -> str | None:
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    try:
        # A page of a filtered list may be empty although later ones are not.
        return next((str(package["ModelPackageArn"]) for page in pages for package in page["ModelPackageSummaryList"]), None)
    except sagemaker.exceptions.ClientError as error:
        if _says_absent(error.response["Error"]):
            return None
        raise


def _says_absent(error: dict[str, str]) -> bool:
    """SageMaker reports a group that does not exist as a ValidationException; only the message tells it from a bad request."""
    message = error.get("Message", "").lower()
    absent = any(words in message for words in ("does not exist", "not found", "could not find"))
    return "NotFound" in error.get("Code", "") or (error.get("Code") == "ValidationException" and absent)


def download(s3: Any, champion: Champion, folder: Path) -> Path:
    """Fetch the champion's files into a folder. `Servable.load` checks that they are those that were registered."""
    address = urlsplit(champion.uri)
    bucket, prefix = address.netloc, address.path.lstrip("/").rstrip("/") + "/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            _fetch(s3, bucket, item["Key"], prefix, folder)
    return folder


def _fetch(s3: Any, bucket: str, key: str, prefix: str, folder: Path) -> None:
    if key.endswith("/"):
        return
    target = folder / key.removeprefix(prefix)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"Object s3://{bucket}/{key} would be written outside the model's folder. Remove it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for part in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            file.write(part)
