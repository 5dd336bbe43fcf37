"""What is printed when a run has ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sagelens.cli.execution import Document
from sagelens.cli.view import verdict_of
from sagelens.errors import SagelensError

__all__ = ["print_execution", "print_summary"]

_HEADLINES = ("roc_auc", "baseline_roc_auc", "pr_auc", "log_loss", "brier", "threshold", "cost_per_1000")


def print_summary(documents: list[Document], result: dict[str, Any], error: SagelensError | None) -> None:
    out = sys.stdout.write
    reused = sum(step["cache"] == "hit" for step in result["steps"])
    seconds = sum((document["finished"] or document["started"]) - document["started"] for document in documents)
    out(f"\n{documents[0]['pipeline']} {result['status']} in {seconds:.1f} s")
    out(f", {reused} of {len(result['steps'])} steps reused\n" if reused else "\n")
    for name, value in _headline(result["metrics"]):
        out(f"  {name:<18} {value:.4f}\n")
    for label, link in _links(documents, result):
        out(f"  {label:<18} {link}\n")
    if error is not None:
        sys.stderr.write(f"sagelens: {error.message}\n")


def print_execution(document: Document) -> None:
    out = sys.stdout.write
    out(f"{document['pipeline']}  {document['execution_arn']}\n{document['status']}")
    out(f": {document['failure_reason']}\n" if document["failure_reason"] else "\n")
    for step in document["steps"]:
        seconds = f"{step['seconds']:.2f} s" if step["seconds"] is not None else ""
        name, status = verdict_of(step)
        out(f"  {name:<24} {status:<10} {seconds:>9}  {step['cache']:<5} {_reason(step)}".rstrip() + "\n")


def _reason(step: dict[str, Any]) -> str:
    if step["failure"]:
        return str(step["failure"]["message"])
    return step["cache_miss_reason"] or ""


def _headline(metrics: dict[str, float]) -> Iterable[tuple[str, float]]:
    return ((name, metrics[name]) for name in _HEADLINES if name in metrics)


def _links(documents: list[Document], result: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "execution", result["execution_arn"]
    if result["model_package_arn"]:
        yield "model package", result["model_package_arn"]
    if result["endpoint_name"]:
        yield "endpoint", f"{result['endpoint_name']} (sagelens invoke {result['endpoint_name']} request.json)"
    tracking = documents[0].get("tracking")
    if tracking and "error" in tracking:
        yield "MLflow", f"not tracked: {tracking['error']}"
    for step, problem in ((tracking or {}).get("problems") or {}).items():
        yield "MLflow", f"step {step} is not wholly tracked: {problem}"
    if tracking and "run_id" in tracking:
        yield "MLflow run", f"{tracking['run_id']} in {tracking['experiment']} (sagelens ui)"
    if result["report"]:
        yield "report", result["report"]
