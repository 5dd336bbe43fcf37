"""Strategies as SageMaker is told of them. The values themselves are shared with the project's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagelens.values.grammar import chain_of, parse_strategy, strategy_of
from sagelens.values.quantity import Size
from sagelens.values.strategy import (
    AllAtOnce,
    Canary,
    Linear,
    Rolling,
    Rollout,
    Shadow,
    Strategy,
    Trial,
    Weighted,
    describe,
    is_trial,
    timeout_of,
    to_json,
)

__all__ = [
    "AllAtOnce",
    "Canary",
    "Linear",
    "Rolling",
    "Rollout",
    "Shadow",
    "Size",
    "Strategy",
    "Trial",
    "Weighted",
    "chain_of",
    "deployment_config",
    "describe",
    "is_trial",
    "parse_strategy",
    "strategy_of",
    "timeout_of",
    "to_json",
]


def deployment_config(strategy: Rollout, *, instances: int, alarms: Sequence[str] = ()) -> dict[str, Any]:
    """UpdateEndpoint's DeploymentConfig for a fleet of so many instances, watched by the alarms of these names."""
    made = _policy(strategy, timeout_of(strategy, instances))
    if alarms:
        made["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return made


def _policy(strategy: Rollout, timeout: int) -> dict[str, Any]:
    if isinstance(strategy, Rolling):
        policy = {
            "MaximumBatchSize": strategy.size.request(),
            "WaitIntervalInSeconds": strategy.wait,
            "RollbackMaximumBatchSize": strategy.rollback_size.request(),
            "MaximumExecutionTimeoutInSeconds": timeout,
        }
        return {"RollingUpdatePolicy": policy}
    policy = {
        "TrafficRoutingConfiguration": _routing(strategy),
        "TerminationWaitInSeconds": strategy.termination_wait,
        "MaximumExecutionTimeoutInSeconds": timeout,
    }
    return {"BlueGreenUpdatePolicy": policy}


def _routing(strategy: AllAtOnce | Canary | Linear) -> dict[str, Any]:
    match strategy:
        case AllAtOnce():
            return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        case Canary(size=size, wait=wait):
            return {"Type": "CANARY", "CanarySize": size.request(), "WaitIntervalInSeconds": wait}
        case Linear(size=size, wait=wait):
            return {"Type": "LINEAR", "LinearStepSize": size.request(), "WaitIntervalInSeconds": wait}
