"""How a deployment goes on: a pure transition function.

    PROVISIONING ──ready──> SHIFTING ──shifted──> BAKING ──over──> SHIFTING (next share)
         │ failed                                  │ │ over, all traffic moved
         │                                         │ └──> RETIRING ──drained──> LANDED
         │                            tripped ─────┘
         v                                v
     REMOVING <──────shifted────────  RETURNING
         └──drained──> ROLLED_BACK, or FAILED where there was nothing to return to

A strategy is the list of its shifts: all at once has one, a canary two, a linear one as many as it has steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = ["Deployment", "Event", "Outcome", "Shift", "Stage", "advance"]


class Stage(StrEnum):
    PROVISIONING = "Provisioning"
    SHIFTING = "Shifting"
    BAKING = "Baking"
    RETIRING = "Retiring"
    RETURNING = "Returning"
    REMOVING = "Removing"
    LANDED = "Landed"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        return self in (Stage.LANDED, Stage.ROLLED_BACK, Stage.FAILED)


class Outcome(StrEnum):
    """How the effect of a stage ended."""

    READY = "the green fleet answers its health checks"
    SHIFTED = "the traffic goes where it should"
    OVER = "the wait is over"
    DRAINED = "the fleet has answered its last request and is gone"
    FAILED = "the green fleet did not start"
    TRIPPED = "an alarm rang, or time ran out"


@dataclass(frozen=True)
class Event:
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Shift:
    """Green takes this share of the traffic, between 0 and 1, then everyone waits so many seconds."""

    share: float
    wait: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`replaces`: a blue fleet serves meanwhile and takes the traffic back if green fails."""

    shifts: tuple[Shift, ...]
    replaces: bool
    stage: Stage = Stage.PROVISIONING
    step: int = 0
    reason: str = ""

    @property
    def shift(self) -> Shift:
        return self.shifts[self.step]

    @property
    def last(self) -> bool:
        return self.step == len(self.shifts) - 1

    @property
    def moved(self) -> bool:
        """All traffic has gone to green and nothing has called it back: to be finished rather than undone."""
        if self.stage is Stage.BAKING:
            return self.last
        return self.stage in (Stage.RETIRING, Stage.LANDED)


_NEXT = {
    (Stage.PROVISIONING, Outcome.READY): Stage.SHIFTING,
    (Stage.PROVISIONING, Outcome.FAILED): Stage.REMOVING,
    (Stage.PROVISIONING, Outcome.TRIPPED): Stage.REMOVING,
    (Stage.SHIFTING, Outcome.SHIFTED): Stage.BAKING,
    (Stage.BAKING, Outcome.OVER): Stage.SHIFTING,
    (Stage.BAKING, Outcome.TRIPPED): Stage.RETURNING,
    (Stage.RETURNING, Outcome.SHIFTED): Stage.REMOVING,
    (Stage.REMOVING, Outcome.DRAINED): Stage.ROLLED_BACK,
    (Stage.RETIRING, Outcome.DRAINED): Stage.LANDED,
}


def advance(deployment: Deployment, event: Event) -> Deployment:
    """The deployment after an event; ValueError for an event that its stage cannot have."""
    stage = _NEXT.get((deployment.stage, event.outcome))
    step = deployment.step
    if stage is None:
        raise ValueError(f"A deployment that is {deployment.stage} cannot have the event {event.outcome.name}.")
    if deployment.stage is Stage.BAKING and event.outcome is Outcome.OVER:
        if deployment.last:
            stage = Stage.RETIRING
        else:
            step += 1
    elif stage is Stage.ROLLED_BACK and not deployment.replaces:
        stage = Stage.FAILED
    return replace(deployment, stage=stage, step=step, reason=event.reason or deployment.reason)
