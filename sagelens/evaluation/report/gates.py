"""The verdicts of gates, with what failed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report import wording
from sagelens.evaluation.report.material import Material

__all__ = ["CheckView", "GateView", "gate_views"]

_ORDER = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """`rows` are offending ones, in the order of `columns`."""

    name: str
    subject: str
    passed: bool
    stops: bool
    severity: str
    observed: str
    expected: str
    unexpected: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class GateView:
    id: str
    name: str
    kind: str
    step: str
    passed: bool
    summary: str
    checks: tuple[CheckView, ...]

    @property
    def failed(self) -> list[CheckView]:
        return [check for check in self.checks if not check.passed]

    @property
    def kept(self) -> list[CheckView]:
        return [check for check in self.checks if check.passed]

    @property
    def warned(self) -> bool:
        return self.passed and bool(self.failed)


def gate_views(material: Material) -> list[GateView]:
    return [
        GateView(
            id=f"gate-{number}",
            name=str(verdict["gate"]),
            kind=str(verdict["kind"]),
            step=step,
            passed=bool(verdict["passed"]),
            summary=str(verdict["summary"]),
            checks=tuple(sorted((_check(check) for check in verdict["checks"]), key=_rank)),
        )
        for number, (step, verdict) in enumerate(
            (step, verdict) for _, step, evidence in material.evidence() for verdict in evidence.get("verdicts", ())
        )
    ]


def _check(check: Mapping[str, Any]) -> CheckView:
    columns, rows = _sample(check.get("sample") or ())
    severity = str(check.get("severity") or "critical")
    return CheckView(
        name=_name(str(check["name"])),
        subject=str(check["subject"]),
        passed=bool(check["passed"]),
        stops=not check["passed"] and severity == "critical",
        severity=severity,
        observed=str(check["observed"]),
        expected=str(check["expected"]),
        unexpected=_unexpected(check),
        columns=columns,
        rows=rows,
    )


def _name(name: str) -> str:
    """An expectation's type in words; the name of a metric as it is."""
    return wording.title(name.removeprefix("expect_")) if name.startswith("expect_") else name


def _unexpected(check: Mapping[str, Any]) -> str:
    rows, share = check.get("unexpected_count"), check.get("unexpected_percent")
    if rows is None:
        return ""
    return f"{rows:,} rows" + (f", {share:.3g} %" if share is not None else "")


def _sample(sample: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    columns = tuple(dict.fromkeys(str(name) for row in sample for name in row))
    return columns, tuple(tuple(wording.value(row.get(name)) for name in columns) for row in sample)


def _rank(check: CheckView) -> tuple[bool, int]:
    return check.passed, _ORDER.get(check.severity, 3)
