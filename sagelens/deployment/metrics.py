"""What CloudWatch counted of a fleet: whether a bake saw traffic at all, and how a shadow compares with production."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.deployment.alarms import Fleet
from sagelens.deployment.strategy import Shadow
from sagelens.values import CloudWatchClient
from sagelens.values.guard import SAGEMAKER
from sagelens.values.quantity import as_percent

__all__ = ["Figures", "figures_of", "invocations_of", "regression"]

_MINUTE = 60
_MOST_POINTS = 1440
_PERCENTILE = "p95"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one fleet over a span: requests, how many the model failed, p95 of ModelLatency in seconds (None without any)."""

    invocations: float
    errors: float
    latency: float | None

    @property
    def error_rate(self) -> float:
        return self.errors / self.invocations if self.invocations else 0.0

    def to_numbers(self, prefix: str) -> dict[str, float]:
        latency = {f"{prefix}_latency": self.latency} if self.latency is not None else {}
        return {f"{prefix}_invocations": self.invocations, f"{prefix}_error_rate": self.error_rate, **latency}


def invocations_of(fleet: Fleet, *, since: float, until: float, cloudwatch: CloudWatchClient) -> float:
    """How many requests a fleet got."""
    points = _points("Invocations", fleet, since, until, cloudwatch, Statistics=["Sum"])
    return float(sum(point["Sum"] for point in points))


def figures_of(fleet: Fleet, *, since: float, until: float, cloudwatch: CloudWatchClient) -> Figures:
    """The p95 of a long span is the mean of its parts' p95, weighted by their requests: percentiles cannot be merged."""
    requests = _points("Invocations", fleet, since, until, cloudwatch, Statistics=["Sum"])
    failed = _points("InvocationModelErrors", fleet, since, until, cloudwatch, Statistics=["Sum"])
    latencies = _points("ModelLatency", fleet, since, until, cloudwatch, ExtendedStatistics=[_PERCENTILE])
    weights = {point["Timestamp"]: point["Sum"] for point in requests}
    total = sum(weights.get(point["Timestamp"], 0.0) for point in latencies)
    weighted = sum(point["ExtendedStatistics"][_PERCENTILE] * weights.get(point["Timestamp"], 0.0) for point in latencies)
    return Figures(
        invocations=float(sum(weights.values())),
        errors=float(sum(point["Sum"] for point in failed)),
        latency=weighted / total / 1e6 if total else None,
    )


def regression(production: Figures, shadow: Figures, strategy: Shadow) -> str:
    """What is worse about the shadow by more than the strategy allows; empty if nothing is."""
    worse = []
    if shadow.error_rate > production.error_rate + strategy.error_margin:
        worse.append(
            f"its error rate is {as_percent(round(shadow.error_rate, 4))} against {as_percent(round(production.error_rate, 4))} "
            f"of production, more than {as_percent(strategy.error_margin)} above"
        )
    if shadow.latency is not None and production.latency is not None:
        allowed = max(production.latency * (1 + strategy.latency_margin), production.latency + strategy.latency_floor)
        if shadow.latency > allowed:
            worse.append(
                f"its p95 latency is {shadow.latency * 1000:.1f} ms against {production.latency * 1000:.1f} ms of production; "
                f"up to {allowed * 1000:.1f} ms is allowed"
            )
    return " and ".join(worse)


def _points(
    metric: str, fleet: Fleet, since: float, until: float, cloudwatch: CloudWatchClient, **statistics: Any
) -> list[dict[str, Any]]:
    """Data points from the minute that `since` lies in to the one after `until`, at most 1,440."""
    start = math.floor(since / _MINUTE) * _MINUTE
    end = (math.floor(until / _MINUTE) + 1) * _MINUTE
    period = math.ceil((end - start) / _MINUTE / _MOST_POINTS) * _MINUTE
    answer = cloudwatch.get_metric_statistics(
        Namespace=SAGEMAKER,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in fleet.dimensions().items()],
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
        Period=period,
        **statistics,
    )
    return list(answer.get("Datapoints", ()))
