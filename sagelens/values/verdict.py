"""What a gate decided, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Check", "GateKind", "Severity", "Verdict"]


class Severity(StrEnum):
    """Great Expectations' own three; only `critical` stops a pipeline."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class GateKind(StrEnum):
    DATA = "data"
    MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation and what was found.

    `name` is the expectation's type (`expect_column_values_to_be_between`) or the metric's name; `subject` says of what:
    `flights.distance`, `slice carrier=AA`. `observed` and `expected` are for people to read; `sample` holds a few offending rows.
    """

    name: str
    subject: str
    passed: bool
    observed: str
    expected: str
    severity: Severity = Severity.CRITICAL
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    sample: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> bool:
        return not self.passed and self.severity is Severity.CRITICAL


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a gate. `passed` is stored, since a pipeline's condition reads it from the JSON."""

    gate: str
    kind: GateKind
    passed: bool
    summary: str
    checks: tuple[Check, ...] = field(default=())

    @classmethod
    def of(cls, gate: str, kind: GateKind, checks: tuple[Check, ...]) -> Verdict:
        failed = [check for check in checks if not check.passed]
        stopping = [check for check in failed if check.stops]
        counted = f"{len(checks) - len(failed)} of {len(checks)} checks passed"
        named = "; ".join(
            f"{c.name} on {c.subject}: observed {c.observed}, expected {c.expected}" for c in (stopping or failed)[:5]
        )
        return cls(
            gate=gate,
            kind=kind,
            passed=not stopping,
            summary=f"Gate '{gate}': {counted}" + (f". {named}" if named else ""),
            checks=checks,
        )
