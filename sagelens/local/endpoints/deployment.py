"""How a deployment goes on: a pure transition function.

    PROVISIONING ──ready──> SHIFTING ──shifted──> BAKING ──over──> RETIRING ──drained──> LANDED
         │ ^                   ^                   │  │               │ after the last step
         │ │ the new fleet grows│ or does not      │  └─ if the old   │
         │ └───────────────────┴───────────────────┼──── fleet stays ─┴── next step
         │ failed, or time ran out                 │ tripped
         └───────────────┬─────────────────────────┘
                         v
     RESTORING ──ready──> RETURNING ──shifted──> REMOVING ──drained──> next step back, or ROLLED_BACK,
         │ failed   (only if servers of the                             or FAILED where there was nothing to return to
         v           old fleet are gone)
      STRANDED

Blue/green keeps the old fleet whole until the end, so it returns by routing alone. A rolling update has to start servers of the
old fleet again, in steps of its own; where that fails, both fleets go on serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sagelens.local.endpoints.steps import Counts, Shares, Step, kept

__all__ = ["Deployment", "Event", "Outcome", "Stage", "advance"]


class Stage(StrEnum):
    PROVISIONING = "Provisioning"
    SHIFTING = "Shifting"
    BAKING = "Baking"
    RETIRING = "Retiring"
    RESTORING = "Restoring"
    RETURNING = "Returning"
    REMOVING = "Removing"
    LANDED = "Landed"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    STRANDED = "Stranded"

    @property
    def final(self) -> bool:
        return self in (Stage.LANDED, Stage.ROLLED_BACK, Stage.FAILED, Stage.STRANDED)


class Outcome(StrEnum):
    """How the effect of a stage ended."""

    READY = "the servers asked for answer their health checks"
    SHIFTED = "the traffic goes where it should"
    OVER = "the wait is over"
    DRAINED = "the servers to go have answered their last request and are gone"
    FAILED = "a server did not start"
    TRIPPED = "an alarm rang, or time ran out"


@dataclass(frozen=True)
class Event:
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`old` and `new` are the fleets as they were and as they ought to be; no `old` is a creation. `back_batch` is how many
    servers of the old fleet a rollback starts at a time, if it has to. `blue`, `green`, `active` and `share` are what runs, and
    where the traffic goes, now; while a rollback is under way, `step` counts the steps of `back`."""

    old: Counts
    new: Counts
    steps: tuple[Step, ...]
    back_batch: int = 0
    stage: Stage = Stage.PROVISIONING
    step: int = 0
    back: tuple[Step, ...] = ()
    reason: str = ""
    blue: Counts = field(default_factory=dict)
    green: Counts = field(default_factory=dict)
    active: Counts = field(default_factory=dict)
    share: Shares = field(default_factory=dict)

    @classmethod
    def planned(cls, steps: tuple[Step, ...], old: Counts, new: Counts, *, back_batch: int = 0) -> Deployment:
        return cls(old=old, new=new, steps=steps, back_batch=back_batch, blue=dict(old))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Deployment:
        steps = {key: tuple(Step(**step) for step in document[key]) for key in ("steps", "back")}
        return cls(**{**document, **steps, "stage": Stage(document["stage"])})

    @property
    def target(self) -> Step:
        """The step that is being taken, on the way there or back."""
        return (self.back or self.steps)[self.step]

    @property
    def last(self) -> bool:
        return self.step == len(self.back or self.steps) - 1

    @property
    def moved(self) -> bool:
        """All traffic has gone to green and nothing has called it back: to be finished rather than undone."""
        if self.stage in (Stage.BAKING, Stage.RETIRING):
            return not self.back and self.target.full
        return self.stage is Stage.LANDED

    def blue_active(self, variant: str) -> int:
        """The old fleet's servers that take traffic: the portion that green has taken is turned off, and kept."""
        count = self.blue.get(variant, 0)
        return min(count, kept(self.share.get(variant, 0.0), self.old.get(variant, 0)))


def advance(deployment: Deployment, event: Event) -> Deployment:
    """The deployment after an event; ValueError for an event that its stage cannot have."""
    after = _after(deployment, event.outcome)
    return replace(after, reason=event.reason or after.reason)


def _after(d: Deployment, outcome: Outcome) -> Deployment:  # noqa: PLR0911  one for each row of the table above
    match d.stage, outcome:
        case Stage.PROVISIONING, Outcome.READY:
            return replace(d, stage=Stage.SHIFTING, green=d.target.green)
        case ((Stage.SHIFTING | Stage.RETURNING), Outcome.SHIFTED):
            stage = Stage.BAKING if d.stage is Stage.SHIFTING else Stage.REMOVING
            return replace(d, stage=stage, share=d.target.share, active=d.target.active)
        case Stage.BAKING, Outcome.OVER:
            return _onward(d) if d.blue == d.target.blue and not d.last else replace(d, stage=Stage.RETIRING)
        case Stage.RETIRING, Outcome.DRAINED:
            return _onward(replace(d, blue=d.target.blue))
        case Stage.PROVISIONING, (Outcome.FAILED | Outcome.TRIPPED):
            return _undo(d)
        case Stage.BAKING, Outcome.TRIPPED:
            return _undo(d)
        case Stage.RESTORING, Outcome.READY:
            return replace(d, stage=Stage.RETURNING, blue=d.target.blue)
        case Stage.RESTORING, Outcome.FAILED:
            return replace(d, stage=Stage.STRANDED)
        case Stage.REMOVING, Outcome.DRAINED:
            return _further_back(replace(d, green=d.target.green))
    raise ValueError(f"A deployment that is {d.stage} cannot have the event {outcome.name}.")


def _onward(d: Deployment) -> Deployment:
    if d.last:
        return replace(d, stage=Stage.LANDED)
    grows = d.steps[d.step + 1].green != d.green
    return replace(d, stage=Stage.PROVISIONING if grows else Stage.SHIFTING, step=d.step + 1)


def _undo(d: Deployment) -> Deployment:
    """Turn round: by routing alone while the old fleet is whole, else by starting its servers again first."""
    if d.blue == d.old:
        gone = dict.fromkeys(d.new, 0)
        home = Step(green=gone, active=gone, share=dict.fromkeys(d.share, 0.0), blue=d.old)
        return replace(d, back=(home,), step=0, stage=Stage.RETURNING if any(d.share.values()) else Stage.REMOVING)
    return replace(d, back=_way_back(d), step=0, stage=Stage.RESTORING)


def _way_back(d: Deployment) -> tuple[Step, ...]:
    """Steps that start `back_batch` servers of the old fleet each. Only a rolling update needs them, and that has one variant."""
    ((name, whole),) = d.old.items()
    steps: list[Step] = []
    blue, share = d.blue[name], d.share.get(name, 0.0)
    while blue < whole:
        blue = min(whole, blue + d.back_batch)
        share = min(share, 1.0 - blue / whole)
        green = {name: min(d.green.get(name, 0), kept(1.0 - share, d.new[name]))}
        steps.append(Step(green=green, active=green, share={name: share}, blue={name: blue}))
    return tuple(steps)


def _further_back(d: Deployment) -> Deployment:
    if not d.last:
        return replace(d, stage=Stage.RESTORING, step=d.step + 1)
    return replace(d, stage=Stage.ROLLED_BACK if d.old else Stage.FAILED)
