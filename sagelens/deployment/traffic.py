"""Whether a fleet got enough requests to be judged by."""

from __future__ import annotations

from sagelens.deployment.alarms import Fleet
from sagelens.deployment.events import EventKind
from sagelens.deployment.metrics import invocations_of
from sagelens.deployment.run import Run

__all__ = ["enough_traffic"]

_SETTLING = 90
"""Seconds after which CloudWatch has surely counted a request."""


def enough_traffic(run: Run, fleet: Fleet, *, least: int, since: float, phase: str) -> str:
    """Empty if there were at least so many; else what is lacking. Waits for CloudWatch to have counted."""
    if least < 1:
        return ""
    seen = 0.0

    def counted() -> bool:
        nonlocal seen
        run.read()
        seen = invocations_of(fleet, since=since, until=run.pace.time(), cloudwatch=run.services.cloudwatch)
        return seen >= least

    if run.pace.until(counted, timeout=_SETTLING):
        run.recorder.tell(EventKind.CHECKED, phase, f"{seen:g} requests were watched", numbers={"invocations": seen})
        return ""
    said = f"it got {seen:g} requests while it was watched and at least {least} are needed to judge it."
    run.recorder.tell(EventKind.WARNING, phase, said, numbers={"invocations": seen})
    return f"{said} Send it traffic while it bakes, bake longer, or lower deployment.minimum_invocations."
