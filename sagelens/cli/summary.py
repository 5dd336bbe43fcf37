"""What is printed when a run has ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sagelens.cli.execution import Document
from sagelens.cli.hints import complete
from sagelens.cli.offers import debug_offer, try_command
from sagelens.cli.screen import command_lines, complain, fit, labelled, near, say, shorten, width_of, wrap
from sagelens.cli.step_lines import columns_of, step_lines
from sagelens.errors import SagelensError
from sagelens.text.hint import hint

__all__ = ["HEADLINES", "print_execution", "print_summary"]

HEADLINES = ("roc_auc", "baseline_roc_auc", "pr_auc", "log_loss", "brier", "threshold", "cost_per_1000")
_BESIDE = 21  # columns of a fact's label


def print_summary(documents: list[Document], result: dict[str, Any], error: SagelensError | None) -> None:
    out, width = sys.stdout.write, width_of(sys.stdout)
    reused = sum(step["cache"] == "hit" for step in result["steps"])
    seconds = sum((document["finished"] or document["started"]) - document["started"] for document in documents)
    ended = f"{documents[0]['pipeline']} {result['status']} in {seconds:.1f} s"
    ended += f", {reused} of {len(result['steps'])} steps reused" if reused else ""
    out("\n" + "\n".join(wrap(ended, width, rest="  ")) + "\n")
    for name, figure in _headline(result["metrics"]):
        out(f"  {name:<18} {figure:.4f}\n")
    for label, value in _links(documents, result, None if width is None else width - _BESIDE):
        out("\n".join(labelled(label, complete(value), width)) + "\n")
    if result["endpoint_name"] and result["model_package_arn"] and error is None:
        tried = try_command(result["model_package_arn"].rpartition("/")[2], result["endpoint_name"])
        out("\n".join(["", "Try it:", *command_lines(tried, width, indent="  ")]) + "\n")
    if error is not None:
        complain(error.message)


def print_execution(document: Document) -> None:
    """One execution, step by step."""
    out, width = sys.stdout.write, width_of(sys.stdout)
    pipeline, arn = document["pipeline"], document["execution_arn"]
    room = None if width is None else width - len(pipeline) - 2
    run = fit(room, arn, document["execution_id"])
    out((pipeline if width is None else shorten(pipeline, width - len(run) - 2)) + f"  {run}\n")
    why = f": {document['failure_reason']}" if document["failure_reason"] else ""
    out("\n".join(wrap(f"{document['status']}{why}", width, rest="  ")) + "\n")
    columns = columns_of(document["steps"], None if width is None else width - 2)
    for step in document["steps"]:
        lines = step_lines(step, columns, _reason(step), extra=f"{step['cache']:<5}")
        out("".join(f"  {line}\n" for line in lines))
    if offer := debug_offer(document):
        say(offer)


def _reason(step: dict[str, Any]) -> str:
    if step["failure"]:
        return str(step["failure"]["message"])
    return step["cache_miss_reason"] or ""


def _headline(metrics: dict[str, float]) -> Iterable[tuple[str, float]]:
    return ((name, metrics[name]) for name in HEADLINES if name in metrics)


def _links(documents: list[Document], result: dict[str, Any], room: int | None) -> Iterable[tuple[str, str]]:
    """Facts with their labels. Where an ARN does not fit, what commands take for it stands there."""
    yield "execution", fit(room, result["execution_arn"], documents[0]["execution_id"])
    if package := result["model_package_arn"]:
        yield "model package", fit(room, package, package.rpartition(":model-package/")[2].replace("/", " version "))
    if result["endpoint_name"]:
        yield "endpoint", result["endpoint_name"]
    tracking = documents[0].get("tracking")
    if tracking and "error" in tracking:
        yield "MLflow", f"not tracked: {tracking['error']}"
    for step, problem in ((tracking or {}).get("problems") or {}).items():
        yield "MLflow", f"step {step} is not wholly tracked: {problem}"
    if tracking and "run_id" in tracking:
        yield "MLflow run", f"{tracking['run_id']} in {tracking['experiment']} ({hint('ui')})"
    if result["report"]:
        yield "report", near(result["report"])
