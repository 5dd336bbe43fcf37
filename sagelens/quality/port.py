"""What a gate asks of whatever executes its expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sagelens.data import Table
from sagelens.quality.suite import Suite

__all__ = ["Executor", "Finding"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of one expectation. `observed` and what follows it are filled in for a failed one only.

    `undecided` says that the column's values cannot answer it: what it compares with is of another kind.
    """

    passed: bool
    observed: str = ""
    undecided: bool = False
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    sample: tuple[dict[str, Any], ...] = ()


class Executor(Protocol):
    """Findings come in the order of the suite's expectations, whose columns all exist in the table."""

    def run(self, table: Table, suite: Suite) -> Sequence[Finding]: ...
