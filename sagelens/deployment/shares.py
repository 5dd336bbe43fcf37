"""How much traffic the new fleet has by now, told from the variant's statuses: DescribeEndpoint does not say it."""

from __future__ import annotations

from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.preview import traffic_share
from sagelens.deployment.strategy import Rollout

__all__ = ["TrafficShare"]


class TrafficShare:
    """An estimate: a shift is counted once for each bake that was seen to begin; a bake too short to be polled is missed."""

    def __init__(self, strategy: Rollout, count: int) -> None:
        self._strategy = strategy
        self._count = count
        self._bakes: set[str] = set()

    def seen(self, state: EndpointState) -> float | None:
        """None where it cannot be told: instances go at the end of a rollout, and of a rollback."""
        statuses = [status for variant in state.pending for status in variant.statuses]
        if any(status.status == "Deleting" for status in statuses):
            return None
        baking = [status for status in statuses if status.status == "Baking"]
        if any("TerminationWait" in status.message for status in baking):
            return 1.0
        self._bakes |= {status.started for status in baking}
        return traffic_share(self._strategy, len(self._bakes), self._count)
