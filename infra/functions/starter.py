"""Starts a pipeline for an event: for data that arrived or the clock, training; for an approval, deployment of that package.

EventBridge may deliver an event twice, and SageMaker may send two events for one change. So an execution has a token that follows
from what happened, and SageMaker starts one execution for a token.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from typing import Any

from sagelens.pipeline.data_version import EVENT, data_version, declares, sources_in

__all__ = ["handler", "start"]

_APPROVAL = "SageMaker Model Package State Change"


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """What Lambda calls. An error makes it try again, and at last put the event into the queue of what was not delivered."""
    boto3: Any = importlib.import_module("boto3")  # Lambda brings it
    pipelines = {"training": os.environ["TRAINING"], "deployment": os.environ["DEPLOYMENT"]}
    started = start(event, pipelines=pipelines, sagemaker=boto3.client("sagemaker"), s3=boto3.client("s3"))
    answer = {"event": event["id"], "started": started}
    print(json.dumps(answer))
    return answer


def start(event: Mapping[str, Any], *, pipelines: Mapping[str, str], sagemaker: Any, s3: Any) -> str | None:
    """The execution's ARN; None for an approval that was taken back meanwhile. Raises LookupError for a source without data."""
    parameters, happened = {}, event["id"]
    name = pipelines["training"]
    if event["detail-type"] == _APPROVAL:
        name, package = pipelines["deployment"], event["detail"]["ModelPackageArn"]
        described = sagemaker.describe_model_package(ModelPackageName=package)
        if described["ModelApprovalStatus"] != "Approved":
            return None
        changed = event["detail"].get("LastModifiedTime") or described.get("LastModifiedTime") or described["CreationTime"]
        parameters, happened = {"ModelPackageArn": package, "Reason": "approved"}, f"{package} {changed}"
    definition = sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    parameters |= {parameter: _version(uri, s3) for parameter, uri in sources_in(definition).items()}
    if EVENT in declares(definition):
        parameters[EVENT] = event["id"]
    answer = sagemaker.start_pipeline_execution(
        PipelineName=name,
        ClientRequestToken=hashlib.sha256(f"{name} {happened}".encode()).hexdigest(),
        PipelineExecutionDescription=f"Started by event {event['id']}: {event['detail-type']}",
        PipelineParameters=[{"Name": key, "Value": value} for key, value in parameters.items()],
    )
    return str(answer["PipelineExecutionArn"])


def _version(uri: str, s3: Any) -> str:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return data_version((item["Key"], item["Size"], item["ETag"]) for page in pages for item in page.get("Contents", ()))
    except LookupError as error:
        raise LookupError(f"source {uri}: {error}") from error
