"""What to do next, as commands that work as printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagelens.cli.hints import hinted
from sagelens.errors import BadInput, StepFailed, error_of_kind
from sagelens.text.hint import hint

__all__ = ["commands_to_try", "debug_offer", "try_command"]

_PROGRAM = """
import boto3, sys
client = boto3.client("sagemaker-runtime", region_name="{region}")
answer = client.invoke_endpoint(
    EndpointName="{endpoint}",
    ContentType="application/json",
    Body=sys.stdin.read(),
)
print(answer["Body"].read().decode())
"""
_DEBUGGABLE = frozenset({"Processing", "Training"})


def debug_offer(document: Mapping[str, Any]) -> str:
    """For a step that failed by its code or by what it was given: how to run it again in a debugger. Empty for a verdict."""
    error = document["error"]
    if error is None or not issubclass(error_of_kind(error["kind"]), StepFailed | BadInput):
        return ""
    step = next((step for step in document["steps"] if step["name"] == error["step"]), None)
    if step is None or step["type"] not in _DEBUGGABLE or not step["job_arn"]:
        return ""
    words = document["execution_id"], step["name"]
    return f"{hint('debug', *words)} runs it in pdb on the same inputs; {hint('logs', *words)} has all that it wrote."


def try_command(version: str, endpoint: str) -> str:
    """Sends the model's own example to the endpoint that serves it."""
    return f"{_example(version)} | {hinted('invoke', endpoint)}"


def commands_to_try(version: str, endpoint: str, *, region: str, local: bool) -> dict[str, str]:
    """The same by other clients, by what they are: each is lines for a POSIX shell."""
    setting = 'eval "$(sagelens local env)"' if local else 'eval "$(aws configure export-credentials --format env)"'
    curl = " ".join(_curl(endpoint, region, local=local))
    program = _PROGRAM.format(endpoint=endpoint, region=region)
    return {
        "curl": f"{setting}\n{_example(version)} | {curl}",
        "boto3": f"{setting}\n{_example(version)} | python3 -c '{program}'",
    }


def _curl(endpoint: str, region: str, *, local: bool) -> Iterator[str]:
    yield f"curl -sS --aws-sigv4 aws:amz:{region}:sagemaker"
    yield '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    if not local:
        yield '-H "x-amz-security-token: $AWS_SESSION_TOKEN"'
    yield "-H content-type:application/json --data-binary @-"
    base = '"$AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"' if local else f"https://runtime.sagemaker.{region}.amazonaws.com"
    yield f"{base}/endpoints/{endpoint}/invocations"


def _example(version: str) -> str:
    return hinted("models", "show", version, "--example", "--json")
