"""How a model goes out, as values: one kind a stage, several in a chain.

    kind          fields (with defaults)
    all-at-once   termination_wait=0, timeout
    canary        size, wait, termination_wait=0, timeout
    linear        size, wait, termination_wait=0, timeout
    rolling       size, wait, rollback_size=100%, timeout
    shadow        sampling=100%, duration=7d, error_margin=1%, latency_margin=100%, latency_floor=50ms
    weighted      share, duration

The bounds checked here are SageMaker's and need no knowledge of the endpoint; `sagelens.deployment.limits` checks those that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from sagelens.values.quantity import Size, as_percent, as_time

__all__ = [
    "AllAtOnce",
    "Canary",
    "Linear",
    "Rolling",
    "Rollout",
    "Shadow",
    "Strategy",
    "Trial",
    "Weighted",
    "describe",
    "is_trial",
    "timeout_of",
    "to_json",
]

_LONGEST_WAIT = 3600
_TIMEOUT = (600, 28800)
_SHADOW = (3600, 30 * 86400)
_PROVISIONING = 1800
_WHOLE = Size(100, percent=True)


def _within(what: str, seconds: float, lowest: float, highest: float) -> None:
    if not lowest <= seconds <= highest:
        raise ValueError(f"{what} is {as_time(seconds)}; {as_time(lowest)} to {as_time(highest)} are allowed")


def _percent_within(what: str, size: Size, lowest: int, highest: int) -> None:
    if size.percent and not lowest <= size.value <= highest:
        raise ValueError(f"{what} is {size}; {lowest}% to {highest}% are allowed")


def _check_timeout(timeout: int | None) -> None:
    if timeout is not None:
        _within("timeout", timeout, *_TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class AllAtOnce:
    """The whole new fleet is started and proved healthy, then takes all traffic; the old one goes `termination_wait` s later."""

    kind: ClassVar[str] = "all-at-once"
    termination_wait: int = 0
    timeout: int | None = None

    def __post_init__(self) -> None:
        _within("termination_wait", self.termination_wait, 0, _LONGEST_WAIT)
        _check_timeout(self.timeout)

    def waits(self, _: int) -> tuple[int, ...]:
        """Seconds of each bake, in order, on a fleet of so many instances."""
        return (self.termination_wait,)


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A part of the new fleet takes its share of the traffic for `wait` s, then the whole takes all."""

    kind: ClassVar[str] = "canary"
    size: Size
    wait: int
    termination_wait: int = 0
    timeout: int | None = None

    def __post_init__(self) -> None:
        _percent_within("size", self.size, 1, 50)
        _within("wait", self.wait, 0, _LONGEST_WAIT)
        _within("termination_wait", self.termination_wait, 0, _LONGEST_WAIT)
        _check_timeout(self.timeout)

    def waits(self, _: int) -> tuple[int, ...]:
        return (self.wait, self.termination_wait)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Traffic moves in equal steps, `wait` s apart."""

    kind: ClassVar[str] = "linear"
    size: Size
    wait: int
    termination_wait: int = 0
    timeout: int | None = None

    def __post_init__(self) -> None:
        _percent_within("size", self.size, 10, 50)
        _within("wait", self.wait, 0, _LONGEST_WAIT)
        _within("termination_wait", self.termination_wait, 0, _LONGEST_WAIT)
        _check_timeout(self.timeout)

    def waits(self, count: int) -> tuple[int, ...]:
        return (*(self.wait,) * (self.size.steps(count) - 1), self.termination_wait)


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """Instances are replaced batch by batch, each watched for `wait` s; a rollback goes in batches of `rollback_size`."""

    kind: ClassVar[str] = "rolling"
    size: Size
    wait: int
    rollback_size: Size = _WHOLE
    timeout: int | None = None

    def __post_init__(self) -> None:
        _percent_within("size", self.size, 5, 50)
        _percent_within("rollback_size", self.rollback_size, 5, 100)
        _within("wait", self.wait, 0, _LONGEST_WAIT)
        _check_timeout(self.timeout)

    def waits(self, count: int) -> tuple[int, ...]:
        return (self.wait,) * self.size.batches(count)


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """The new model gets copies of a share of the requests for `duration` s; nobody sees its answers.

    It fails when its error rate exceeds production's by more than `error_margin`, or its p95 latency by more than
    `latency_margin` of production's and by more than `latency_floor` s.
    """

    kind: ClassVar[str] = "shadow"
    sampling: float = 1.0
    duration: int = 7 * 86400
    error_margin: float = 0.01
    latency_margin: float = 1.0
    latency_floor: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.sampling <= 1:
            raise ValueError(f"sampling is {as_percent(self.sampling)}; more than 0% and at most 100% are allowed")
        _within("duration", self.duration, *_SHADOW)


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Old and new model as two production variants; the new one takes `share` of the traffic for `duration` s.

    The deployer watches the alarms itself: SageMaker does not, for weights. As the last of a chain it stays so: an A/B test.
    """

    kind: ClassVar[str] = "weighted"
    share: float
    duration: int

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share is {as_percent(self.share)}; more than 0% and less than 100% are allowed")
        _within("duration", self.duration, 0, 30 * 86400)


Rollout: TypeAlias = AllAtOnce | Canary | Linear | Rolling
Trial: TypeAlias = Shadow | Weighted
Strategy: TypeAlias = Rollout | Trial


def is_trial(strategy: Strategy) -> bool:
    """Whether the old model goes on serving beside it."""
    return isinstance(strategy, Shadow | Weighted)


def timeout_of(strategy: Rollout, count: int) -> int:
    """MaximumExecutionTimeoutInSeconds: the declared one, else the waits and half an hour for starting instances."""
    waits = sum(strategy.waits(count))
    return strategy.timeout or min(max(3600, waits + _PROVISIONING), _TIMEOUT[1])


def describe(strategy: Strategy) -> str:
    """One line for people."""
    match strategy:
        case AllAtOnce(termination_wait=wait):
            return "all at once" + (f", baking {as_time(wait)}" if wait else "")
        case Canary(size=size, wait=wait, termination_wait=last):
            return f"canary of {size} for {as_time(wait)}, then all" + (f", baking {as_time(last)}" if last else "")
        case Linear(size=size, wait=wait, termination_wait=last):
            return f"linear in steps of {size}, {as_time(wait)} apart" + (f", baking {as_time(last)}" if last else "")
        case Rolling(size=size, wait=wait):
            return f"rolling in batches of {size}, {as_time(wait)} each"
        case Shadow(sampling=sampling, duration=duration):
            return f"shadow of {as_percent(sampling)} of the requests for {as_time(duration)}"
        case Weighted(share=share, duration=duration):
            return f"{as_percent(share)} of the traffic beside the old model for {as_time(duration)}"


def to_json(strategy: Strategy) -> dict[str, Any]:
    """What `strategy_of` (sagelens.values.grammar) reads back."""
    fields = {name: getattr(strategy, name) for name in strategy.__dataclass_fields__}
    plain = {name: str(value) if isinstance(value, Size) else value for name, value in fields.items() if value is not None}
    return {"kind": strategy.kind, **plain}
