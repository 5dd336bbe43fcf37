"""Reading what executions left in S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagelens.errors import NotFound
from sagelens.values.s3 import parse_json, split_uri

__all__ = ["download", "list_objects", "read_json", "read_json_or_none"]


def read_json_or_none(s3: Any, uri: str) -> Any:
    """The JSON object at a URI; None where there is nothing (yet)."""
    from botocore.exceptions import ClientError

    bucket, key = split_uri(uri)

    def read() -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    try:
        return parse_json(read)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise


def read_json(s3: Any, uri: str) -> Any:
    found = read_json_or_none(s3, uri)
    if found is None:
        raise NotFound(f"There is nothing at {uri}. It may have been removed, or the step that writes it did not run.")
    return found


def list_objects(s3: Any, uri: str) -> Iterator[str]:
    """The URIs of the objects below a prefix."""
    bucket, prefix = split_uri(uri.rstrip("/") + "/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (f"s3://{bucket}/{item['Key']}" for item in page.get("Contents", ()))


def download(s3: Any, uri: str, folder: Path) -> Path:
    """Copy the objects below a prefix into a folder, keeping their relative paths."""
    base = uri.rstrip("/") + "/"
    for found in list_objects(s3, uri):
        target = folder / found.removeprefix(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket, key = split_uri(found)
        target.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return folder
