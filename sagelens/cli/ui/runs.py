"""The runs that MLflow has of us, with their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TrackedRun", "tracked_runs"]

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]

_PAGE = 200
_MOST = 1000  # runs on the page
_OURS = "tags.`sagelens.execution_id` != ''"  # an execution's own run; those of its steps lie below it


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """One execution. `started` is in seconds since the epoch; `seconds` is None while it runs; `metrics` are not of slices."""

    execution: str
    pipeline: str
    status: str
    started: float
    seconds: float | None
    experiment_id: str
    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)


def tracked_runs(ask: Ask) -> list[TrackedRun]:
    """The executions of all experiments, newest first. `ask` sends one request of MLflow's REST API."""
    experiments = [found["experiment_id"] for found in _pages(ask, "experiments/search", "experiments", {})]
    if not experiments:
        return []
    query = {"experiment_ids": experiments, "filter": _OURS, "order_by": ["attributes.start_time DESC"]}
    return [_run(found) for found in _pages(ask, "runs/search", "runs", query)]


def _pages(ask: Ask, path: str, name: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    given, token = 0, None
    while given < _MOST:
        answer = ask(path, {**query, "max_results": _PAGE, **({"page_token": token} if token else {})})
        found = answer.get(name, [])
        yield from found
        given, token = given + len(found), answer.get("next_page_token")
        if not token or not found:
            return


def _run(found: Mapping[str, Any]) -> TrackedRun:
    info, data = found["info"], found.get("data", {})
    tags = {tag["key"]: tag["value"] for tag in data.get("tags", ())}
    ended = info.get("end_time")
    return TrackedRun(
        execution=tags["sagelens.execution_id"],
        pipeline=tags.get("sagelens.pipeline", ""),
        status=tags.get("sagelens.status") or str(info["status"]).capitalize(),
        started=info["start_time"] / 1000,
        seconds=(ended - info["start_time"]) / 1000 if ended else None,
        experiment_id=str(info["experiment_id"]),
        run_id=str(info["run_id"]),
        metrics={metric["key"]: float(metric["value"]) for metric in data.get("metrics", ()) if "/" not in metric["key"]},
    )
