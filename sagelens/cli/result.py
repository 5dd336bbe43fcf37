"""What a run came to: the one JSON object of `--json`, and the error that decides the exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sagelens.cli.execution import Document
from sagelens.cli.objects import read_json_or_none
from sagelens.cli.offers import debug_offer
from sagelens.errors import SagelensError, StepFailed, error_of_kind

__all__ = ["error_of", "evidence_of", "facts_of", "metrics_of", "result_of", "step_rows"]

_SPEAKING = frozenset({"evaluation", "registration", "deployment", "batch-scoring"})


def step_rows(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The steps of some executions as `--json` shows them."""
    return [
        {
            "name": step["name"],
            "phase": step["phase"],
            "status": step["status"],
            "seconds": step["seconds"],
            "cache": step["cache"],
            "cache_miss_reason": step["cache_miss_reason"],
        }
        for document in documents
        for step in document["steps"]
    ]


def result_of(documents: Sequence[Document], evidence: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`documents`: the execution asked for, then those that followed from it; `evidence`: what their steps left."""
    facts = facts_of(evidence)
    last = documents[-1]
    error = next((document["error"] for document in documents if document["error"]), None)
    return {
        "execution_arn": documents[0]["execution_arn"],
        "status": next((d["status"] for d in documents if d["status"] != "Succeeded"), last["status"]),
        "steps": step_rows(documents),
        "metrics": metrics_of(evidence),
        "model_package_arn": facts.get("model_package_arn"),
        "endpoint_name": facts.get("endpoint_name"),
        "report": None,
        **({"error": error} if error else {}),
        **({"tracking": failed} if (failed := _untracked(documents)) else {}),
    }


def _untracked(documents: Sequence[Document]) -> dict[str, Any]:
    """What of the executions MLflow does not show; empty where it has all."""
    tracked = [document.get("tracking") or {} for document in documents]
    problems = {step: problem for found in tracked for step, problem in found.get("problems", {}).items()}
    errors = [found["error"] for found in tracked if "error" in found]
    return {**({"error": errors[0]} if errors else {}), **({"problems": problems} if problems else {})}


def metrics_of(evidence: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The metrics of the evaluation, those of slices apart."""
    return {
        name: value
        for record in evidence
        if record["phase"] == "evaluation"
        for name, value in record["metrics"].items()
        if "/" not in name
    }


def facts_of(evidence: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {name: value for record in evidence for name, value in record["facts"].items()}


def error_of(document: Document) -> SagelensError | None:
    """The error that an execution ended with; None when it succeeded."""
    if document["status"] == "Succeeded":
        return None
    error = document["error"]
    if error is None:
        return StepFailed(document["failure_reason"] or f"Execution {document['execution_arn']} ended {document['status']}.")
    return error_of_kind(error["kind"])(f"Step '{error['step']}': {_ended(error['message'], debug_offer(document))}")


def _ended(message: str, then: str) -> str:
    """A message with a sentence after it."""
    if not then:
        return message
    return f"{message} {then}" if message.endswith((".", "!", "?")) else f"{message}. {then}"


def evidence_of(s3: Any, document: Document, phases: Collection[str] = _SPEAKING) -> list[dict[str, Any]]:
    """The evidence of the steps of some phases; by default of those that metrics and facts come from."""
    uris = [step["evidence"] for step in document["steps"] if step["evidence"] and step["phase"] in phases]
    return [record for uri in uris if (record := read_json_or_none(s3, uri)) is not None]
