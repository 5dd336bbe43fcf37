"""`endpoints` and `invoke`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagelens.cli.deployment_watch import newest_key
from sagelens.cli.names import endpoint_names, unknown_endpoint
from sagelens.cli.screen import say, width_of, wrap
from sagelens.cli.target import Connection, connect
from sagelens.deployment import Journal, Record
from sagelens.deployment.strategy import describe, strategy_of
from sagelens.errors import BadInput, StepFailed

__all__ = ["invoke_endpoint", "list_endpoints", "show_history"]


def list_endpoints(endpoint: str | None, *, environment: str, as_json: bool) -> int:
    """All endpoints, or one, with what they serve and the outcome of the last deployment in the journal."""
    connection = connect(environment)
    rows = [_row(connection, name) for name in _names(connection, endpoint)]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        variants = ", ".join(f"{name} x {count}" for name, count in row["variants"].items())
        _print_endpoint(row, variants)
    if not rows:
        say("There are no endpoints. `sagelens run training` ends with one.")
    return 0


def _print_endpoint(row: Mapping[str, Any], variants: str) -> None:
    """On one line where that fits, else its name and state on the first."""
    width = width_of(sys.stdout)
    head, serves = f"{row['endpoint_name']:<24} {row['status']:<12}", f"{row['endpoint_config_name']:<40} {variants}"
    whole = f"{head} {serves}".rstrip()
    lines = [whole] if width is None or len(whole) <= width else [head.rstrip(), *_indented(f"serves {serves}", "  ")]
    if row["pending_config_name"]:
        lines += _indented(f"being updated to {row['pending_config_name']}", "  ")
    if row["last_deployment"]:
        lines += _indented(f"last: {_said(row['last_deployment'])}", "  ")
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _indented(text: str, indent: str) -> list[str]:
    return wrap(text, width_of(sys.stdout), first=indent, rest=f"{indent}  ")


def show_history(endpoint: str | None, *, environment: str, as_json: bool) -> int:
    """The journal of an endpoint, the project's own unless named, newest first."""
    connection = connect(environment)
    name = endpoint or connection.project.deployment.endpoint
    journal = Journal(connection.s3, connection.project.environment.bucket, name)
    rows = [_short(record) for record in journal.records()] if newest_key(journal) else []
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        say(_said(row))
        for label in ("why", "reason"):
            if row[label]:
                sys.stdout.writelines(f"{line}\n" for line in _indented(f"{label}: {row[label]}", "    "))
    if not rows:
        unknown = unknown_endpoint(connection, name) if endpoint else None
        say(unknown.message if unknown else f"Endpoint '{name}' has no deployments in its journal.")
    return 0


def _names(connection: Connection, endpoint: str | None) -> list[str]:
    if endpoint is None:
        return endpoint_names(connection)
    if unknown := unknown_endpoint(connection, endpoint):
        raise unknown
    return [endpoint]


def _row(connection: Connection, name: str) -> dict[str, Any]:
    endpoint = connection.sagemaker.describe_endpoint(EndpointName=name)
    journal = Journal(connection.s3, connection.project.environment.bucket, name)
    newest = newest_key(journal)
    return {
        "endpoint_name": endpoint["EndpointName"],
        "status": endpoint["EndpointStatus"],
        "endpoint_config_name": endpoint["EndpointConfigName"],
        "pending_config_name": endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
        "variants": {
            variant["VariantName"]: variant.get("CurrentInstanceCount") for variant in endpoint.get("ProductionVariants", ())
        },
        "failure_reason": endpoint.get("FailureReason"),
        "last_deployment": _short(journal.read(newest)) if newest else None,
    }


def _short(record: Record) -> dict[str, Any]:
    """A record of the journal without its events."""
    return {
        "kind": record.kind,
        "outcome": str(record.outcome),
        "started": record.started,
        "finished": record.finished,
        "endpoint_config_name": record.config,
        "serves": record.serves,
        "model_package_arn": record.model_package_arn,
        "model_version": record.model_version,
        "strategy": [describe(strategy_of(strategy)) for strategy in record.strategy],
        "who": record.who,
        "why": record.why,
        "reason": record.reason,
    }


def _said(row: Mapping[str, Any]) -> str:
    started = datetime.fromtimestamp(row["started"], UTC)
    version = f"version {row['model_version']}" if row["model_version"] else row["endpoint_config_name"]
    strategy = ", then ".join(row["strategy"])
    return f"{started:%Y-%m-%d %H:%M:%S} UTC  {row['kind']} of {version}  {row['outcome']}  ({strategy})"


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
        raise unknown_endpoint(connection, endpoint) or BadInput(message) from error
    _show_answer(answer["Body"].read())
    return 0


def _show_answer(content: bytes) -> None:
    """As it is into a file or a pipe; a terminal is shown text."""
    if sys.stdout.isatty():
        sys.stdout.write(content.decode(errors="backslashreplace") + "\n")
    else:
        sys.stdout.buffer.write(content + b"\n")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}. Name a file with the request, or - for standard input."
        ) from error
