"""What a deployment tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Event", "EventKind"]


class EventKind(StrEnum):
    BEGUN = "begun"
    RESUMED = "resumed"
    PHASE = "phase"
    PROGRESS = "progress"
    ALARM = "alarm"
    CHECKED = "checked"
    WARNING = "warning"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Event:
    """`time` is in seconds since the epoch on the answering clock. `phase` is a word such as `staging`, `canary`, `keep`.

    `numbers` by name: `traffic_share` (of the new model, 0 to 1), `instances`, `desired_instances`, `invocations`, `rows`, …;
    `alarms` are states by name.
    """

    kind: EventKind
    time: float
    phase: str
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    alarms: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        made: dict[str, Any] = {"kind": str(self.kind), "time": self.time, "phase": self.phase, "message": self.message}
        optional = {"numbers": dict(self.numbers), "alarms": dict(self.alarms)}
        return made | {name: value for name, value in optional.items() if value}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Event:
        return cls(
            kind=EventKind(document["kind"]),
            time=document["time"],
            phase=document["phase"],
            message=document["message"],
            numbers=document.get("numbers", {}),
            alarms=document.get("alarms", {}),
        )
