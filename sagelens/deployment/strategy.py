"""How traffic moves from the old fleet to the new one. One kind a rollout: `Strategy` is a union that grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AllAtOnce", "Strategy", "deployment_config"]


@dataclass(frozen=True, kw_only=True)
class AllAtOnce:
    """Blue/green: the whole new fleet is started and proved healthy, then takes all traffic.

    The old fleet goes `termination_wait` seconds after that.
    """

    termination_wait: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.termination_wait <= 3600:
            raise ValueError(f"termination_wait is {self.termination_wait} s; 0 to 3600 are allowed")


Strategy = AllAtOnce


def deployment_config(strategy: Strategy) -> dict[str, Any]:
    """The strategy as UpdateEndpoint's DeploymentConfig."""
    match strategy:
        case AllAtOnce(termination_wait=wait):
            routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
            return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": wait}}
