"""Reading what executions left in S3."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagelens.errors import NotFound

__all__ = ["download", "list_objects", "read_json", "read_json_or_none"]


_ATTEMPTS = 5
_PAUSE = 0.02


def split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_json_or_none(s3: Any, uri: str) -> Any:
    """The JSON object at a URI; None where there is nothing (yet).

    Read again when it is cut off: the local object store answers with the size of before if a file is replaced meanwhile.
    """
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(ValueError):
            return _parsed(s3, uri)
        time.sleep(_PAUSE)
    return _parsed(s3, uri)


def _parsed(s3: Any, uri: str) -> Any:
    from botocore.exceptions import ClientError

    bucket, key = split(uri)
    try:
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
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
    bucket, prefix = split(uri.rstrip("/") + "/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (f"s3://{bucket}/{item['Key']}" for item in page.get("Contents", ()))


def download(s3: Any, uri: str, folder: Path) -> Path:
    """Copy the objects below a prefix into a folder, keeping their relative paths."""
    base = uri.rstrip("/") + "/"
    for found in list_objects(s3, uri):
        target = folder / found.removeprefix(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket, key = split(found)
        target.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return folder
