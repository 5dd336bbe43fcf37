"""RetryPolicies: which failures are tried again, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any

from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.ports import ApiError

__all__ = ["DEFAULT_POLICY", "RetryPolicy", "fault_of_error", "fault_of_job", "next_delay", "parse_policies"]

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"

_FAULTS = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT)
_BOUNDS = {"IntervalSeconds": (0, 43_200), "MaxAttempts": (0, 20), "ExpireAfterMin": (1, 14_400)}
_STEEPEST = 1000  # ours: AWS names no limit, and beyond it the second pause is longer than any that is allowed
_FIELDS = {"ExceptionType", "BackoffRate", *_BOUNDS}


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """`attempts` counts the tries after the first; with `expire_after` (seconds) they go on until then."""

    faults: tuple[str, ...]
    interval: float = 1.0
    rate: float = 2.0
    attempts: int | None = 5
    expire_after: float | None = None


DEFAULT_POLICY = RetryPolicy(faults=(SERVICE_FAULT, THROTTLING))
"""Holds for these two when no policy of the step names them."""


def parse_policies(step: str, raw: object) -> tuple[RetryPolicy, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise Invalid(f"Step '{step}' has RetryPolicies {raw!r}; give a list.")
    return tuple(_policy(step, item) for item in raw)


def _policy(step: str, raw: Mapping[str, Any]) -> RetryPolicy:
    if not isinstance(raw, dict) or set(raw) - _FIELDS:
        raise Invalid(f"Step '{step}' has {raw!r} in RetryPolicies; known fields: {', '.join(sorted(_FIELDS))}.")
    named = raw.get("ExceptionType")
    faults = (named,) if isinstance(named, str) else tuple(named) if isinstance(named, list) else ()
    unknown = [fault for fault in faults if fault not in _FAULTS]
    if unknown or not faults:
        raise Invalid(f"Step '{step}' has the ExceptionType {named!r} in RetryPolicies; known: {', '.join(_FAULTS)}.")
    if "MaxAttempts" in raw and "ExpireAfterMin" in raw:
        raise Invalid(f"Step '{step}' has both MaxAttempts and ExpireAfterMin in a retry policy; give one of them.")
    for field, (least, most) in _BOUNDS.items():
        if field in raw and not (_is_number(raw[field], int) and least <= raw[field] <= most):
            raise Invalid(f"Step '{step}' has {field} {raw[field]} in a retry policy; allowed: {least} to {most}, whole numbers.")
    rate = raw.get("BackoffRate", 2.0)
    if not (_is_number(rate, int | float) and 0 < rate <= _STEEPEST):
        raise Invalid(f"Step '{step}' has BackoffRate {rate!r} in a retry policy; give a number above 0, at most {_STEEPEST}.")
    minutes = raw.get("ExpireAfterMin")
    return RetryPolicy(
        faults=faults,
        interval=float(raw.get("IntervalSeconds", 1)),
        rate=float(raw.get("BackoffRate", 2.0)),
        attempts=None if minutes is not None else int(raw.get("MaxAttempts", 5)),
        expire_after=None if minutes is None else 60.0 * minutes,
    )


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def next_delay(policies: Sequence[RetryPolicy], fault: str | None, *, attempt: int, elapsed: float) -> float | None:
    """Seconds to wait after the `attempt`-th try (from 1) failed with this fault; None when it is not tried again.

    AWS does not say which of several matching policies counts: the one listed first does.
    """
    policy = next((p for p in (*policies, DEFAULT_POLICY) if fault in p.faults), None)
    if policy is None:
        return None
    delay = float(policy.interval * policy.rate ** (attempt - 1))
    if policy.attempts is not None and attempt > policy.attempts:
        return None
    if policy.expire_after is not None and elapsed + delay > policy.expire_after:
        return None
    return delay


def fault_of_error(error: ApiError) -> str | None:
    """The kind of fault that a refused request is, if it is one that may be tried again."""
    if error.code in {"ThrottlingException", "Throttling", "TooManyRequestsException"}:
        return THROTTLING
    if error.code == "ResourceLimitExceeded":
        return RESOURCE_LIMIT
    return SERVICE_FAULT if error.status >= 500 else None


def fault_of_job(failure_reason: str) -> str | None:
    """The kind of fault that ended a job; None when the job's own program failed."""
    if failure_reason.startswith("InternalServerError"):
        return INTERNAL_ERROR
    return CAPACITY_ERROR if failure_reason.startswith("CapacityError") else None
