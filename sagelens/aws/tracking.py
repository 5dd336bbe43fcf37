"""Evidence of an execution on AWS, projected into MLflow by whoever followed it."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagelens.aws.document import Document
from sagelens.errors import BadConfig
from sagelens.values.s3 import split_uri

__all__ = ["check_tracking", "project"]


def check_tracking(uri: str | None) -> None:
    """BadConfig for SageMaker's managed MLflow, named by ARN, without the plug-in that reaches it."""
    if uri is not None and uri.startswith("arn:") and find_spec("sagemaker_mlflow") is None:
        raise BadConfig(
            f"environment.tracking.uri is {uri}, SageMaker's managed MLflow, and the plug-in that reaches it is not installed. "
            "Install `sagelens[aws]`, or set tracking.uri to another server."
        )


def project(document: Document, *, uri: str, experiment: str, artifacts: str | None, s3: Any) -> dict[str, Any]:
    """Write the execution and its steps to MLflow; returns execution.json's `tracking`. Written again, nothing is doubled."""
    from sagelens.tracking import Tracker

    check_tracking(uri)
    # The plug-in of sagemaker-mlflow complains, at each request, of any server that is not SageMaker's.
    logging.getLogger("mlflow.tracking.request_header.registry").setLevel(logging.ERROR)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sagelens-") as folder:
        fetched = _Fetched(s3, Path(folder))
        return asdict(Tracker(uri, experiment, artifacts).record(document, fetched.json, fetched.path))


class _Fetched:
    """Objects in S3 as files in a folder."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self._folder = folder

    def json(self, uri: str) -> Any:
        bucket, key = split_uri(uri)
        return json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def path(self, uri: str) -> Path:
        """What lies at a URI, an object or all objects below it, copied."""
        bucket, prefix = split_uri(uri.rstrip("/"))
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                key = item["Key"]
                if key != prefix and not key.startswith(f"{prefix}/"):
                    continue
                target = self._folder / bucket / key
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return self._folder / bucket / prefix
