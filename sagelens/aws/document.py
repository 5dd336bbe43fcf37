"""execution.json made from what SageMaker's API says of an execution; its form is fixed in docs/architecture.md. Pure.

Why a cache was missed cannot be had there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagelens.aws.definition import DefinedStep
from sagelens.errors import SagelensError, from_failure_message

__all__ = ["TERMINAL", "Document", "Left", "build", "evidence_of", "log_group", "outputs_of"]

Document = dict[str, Any]
TERMINAL = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})

_CAUSE = re.compile(r"^(?:AlgorithmError|ClientError): |, exit code: \d+$")
_EVIDENCE = "evidence"


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a step has left: its job's Describe answer, its step.json, and where its evidence and its log were found."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    evidence: str | None = None
    log_stream: str | None = None


def build(
    execution: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]],
    *,
    parameters: Mapping[str, str],
    definition: Mapping[str, DefinedStep],
    left: Mapping[str, Left],
) -> Document:
    """The document. `execution` is DescribePipelineExecution's answer, `steps` ListPipelineExecutionSteps', in order of start."""
    arn = str(execution["PipelineExecutionArn"])
    status = str(execution["PipelineExecutionStatus"])
    shown = [_step(step, definition.get(step["StepName"]), left.get(step["StepName"], Left())) for step in steps]
    failed = min(
        (step for step in shown if step["status"] == "Failed"),
        key=lambda step: step["finished"] or step["started"] or 0,
        default=None,
    )
    return {
        "version": 1,
        "pipeline": arn.rpartition(":pipeline/")[2].partition("/")[0],
        "execution_id": arn.rpartition("/")[2],
        "execution_arn": arn,
        "target": "aws",
        "status": status,
        "started": _seconds(execution["CreationTime"]),
        "finished": _seconds(execution["LastModifiedTime"]) if status in TERMINAL else None,
        "parameters": dict(parameters),
        "failure_reason": execution.get("FailureReason"),
        "steps": shown,
        "tracking": None,
        "error": failed and {"kind": failed["failure"]["kind"], "step": failed["name"], "message": failed["failure"]["message"]},
    }


def _step(shown: Mapping[str, Any], defined: DefinedStep | None, left: Left) -> Document:
    kind = defined.type if defined else next(iter(shown.get("Metadata", {"Unknown": {}})))
    status = str(shown["StepStatus"])
    started, finished = _seconds(shown.get("StartTime")), _seconds(shown.get("EndTime"))
    source = shown.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    metadata: Mapping[str, Any] = next(iter(shown.get("Metadata", {}).values()), {})
    error = _error(shown, metadata, left.properties) if status == "Failed" else None
    arn, group = metadata.get("Arn"), log_group(kind)
    return {
        "name": shown["StepName"],
        "type": kind,
        "phase": left.config.get("phase"),
        "status": status,
        "started": started,
        "finished": finished,
        "seconds": None if finished is None or started is None else round(finished - started, 6),
        "cache": "hit" if source else "miss" if defined and defined.cached else "off",
        "cache_miss_reason": None,
        "cache_source": source,
        "attempts": shown.get("AttemptCount", 0),
        "job_arn": arn,
        "outputs": outputs_of(kind, left.properties, list(left.config.get("gives", ()))) if finished is not None else {},
        "evidence": left.evidence,
        "depends_on": list(defined.depends_on) if defined else [],
        "log_group": group if arn else None,
        "log_stream": left.log_stream if arn else None,
        "failure": error and {"kind": error.kind, "message": error.message},
        "outcome": str(metadata["Outcome"]).lower() == "true" if "Outcome" in metadata else None,
    }


def _error(shown: Mapping[str, Any], metadata: Mapping[str, Any], properties: Mapping[str, Any]) -> SagelensError:
    """What the program inside has left, else what SageMaker says of the job, else of the step."""
    if "ErrorMessage" in metadata:
        return from_failure_message(str(metadata["ErrorMessage"]))
    left = str(properties.get("ExitMessage") or "").strip()
    said = str(properties.get("FailureReason") or shown.get("FailureReason") or "")
    return from_failure_message(left or _CAUSE.sub("", said) or "The job failed and left no reason; see its log.")


def log_group(kind: str) -> str | None:
    return f"/aws/sagemaker/{kind}Jobs" if kind in {"Processing", "Training", "Transform"} else None


def outputs_of(kind: str, properties: Mapping[str, Any], gives: Sequence[str]) -> dict[str, str]:
    """The URI of each output by name; `gives` names a training step's, the model first."""
    match kind:
        case "Processing":
            return {name: uri for name, uri in _processing(properties).items() if name != _EVIDENCE}
        case "Training":
            model, data = properties.get("ModelArtifacts", {}).get("S3ModelArtifacts"), _training_data(properties)
            names = list(gives) or ["model"]
            return ({names[0]: model} if model else {}) | ({name: f"{data}/{name}" for name in names[1:]} if data else {})
        case "Transform":
            uri = properties.get("TransformOutput", {}).get("S3OutputPath")
            return {"output": uri} if uri else {}
    return {}


def evidence_of(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Where the step's evidence.json is, if it has written one."""
    if kind == "Training":
        data = _training_data(properties)
        return f"{data}/evidence.json" if data else None
    folder = _processing(properties).get(_EVIDENCE)
    return f"{folder.rstrip('/')}/evidence.json" if folder else None


def _processing(properties: Mapping[str, Any]) -> dict[str, str]:
    outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output}


def _training_data(properties: Mapping[str, Any]) -> str | None:
    path, name = properties.get("OutputDataConfig", {}).get("S3OutputPath"), properties.get("TrainingJobName")
    return f"{path.rstrip('/')}/{name}/output/data" if path and name else None


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
