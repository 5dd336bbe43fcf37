"""What is deployed under load: every strategy with sound models, and with faulty ones of every kind."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sagelens.testing.models import Fault
from sagelens.values.guard import Alarms, MetricGuard
from sagelens.values.quantity import Size
from sagelens.values.strategy import AllAtOnce, Canary, Linear, Rolling, Shadow, Strategy, Weighted

__all__ = ["ALARMS", "FAULTS", "INSTANCES", "SLOW_SECONDS", "STRATEGIES", "Case", "cases", "expected_reason"]

INSTANCES = 3
SLOW_SECONDS = 1.0
"""By which the slow model delays each answer. An alarm rings when the median exceeds 80% of it in two minutes in a row: neither
busy cores nor a machine that stands still for a second do that."""
_BAKE = 600
"""Seconds of each bake, on the service's clock: more than twice as long as the hundredth request of each server takes, at 60x."""
_TRIAL = 1200
"""The same for a trial, in which the servers get half of the traffic."""
_ONE = Size(1, percent=False)
_THEN_ALL = AllAtOnce(termination_wait=60)

STRATEGIES: dict[str, tuple[Strategy, ...]] = {
    "all-at-once": (AllAtOnce(termination_wait=_BAKE),),
    "canary": (Canary(size=_ONE, wait=_BAKE, termination_wait=_BAKE),),
    "linear": (Linear(size=_ONE, wait=_BAKE, termination_wait=_BAKE),),
    "rolling": (Rolling(size=_ONE, wait=_BAKE),),
    "shadow": (Shadow(duration=3600, error_margin=0.002, latency_floor=SLOW_SECONDS / 2), _THEN_ALL),
    "weighted": (Weighted(share=0.5, duration=_TRIAL), _THEN_ALL),
}
FAULTS = (Fault.RAISES, Fault.SLOW, Fault.RUBBISH, Fault.UNHEALTHY, Fault.DIES)

ALARMS = Alarms(
    guards=(
        MetricGuard(what="errors", metric="Invocation5XXErrors", threshold=0.01),
        MetricGuard(what="latency", metric="ModelLatency", threshold=SLOW_SECONDS * 0.8e6, statistic="p50", evaluation_periods=2),
    )
)


@dataclass(frozen=True)
class Case:
    """One deployment: the kind of its first strategy, and what is wrong with the model."""

    place: int
    kind: str
    fault: Fault

    @property
    def sound(self) -> bool:
        return self.fault is Fault.NONE


def cases(count: int, seed: int) -> list[Case]:
    """So many, a third of them faulty. Kinds and faults come in turn, so thirty faulty ones meet every pair; then shuffled."""
    kinds = tuple(STRATEGIES)
    faulty = -(-count // 3)
    drawn = [(kinds[n % len(kinds)], FAULTS[n % len(FAULTS)]) for n in range(faulty)]
    drawn += [(kinds[n % len(kinds)], Fault.NONE) for n in range(count - faulty)]
    random.Random(seed).shuffle(drawn)
    return [Case(place, kind, fault) for place, (kind, fault) in enumerate(drawn, start=1)]


def expected_reason(case: Case) -> str:
    """What the reason of a rollback must name."""
    by_comparison = case.kind == "shadow"
    reasons = {
        Fault.NONE: "",
        Fault.RAISES: "error rate" if by_comparison else "-errors",
        Fault.SLOW: "latency" if by_comparison else "-latency",
        Fault.RUBBISH: "golden set",
        Fault.UNHEALTHY: "health check",
        Fault.DIES: "error rate" if by_comparison else "-errors",
    }
    return reasons[case.fault]
