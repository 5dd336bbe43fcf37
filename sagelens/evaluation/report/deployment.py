"""A deployment as the page shows it: what was to serve, what happened when, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report import wording
from sagelens.evaluation.report.course import CourseView, course_view
from sagelens.evaluation.report.material import Deployment, Record

__all__ = ["DeploymentView", "EventView", "deployment_views"]

_TONES = {"landed": "good", "rolled back": "bad", "failed": "bad", "inconclusive": "warn", "under way": "warn"}
_SAID = {
    "landed": "The new model serves.",
    "rolled back": "The new model was taken back; what served before serves again.",
    "failed": "The deployment failed.",
    "inconclusive": "Too little was seen of the new model to judge it.",
    "under way": "The deployment had not ended when this page was written.",
}


@dataclass(frozen=True, kw_only=True)
class EventView:
    """`after` is the time since the start, in words; `tone` is good, bad, warn or nothing."""

    after: str
    phase: str
    kind: str
    message: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class AlarmView:
    """`changes`: the time since the start, the state, the reason."""

    name: str
    watches: str
    state: str
    tone: str
    changes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class DeploymentView:
    """`compared`: a figure's name, of the old fleet, of the new one; empty where no request was seen."""

    id: str
    kind: str
    endpoint: str
    config: str
    started: float
    seconds: float | None
    clock: str
    outcome: str
    tone: str
    verdict: str
    reason: str
    strategies: tuple[str, ...]
    facts: Mapping[str, str]
    compared: tuple[tuple[str, str, str], ...]
    events: tuple[EventView, ...]
    alarms: tuple[AlarmView, ...]
    waived: str
    course: CourseView

    @property
    def title(self) -> str:
        return f"{self.kind} of {self.endpoint}"


def deployment_views(deployments: Sequence[Deployment]) -> tuple[DeploymentView, ...]:
    return tuple(_view(deployment, f"course-{number}") for number, deployment in enumerate(deployments))


def _view(deployment: Deployment, id_: str) -> DeploymentView:
    journal, observed = deployment.journal, deployment.observed
    outcome = str(journal["outcome"])
    finished = journal.get("finished")
    alarms = journal.get("alarms")
    return DeploymentView(
        id=id_,
        kind=str(journal.get("kind") or "deployment"),
        endpoint=str(journal["endpoint"]),
        config=str(journal["config"]),
        started=float(journal["started"]),
        seconds=None if finished is None else float(finished) - float(journal["started"]),
        clock=_clock(str(observed.get("clock") or "")),
        outcome=outcome,
        tone=_TONES.get(outcome, ""),
        verdict=_SAID.get(outcome, ""),
        reason=str(journal.get("reason") or ""),
        strategies=tuple(_strategy(strategy) for strategy in journal.get("strategy") or ()),
        facts=_facts(journal),
        compared=_compared(observed),
        events=tuple(_event(event, float(journal["started"])) for event in journal.get("events") or ()),
        alarms=_alarms(journal, observed),
        waived=str(alarms["waived"]) if isinstance(alarms, Mapping) and "waived" in alarms else "",
        course=course_view(journal, observed),
    )


def _strategy(strategy: Mapping[str, Any]) -> str:
    """As on the command line: `canary:size=10%,wait=600`."""
    fields = ",".join(f"{name}={value}" for name, value in strategy.items() if name != "kind")
    return f"{strategy['kind']}:{fields}" if fields else str(strategy["kind"])


def _facts(journal: Record) -> dict[str, str]:
    found = {
        "Endpoint": journal["endpoint"],
        "Started": wording.clock(float(journal["started"])),
        "By": journal.get("who"),
        "Why": journal.get("why"),
        "Model package": journal.get("model_package_arn"),
        "Model digest": journal.get("model_digest"),
        "Endpoint config": journal["config"],
        "Served before": journal.get("previous_config"),
        "Served after": journal.get("serves"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _clock(label: str) -> str:
    if label in {"", "1x"}:
        return ""
    return "on a driven clock" if label == "driven" else f"on a clock {label.removesuffix('x')} times as fast as the wall's"


def _event(event: Mapping[str, Any], started: float) -> EventView:
    kind = str(event["kind"])
    rang = "ALARM" in (event.get("alarms") or {}).values()
    return EventView(
        after=_after(float(event["time"]) - started),
        phase=str(event["phase"]),
        kind=kind,
        message=str(event["message"]),
        tone="bad" if rang else "warn" if kind == "warning" else "",
    )


def _after(seconds: float) -> str:
    """Hours, minutes and seconds since the start."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02d}:{rest:02d}" if hours else f"+{minutes}:{rest:02d}"


def _alarms(journal: Record, observed: Record) -> tuple[AlarmView, ...]:
    started = float(journal["started"])
    return tuple(
        AlarmView(
            name=str(name).removeprefix(f"{journal['config']}-"),
            watches=str(alarm.get("watches") or ""),
            state=(state := str(alarm["changes"][-1][1]) if alarm["changes"] else "OK"),
            tone="bad" if any(change[1] == "ALARM" for change in alarm["changes"]) else "good" if state == "OK" else "",
            changes=tuple((_after(float(time) - started), str(to), str(reason)) for time, to, reason in alarm["changes"]),
        )
        for name, alarm in (observed.get("alarms") or {}).items()
    )


def _compared(observed: Record) -> tuple[tuple[str, str, str], ...]:
    fleets = observed.get("fleets") or {}
    old, new = (fleets.get(name) or {} for name in ("old", "new"))
    if not _total(old, "Invocations") and not _total(new, "Invocations"):
        return ()

    def row(name: str, of: Callable[[Record], str]) -> tuple[str, str, str]:
        return name, of(old), of(new)

    return (
        row("Requests", lambda fleet: wording.count(_total(fleet, "Invocations"))),
        row("Errors 5xx", lambda fleet: _rate(fleet, "Invocation5XXErrors")),
        row("Errors 4xx", lambda fleet: _rate(fleet, "Invocation4XXErrors")),
        row("Median latency", lambda fleet: _latency(fleet, "p50")),
        row("p99 latency", lambda fleet: _latency(fleet, "p99")),
    )


def _total(fleet: Record, metric: str) -> float:
    return sum(float(value) for _, value in fleet.get(metric) or ())


def _rate(fleet: Record, metric: str) -> str:
    requests = _total(fleet, "Invocations")
    return wording.percent(_total(fleet, metric) / requests if requests else None)


def _latency(fleet: Record, statistic: str) -> str:
    """The mean over the periods, weighted by their requests, since percentiles cannot be merged."""
    weights = {float(time): float(value) for time, value in fleet.get("Invocations") or ()}
    found = [(float(value), weights.get(float(time), 0.0)) for time, value in fleet.get(f"ModelLatency {statistic}") or ()]
    total = sum(weight for _, weight in found)
    return wording.milliseconds(sum(value * weight for value, weight in found) / total / 1000 if total else None)
