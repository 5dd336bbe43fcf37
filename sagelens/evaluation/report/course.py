"""The course of a deployment over time: phases, traffic, latency, errors and alarms on one time axis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sagelens.evaluation.report.chart import Panel, Span, TimeAxis, panel, points, steps
from sagelens.evaluation.report.material import Record

__all__ = ["CourseView", "course_view"]

Point = tuple[float, float]

_STATUS = re.compile(r": (Creating|Updating|Deleting|ActivatingTraffic|Baking)\b")
_WORDS = {
    "Creating": "starting instances",
    "ActivatingTraffic": "moving traffic",
    "Baking": "baking",
    "Deleting": "removing instances",
    "Updating": "updating",
}
_FLEETS = (("old", "old fleet"), ("new", "new fleet"))


@dataclass(frozen=True, kw_only=True)
class CourseView:
    """`phases` are the stages of the chain, `states` what the endpoint said of its instances; `alarms`: a row of spans a name."""

    axis: TimeAxis
    phases: tuple[Span, ...]
    states: tuple[Span, ...]
    shifts: tuple[float, ...]
    panels: tuple[Panel, ...]
    alarms: tuple[tuple[str, tuple[Span, ...]], ...]


def course_view(journal: Record, observed: Record) -> CourseView:
    events = sorted(journal.get("events") or (), key=lambda event: float(event["time"]))
    axis = _axis(journal, events)
    share = _told_share(journal, events, observed)
    return CourseView(
        axis=axis,
        phases=tuple(_spans(axis, [(event["time"], event["phase"]) for event in events], "phase")),
        states=tuple(_spans(axis, [(event["time"], _state(event)) for event in events], "state")),
        shifts=tuple(axis.place(moment) for (_, before), (moment, after) in pairwise(share) if before != after),
        panels=tuple(_panels(axis, share, observed)),
        alarms=tuple(_alarms(axis, journal, observed)),
    )


def _axis(journal: Record, events: Sequence[Record]) -> TimeAxis:
    start = float(journal["started"])
    known = [journal.get("finished"), journal.get("updated"), *(event["time"] for event in events), start + 1]
    return TimeAxis(start=start, end=max(float(moment) for moment in known if moment is not None))


def _spans(axis: TimeAxis, found: Sequence[tuple[float, str]], look: str) -> Iterator[Span]:
    """A span from each change to the next one; nothing where there is no word for it."""
    changes = [found[0], *(new for old, new in pairwise(found) if old[1] != new[1])] if found else []
    for (begin, word), (end, _) in pairwise([*changes, (axis.end, "")]):
        if word and end > begin:
            yield axis.span(begin, end, f"{look} {_look(word)}", word, f"{word}: {_seconds(end - begin)}")


def _look(word: str) -> str:
    return re.sub(r"[^a-z]+", "-", word.lower()).strip("-")


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _state(event: Record) -> str:
    found = _STATUS.findall(str(event["message"])) if event["kind"] == "progress" else []
    return _WORDS[found[-1]] if found else ""


def _told_share(journal: Record, events: Sequence[Record], observed: Record) -> list[Point]:
    """The share of the traffic that the new model was given, as the deployer told it, and what it came to.

    After the alarm that undid a rollout the new fleet has none, whatever was told of its instances until they were gone.
    """
    told = [(float(e["time"]), float(e["numbers"]["traffic_share"])) for e in events if "traffic_share" in e.get("numbers", {})]
    if not told:
        return []
    found = [(float(journal["started"]), 0.0), *told]
    undone = _rung(observed) if journal["outcome"] == "rolled back" else None
    if undone is not None:
        return [*((moment, share) for moment, share in found if moment < undone), (undone, 0.0)]
    finished, serves = journal.get("finished"), journal.get("serves")
    if finished is not None and serves in {journal["config"], journal.get("previous_config")}:
        found.append((float(finished), float(serves == journal["config"])))
    return found


def _rung(observed: Record) -> float | None:
    """When the first alarm rang."""
    alarms = (observed.get("alarms") or {}).values()
    return min((float(time) for alarm in alarms for time, state, _ in alarm["changes"] if state == "ALARM"), default=None)


def _panels(axis: TimeAxis, share: Sequence[Point], observed: Record) -> Iterator[Panel]:
    fleets = {name: (observed.get("fleets") or {}).get(name) or {} for name, _ in _FLEETS}
    period = float(observed.get("period") or 60)
    measured = _measured_share(fleets["old"], fleets["new"])
    if share or measured:
        told = [(moment, 100 * value) for moment, value in share]
        seen = [(moment, 100 * value) for moment, value in measured]
        yield panel(
            "Traffic of the new fleet",
            note="the line is what it was given, the dots are what it got",
            height=130,
            top=100,
            unit=" %",
            lines=[
                (steps(told, axis), "new strong", "share given to the new fleet"),
                ([[point] for piece in points(seen, axis, period) for point in piece], "new dots", "share of the requests"),
            ],
        )
    if any(fleet.get("ModelLatency p99") for fleet in fleets.values()):
        yield _latency(axis, fleets, period)
    if any(fleet.get("Invocations") for fleet in fleets.values()):
        yield _errors(axis, fleets, period)


def _latency(axis: TimeAxis, fleets: dict[str, Record], period: float) -> Panel:
    found = {
        (name, statistic): [(float(t), float(v) / 1000) for t, v in fleets[name].get(f"ModelLatency {statistic}") or ()]
        for name, _ in _FLEETS
        for statistic in ("p50", "p99")
    }
    return panel(
        "Model latency",
        note="in milliseconds; full lines are p99, fine ones p50",
        height=150,
        top=max((value for series in found.values() for _, value in series), default=0),
        unit="",
        lines=[
            (points(found[name, statistic], axis, period), f"{name} {look}", f"{statistic} of the {said}")
            for statistic, look in (("p50", "fine"), ("p99", "strong"))
            for name, said in _FLEETS
        ],
    )


def _errors(axis: TimeAxis, fleets: dict[str, Record], period: float) -> Panel:
    """5xx as full lines, 4xx as fine ones where there were any."""
    kinds = (("Invocation5XXErrors", "strong", "5xx"), ("Invocation4XXErrors", "fine", "4xx"))
    found = {(name, metric): _rates(fleets[name], metric) for name, _ in _FLEETS for metric, _, _ in kinds}
    callers = any(value for (_, metric), series in found.items() if metric == "Invocation4XXErrors" for _, value in series)
    top = max((value for series in found.values() for _, value in series), default=0)
    return panel(
        "Errors",
        note="answers 5xx in per cent of the requests" + ("; fine lines are answers 4xx" if callers else ""),
        height=110,
        top=max(top, 1.0),
        unit=" %",
        lines=[
            (points(found[name, metric], axis, period), f"{name} {look}", f"{word} of the {said}")
            for metric, look, word in kinds[: 2 if callers else 1]
            for name, said in _FLEETS
        ],
    )


def _rates(fleet: Record, metric: str) -> list[Point]:
    """In per cent of the requests of each period; no errors where CloudWatch has no point of them."""
    errors = {float(time): float(value) for time, value in fleet.get(metric) or ()}
    requests = [(float(time), float(value)) for time, value in fleet.get("Invocations") or ()]
    return [(time, 100 * errors.get(time, 0.0) / count) for time, count in requests if count]


def _measured_share(old: Record, new: Record) -> list[Point]:
    counts = [{float(time): float(value) for time, value in fleet.get("Invocations") or ()} for fleet in (old, new)]
    totals = {time: counts[0].get(time, 0.0) + counts[1].get(time, 0.0) for time in sorted({*counts[0], *counts[1]})}
    return [(time, counts[1].get(time, 0.0) / total) for time, total in totals.items() if total]


def _alarms(axis: TimeAxis, journal: Record, observed: Record) -> Iterator[tuple[str, tuple[Span, ...]]]:
    for name, alarm in (observed.get("alarms") or {}).items():
        changes = [(float(time), str(state)) for time, state, _ in alarm["changes"]]
        yield str(name).removeprefix(f"{journal['config']}-"), tuple(_spans(axis, changes, "watch"))
