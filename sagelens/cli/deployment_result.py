"""What a deployment came to: the one JSON object of `--json`, and the lines for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagelens.cli.screen import labelled, near, width_of
from sagelens.deployment import Record
from sagelens.deployment.strategy import describe, strategy_of

__all__ = ["Conclusion", "failure_of", "print_deployment"]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """`standing` is the outcome where there is no record: nothing had to be done, or nothing was begun.

    `observed` is what CloudWatch told, `failure` the error's `kind`, `step` and `message`, `clock` the one that times are of.
    """

    endpoint: str | None = None
    record: Record | None = None
    observed: Mapping[str, Any] = field(default_factory=dict)
    standing: str = ""
    package: str | None = None
    failure: Mapping[str, Any] | None = None
    clock: str = ""
    report: Path | None = None

    def to_json(self) -> dict[str, Any]:
        record, failure = self.record, self.failure
        return {
            "endpoint_name": self.endpoint,
            "outcome": str(record.outcome) if record else self.standing,
            "reason": record.reason if record else failure["message"] if failure else "",
            "model_package_arn": (record.model_package_arn if record else None) or self.package,
            "strategy": [dict(strategy) for strategy in record.strategy] if record else [],
            "started": record.started if record else None,
            "finished": record.finished if record else None,
            "clock": self.clock,
            "events": [event.to_json() for event in record.events] if record else [],
            "alarms": [_alarm(name, alarm) for name, alarm in self.observed.get("alarms", {}).items()],
            "report": str(self.report) if self.report else None,
            **({"error": dict(failure)} if failure else {}),
        }


def failure_of(kind: str, message: str) -> dict[str, Any]:
    """Of what went wrong outside of a step."""
    return {"kind": kind, "step": None, "message": message}


def _alarm(name: str, alarm: Mapping[str, Any]) -> dict[str, Any]:
    """`state` is the last one; None where CloudWatch's history tells of none."""
    changes = [{"time": time, "state": state, "reason": reason} for time, state, reason in alarm["changes"]]
    return {"name": name, "watches": alarm["watches"], "state": changes[-1]["state"] if changes else None, "changes": changes}


def print_deployment(result: Mapping[str, Any]) -> None:
    out, width = sys.stdout.write, width_of(sys.stdout)
    out(f"\n{result['endpoint_name']} {result['outcome']}")
    if result["started"] is not None and result["finished"] is not None:
        clock = f" on a clock of {result['clock']}" if result["clock"] not in {"", "1x"} else ""
        out(f" in {result['finished'] - result['started']:.0f} s{clock}")
    out("\n")
    strategies = ", then ".join(describe(strategy_of(strategy)) for strategy in result["strategy"])
    facts = {"strategy": strategies, "model package": result["model_package_arn"], "report": near(result["report"])}
    for name, value in facts.items():
        if value:
            out("\n".join(labelled(name, value, width)) + "\n")
