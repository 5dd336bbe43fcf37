"""Guards: what a deployment must not do, each a CloudWatch alarm on the new fleet alone.

    kind          fields (with defaults)
    errors        at_most ("1%" of the requests, or a number a period), metric=Invocation5XXErrors
    latency       at_most (a time), percentile=p99, metric=ModelLatency
    invocations   at_least (requests a period)
    metric        name, metric, at_most or at_least, namespace=AWS/SageMaker, statistic=Average, dimensions
    alarm         name: an alarm that exists; it is watched, neither made nor removed

All but `alarm` take period=60, evaluation_periods=1 (2 for invocations) and datapoints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

__all__ = ["SAGEMAKER", "Alarms", "ExistingAlarm", "Guard", "MetricGuard", "OnInconclusive"]

SAGEMAKER = "AWS/SageMaker"
MOST_ALARMS = 10
_WHAT = re.compile(r"[a-z0-9](-*[a-z0-9])*")
_STATISTIC = re.compile(r"Average|Sum|Minimum|Maximum|SampleCount|p(\d{1,2}(\.\d{1,10})?|100)")


class OnInconclusive(StrEnum):
    """What becomes of a rollout that landed but saw too few requests to be judged. The exit code is 7 in both cases."""

    KEEP = "keep"
    ROLLBACK = "rollback"


@dataclass(frozen=True, kw_only=True)
class MetricGuard:
    """An alarm made for each rollout. `threshold` is in the metric's unit: microseconds for latencies, 0 to 1 for error rates.

    `above` says which side is bad. Without `dimensions` it looks at the new fleet alone: those of EndpointName, VariantName
    and EndpointConfigName.
    """

    what: str
    metric: str
    threshold: float
    above: bool = True
    statistic: str = "Average"
    namespace: str = SAGEMAKER
    dimensions: Mapping[str, str] = field(default_factory=dict)
    period: int = 60
    evaluation_periods: int = 1
    datapoints: int | None = None

    def __post_init__(self) -> None:
        if not _WHAT.fullmatch(self.what) or len(self.what) > 100:
            raise ValueError(f"name is '{self.what}'; lower-case letters, digits and hyphens are allowed, at most 100")
        if not self.metric or not self.namespace:
            raise ValueError("metric and namespace must not be empty")
        if self.period not in (10, 20, 30) and (self.period < 60 or self.period % 60):
            raise ValueError(f"period is {self.period} s; 10, 20, 30 and multiples of 60 are allowed")
        if self.evaluation_periods < 1 or self.period * self.evaluation_periods > 86400:
            raise ValueError(f"evaluation_periods is {self.evaluation_periods}; 1 up to a day in all is allowed")
        if self.datapoints is not None and not 1 <= self.datapoints <= self.evaluation_periods:
            raise ValueError(f"datapoints is {self.datapoints}; 1 to evaluation_periods ({self.evaluation_periods}) are allowed")
        if not _STATISTIC.fullmatch(self.statistic):
            raise ValueError(f"statistic is '{self.statistic}'; Average, Sum, Minimum, Maximum, SampleCount and p0 to p100 exist")

    @property
    def span(self) -> int:
        """Seconds of data that it takes to ring."""
        return self.period * (self.datapoints or self.evaluation_periods)

    def __str__(self) -> str:
        side = "above" if self.above else "below"
        return f"{self.statistic} of {self.metric} {side} {self._limit()} for {self.evaluation_periods} x {self.period} s"

    def _limit(self) -> str:
        """The threshold in a unit that people read."""
        if self.namespace == SAGEMAKER and self.metric.endswith("Latency"):
            return f"{self.threshold / 1e6:g} s"
        if self.namespace == SAGEMAKER and self.metric.endswith("Errors") and self.statistic == "Average":
            return f"{self.threshold * 100:g} %"
        return f"{self.threshold:g}"

    def to_json(self) -> dict[str, Any]:
        optional: dict[str, Any] = {"dimensions": dict(self.dimensions), "datapoints": self.datapoints}
        return {
            "kind": "metric",
            "name": self.what,
            "metric": self.metric,
            "at_most" if self.above else "at_least": self.threshold,
            "statistic": self.statistic,
            "namespace": self.namespace,
            "period": self.period,
            "evaluation_periods": self.evaluation_periods,
            **{name: value for name, value in optional.items() if value},
        }


@dataclass(frozen=True, kw_only=True)
class ExistingAlarm:
    """An alarm of the user's own, composite ones included, by name."""

    name: str

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 255:
            raise ValueError("name of an alarm must be 1 to 255 characters, not all blank")

    def __str__(self) -> str:
        return f"alarm {self.name}"

    def to_json(self) -> dict[str, Any]:
        return {"kind": "alarm", "name": self.name}


Guard: TypeAlias = MetricGuard | ExistingAlarm


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """What guards a deployment: some guards, or the reason why there are none."""

    guards: tuple[Guard, ...] = ()
    waived: str = ""

    def __post_init__(self) -> None:
        if bool(self.guards) == bool(self.waived):
            raise ValueError(
                'alarms are needed, as SageMaker undoes nothing without; list some, or waive them with a reason: {waived: "..."}'
            )
        if len(self.guards) > MOST_ALARMS:
            raise ValueError(f"{len(self.guards)} alarms are listed; SageMaker watches at most {MOST_ALARMS}")
        names = [guard.what if isinstance(guard, MetricGuard) else guard.name for guard in self.guards]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"alarms must differ in name; given more than once: {', '.join(doubled)}")

    def to_json(self) -> Any:
        return [guard.to_json() for guard in self.guards] if self.guards else {"waived": self.waived}
