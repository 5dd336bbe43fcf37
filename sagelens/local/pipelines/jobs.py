"""The job, model or package behind a step: which operations make it, and what became of it."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.errors import from_failure_message
from sagelens.local.pipelines.scheduler import State

__all__ = ["JOBS", "JobKind", "Outcome", "job_name", "outcome", "random_word"]

_LETTERS = string.ascii_lowercase + string.digits
_LONGEST = 63


@dataclass(frozen=True)
class JobKind:
    """`create`, `stop` and `describe` are operations; the rest are field names. What has no `stop` is made at once."""

    create: str
    name: str
    arn: str
    stop: str | None = None
    status: str = ""
    describe: str = ""
    describe_by: str = ""
    log_group: str | None = None


JOBS = {
    noun: JobKind(
        create=f"sagemaker.Create{noun}Job",
        name=f"{noun}JobName",
        arn=f"{noun}JobArn",
        stop=f"sagemaker.Stop{noun}Job",
        status=f"{noun}JobStatus",
        log_group=f"/aws/sagemaker/{noun}Jobs",
    )
    for noun in ("Processing", "Training", "Transform")
} | {
    "Model": JobKind(
        create="sagemaker.CreateModel",
        name="ModelName",
        arn="ModelArn",
        describe="sagemaker.DescribeModel",
        describe_by="ModelName",
    ),
    "RegisterModel": JobKind(
        create="sagemaker.CreateModelPackage",
        name="",
        arn="ModelPackageArn",
        describe="sagemaker.DescribeModelPackage",
        describe_by="ModelPackageName",
    ),
}

_STATES = {"Completed": State.SUCCEEDED, "Failed": State.FAILED, "Stopped": State.STOPPED}
_CAUSE = re.compile(r"^(?:AlgorithmError|ClientError): |, exit code: \d+$")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended. `reason` is AWS's sentence, `kind` and `message` are what the program inside has left."""

    state: State
    reason: str | None = None
    kind: str | None = None
    message: str | None = None


def outcome(kind: JobKind, properties: Mapping[str, Any], *, asked_to_stop: bool) -> Outcome:
    """Read the Describe answer of a job that has ended. One that was stopped, but not by us, has failed its step."""
    state = _STATES.get(properties.get(kind.status, ""), State.FAILED)
    if state is State.STOPPED and not asked_to_stop:
        why = "ran longer than its limit" if properties.get("SecondaryStatus") == "MaxRuntimeExceeded" else "was stopped"
        message = f"Its job {properties.get(kind.name, '')} {why}."
        return Outcome(state=State.FAILED, reason=f"ClientError: {message}", kind="step-failed", message=message)
    if state is not State.FAILED:
        return Outcome(state=state)
    reason, left = str(properties.get("FailureReason") or ""), str(properties.get("ExitMessage") or "")
    error = from_failure_message(left.strip() or _CAUSE.sub("", reason) or "The job failed and left no reason; see its log.")
    shown = f"{reason} {left}".strip() if left and left not in reason else reason
    return Outcome(state=state, reason=shown or error.message, kind=error.kind, message=error.message)


def random_word(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def job_name(execution_id: str, step: str, prefix: str = "") -> str:
    """`pipelines-<execution id>-<step>-<random>` in at most 63 characters; with a prefix of the step's own, `<prefix>-...`."""
    tail = f"-{random_word(10)}"
    room = _LONGEST - len(tail)
    head = f"{prefix[: room - len(execution_id) - 1]}-{execution_id}" if prefix else f"pipelines-{execution_id}-{step}"[:room]
    return re.sub(r"[^A-Za-z0-9]+", "-", head).strip("-") + tail
