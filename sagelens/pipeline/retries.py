"""Which faults a step is tried again for, as a definition says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagelens.project.environment import Environment, Retries, Retry

__all__ = ["name_retries"]

_SERVICE = ("Step.SERVICE_FAULT", "Step.THROTTLING")
_JOB = ("SageMaker.JOB_INTERNAL_ERROR",)
_CAPACITY = ("SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
_LIMIT = ("SageMaker.RESOURCE_LIMIT",)
_OF_TYPE = {
    "Processing": (_SERVICE, _JOB, _CAPACITY),
    "Training": (_SERVICE, _JOB, _CAPACITY),
    "Transform": (_SERVICE, _JOB, _CAPACITY),
    "Tuning": (_SERVICE, _CAPACITY),
    "AutoML": (_SERVICE, _CAPACITY),
    "Model": (_SERVICE, _LIMIT),
    "RegisterModel": (_SERVICE, _LIMIT),
}
"""The faults that can befall each type of step, of those that SageMaker knows for it. Other types take no policy."""


def name_retries(steps: Iterable[dict[str, Any]], environment: Environment) -> None:
    """Put the environment's policies into a definition's steps; one that brings policies of its own keeps them."""
    for step in steps:
        kinds = _OF_TYPE.get(step["Type"], ())
        if kinds and "RetryPolicies" not in step:
            retries = environment.retry_of(step["Name"])
            step["RetryPolicies"] = [_policy(faults, retries) for faults in kinds]
        for branch in ("IfSteps", "ElseSteps"):
            name_retries(step.get("Arguments", {}).get(branch) or (), environment)


def _policy(faults: tuple[str, ...], retries: Retries) -> dict[str, Any]:
    chosen = _chosen(faults, retries)
    tries, minutes = chosen.max_attempts, chosen.expire_after_minutes
    return {
        "ExceptionType": list(faults),
        "IntervalSeconds": chosen.interval_seconds,
        "BackoffRate": chosen.backoff_rate,
        **({"ExpireAfterMin": minutes} if tries is None else {"MaxAttempts": tries}),
    }


def _chosen(faults: tuple[str, ...], retries: Retries) -> Retry:
    return {_SERVICE: retries.service, _JOB: retries.job}.get(faults, retries.capacity)
