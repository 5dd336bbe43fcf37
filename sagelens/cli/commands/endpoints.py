"""`endpoints` and `invoke`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagelens.cli.target import connect
from sagelens.errors import BadInput, NotFound, StepFailed

__all__ = ["invoke_endpoint", "list_endpoints"]


def list_endpoints(*, environment: str, as_json: bool) -> int:
    connection = connect(environment)
    pages = connection.sagemaker.get_paginator("list_endpoints").paginate()
    rows = []
    for summary in (summary for page in pages for summary in page["Endpoints"]):
        endpoint = connection.sagemaker.describe_endpoint(EndpointName=summary["EndpointName"])
        rows.append(
            {
                "endpoint_name": endpoint["EndpointName"],
                "status": endpoint["EndpointStatus"],
                "endpoint_config_name": endpoint["EndpointConfigName"],
                "variants": {
                    variant["VariantName"]: variant.get("CurrentInstanceCount")
                    for variant in endpoint.get("ProductionVariants", ())
                },
                "failure_reason": endpoint.get("FailureReason"),
            }
        )
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        variants = ", ".join(f"{name} x {count}" for name, count in row["variants"].items())
        sys.stdout.write(f"{row['endpoint_name']:<24} {row['status']:<12} {row['endpoint_config_name']:<40} {variants}\n")
    if not rows:
        sys.stdout.write("There are no endpoints. `sagelens run training` ends with one.\n")
    return 0


def invoke_endpoint(endpoint: str, body: str, *, content_type: str, variant: str | None, environment: str) -> int:
    from botocore.exceptions import ClientError

    payload = sys.stdin.buffer.read() if body == "-" else _read(Path(body))
    connection = connect(environment)
    target = {"TargetVariant": variant} if variant else {}
    try:
        answer = connection.clients.get("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType=content_type, Body=payload, **target
        )
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] == "ModelError":
            original = error.response.get("OriginalMessage") or message
            raise (BadInput if error.response.get("OriginalStatusCode") == 400 else StepFailed)(
                f"The model behind '{endpoint}' refused the request: {original}"
            ) from error
        raise NotFound(f"{message} `sagelens endpoints` lists what there is.") from error
    sys.stdout.buffer.write(answer["Body"].read())
    sys.stdout.buffer.write(b"\n")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}. Name a file with the request, or - for standard input."
        ) from error
