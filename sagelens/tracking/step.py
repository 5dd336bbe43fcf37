"""What of one step goes to MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagelens.tracking.client import key_of, long_names, value_of

__all__ = ["ENDED", "RUN_STATUS", "no_numbers", "numbers", "step_curves", "step_metrics", "step_tags", "verdict_tags"]

RUN_STATUS = {"Succeeded": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}
ENDED = frozenset(RUN_STATUS)

_FIELDS = (
    "phase",
    "status",
    "cache",
    "cache_miss_reason",
    "cache_source",
    "type",
    "job_arn",
    "attempts",
    "log_group",
    "log_stream",
)


def step_tags(step: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, str]:
    """The document's fields, then those of the evidence."""
    tags = {f"sagelens.{field}": value_of(step[field]) for field in _FIELDS if step.get(field) is not None}
    if failure := step.get("failure"):
        tags["sagelens.failure"] = value_of(f"{failure['kind']}: {failure['message']}")
    if step.get("outcome") is not None:
        tags["sagelens.outcome"] = str(step["outcome"])
    for field in ("function", "code_digest"):
        if evidence.get(field):
            tags[f"sagelens.{field}"] = value_of(evidence[field])
    tags |= {f"sagelens.fact.{key_of(name)}": value_of(value) for name, value in evidence.get("facts", {}).items()}
    if evidence.get("versions"):
        tags["sagelens.versions"] = value_of(", ".join(f"{name} {version}" for name, version in evidence["versions"].items()))
    return {
        **tags,
        **verdict_tags(evidence),
        **long_names([*evidence.get("metrics", {}), *evidence.get("parameters", {}), *(evidence.get("curves") or {})]),
        "mlflow.source.name": evidence.get("function") or step["name"],
        "mlflow.source.type": "JOB",
    }


def verdict_tags(evidence: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"sagelens.gate.{key_of(verdict['gate'])}": value_of(
            ("passed: " if verdict["passed"] else "failed: ") + verdict["summary"]
        )
        for verdict in evidence.get("verdicts", ())
    }


def step_metrics(step: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, float]:
    """The step's own figures, and what it cost."""
    cost = {
        "step/seconds": step.get("seconds"),
        "step/cpu_seconds": evidence.get("cpu_seconds"),
        "step/peak_memory": evidence.get("peak_memory"),
    }
    found = {**evidence.get("metrics", {}), **{name: value for name, value in cost.items() if value is not None}}
    return numbers(found)


def numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    """Those that are numbers, by their keys; `no_numbers` names the others."""
    return {key_of(name): number for name, value in figures.items() if (number := _number(value)) is not None}


def no_numbers(evidence: Mapping[str, Any]) -> list[str]:
    """Figures that MLflow cannot keep, since they are no numbers or too large for one of its."""
    return [name for name, value in evidence.get("metrics", {}).items() if _number(value) is None]


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def step_curves(step: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """By name, the value of each round that has one. A curve that is called like one of the step's figures is `curve/<name>`."""
    taken = step_metrics(step, evidence)
    curves: Mapping[str, Sequence[float | None]] = evidence.get("curves") or {}
    named = {(f"curve/{name}" if key_of(name) in taken else name): values for name, values in curves.items()}
    return {key_of(name): _known_rounds(values) for name, values in named.items()}


def _known_rounds(values: Sequence[float | None]) -> dict[int, float]:
    return {number: float(value) for number, value in enumerate(values) if value is not None}
