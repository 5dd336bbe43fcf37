"""Journals of deployments, of the shape that docs/architecture.md fixes, with what CloudWatch told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.evaluation.report import Deployment
from tests.unit.report.example import PACKAGE, START, digest

OLD, NEW = "delays-0a1b2c3d4e5f-000001", "delays-1b2c3d4e5f60-000002"
CANARY = {"kind": "canary", "size": "50%", "wait": 120, "termination_wait": 60}
ALARMS = [{"kind": "metric", "name": "errors", "metric": "Invocation5XXErrors", "at_most": 0.01, "statistic": "Average"}]


def event(after: float, kind: str, phase: str, message: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "time": START + after, "phase": phase, "message": message, **more}


def told(share: float) -> dict[str, Any]:
    return {"numbers": {"traffic_share": share, "instances": 1}}


BEGINNING = (
    event(0, "begun", "begin", "deploy version 3"),
    event(2, "phase", "canary", "canary of 50% for 2m, then all, baking 1m", **told(0)),
    event(4, "progress", "canary", "Updating; AllTraffic: Creating (Launching 1 instance(s))", **told(0)),
    event(40, "progress", "canary", "Updating; AllTraffic: ActivatingTraffic (Turning on traffic)", **told(0.5)),
    event(41, "progress", "canary", "Updating; AllTraffic: Baking (Baking for 120 seconds (WaitInterval))", **told(0.5)),
)
LANDED = (
    *BEGINNING,
    event(161, "progress", "canary", "Updating; AllTraffic: Baking (Baking for 60 seconds (TerminationWait))", **told(1)),
    event(221, "progress", "canary", "Updating; AllTraffic: Deleting (Terminating 1 instance(s))", **told(1)),
    event(226, "checked", "canary", "812 requests were watched", numbers={"invocations": 812}),
    event(240, "ended", "canary", "landed."),
)
TAKEN_BACK = (
    *BEGINNING,
    event(92, "progress", "canary", "Updating; AllTraffic: Deleting (Terminating 1 instance(s))", **told(0.5)),
    event(100, "ended", "canary", "rolled back. alarm errors rang"),
)


def journal(events: tuple[Mapping[str, Any], ...] = LANDED, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "kind": "deployment",
        "endpoint": "delays",
        "config": NEW,
        "model": "delays-model",
        "model_digest": digest("model"),
        "model_uri": "s3://bucket/model/",
        "model_package_arn": PACKAGE,
        "model_version": "3",
        "previous_config": OLD,
        "who": "arn:aws:iam::000000000000:user/anna",
        "why": "a better model",
        "strategy": [CANARY],
        "alarms": ALARMS,
        "started": START,
        "updated": events[-1]["time"],
        "finished": events[-1]["time"],
        "outcome": "landed",
        "reason": "",
        "serves": NEW,
        "phase": "canary",
        "stage": 0,
        "stage_started": START,
        "trial_configs": [],
        "events": list(events),
        **more,
    }


def series(begin: float, end: float, value: float, *, period: int = 10) -> list[list[float]]:
    """A wavering value for every period."""
    times = range(int(begin), int(end), period)
    return [[START + time, value * (1 + 0.2 * ((time // period * 7) % 5 - 2) / 2)] for time in times]


def observed(*, until: float = 240, failing: float = 0.0, rang: float | None = None) -> dict[str, Any]:
    changes = [[START + 2, "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"], [START + 50, "OK", "no breach"]]
    if rang is not None:
        changes.append([START + rang, "ALARM", "Threshold Crossed: 1 datapoint [0.5] was greater than the threshold (0.01)."])
    return {
        "version": 1,
        "clock": "60x",
        "period": 10,
        "fleets": {
            "old": {
                "Invocations": series(0, min(160, until), 50),
                "Invocation5XXErrors": series(0, min(160, until), 0),
                "ModelLatency p50": series(0, min(160, until), 2100),
                "ModelLatency p99": series(0, min(160, until), 5200),
            },
            "new": {
                "Invocations": [*series(40, min(160, until), 50), *series(160, until, 100)],
                "Invocation5XXErrors": series(40, until, 50 * failing),
                "ModelLatency p50": series(40, until, 2400),
                "ModelLatency p99": series(40, until, 6100),
            },
        },
        "alarms": {f"{NEW}-errors": {"watches": "Average of Invocation5XXErrors above 1 % for 1 x 60 s", "changes": changes}},
    }


def landed() -> Deployment:
    return Deployment(journal=journal(), observed=observed())


def rolled_back(*, reason: str = "alarm errors rang at 16:01:31 UTC: Threshold Crossed") -> Deployment:
    more = {"outcome": "rolled back", "reason": reason, "serves": OLD}
    return Deployment(journal=journal(TAKEN_BACK, **more), observed=observed(until=100, failing=0.5, rang=91))
