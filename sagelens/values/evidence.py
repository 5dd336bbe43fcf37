"""The record that a step leaves beside its outputs, as `evidence.json`. One writer: the job that ran the step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagelens.values.artifact import ArtifactRecord
from sagelens.values.phase import Phase
from sagelens.values.verdict import Verdict

__all__ = ["Evidence", "Failure"]


@dataclass(frozen=True)
class Failure:
    """`kind` is that of an error in sagelens.errors."""

    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Times are seconds since the epoch, UTC; `peak_memory` is in bytes (resident set of the process).

    `curves`: by name, the value after each round of training; None where it was no finite number.
    """

    pipeline: str
    step: str
    phase: Phase
    function: str
    code_digest: str
    started: float
    finished: float
    inputs: tuple[ArtifactRecord, ...] = ()
    outputs: tuple[ArtifactRecord, ...] = ()
    parameters: dict[str, Any]
    metrics: dict[str, float]
    curves: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    facts: dict[str, str]
    warnings: tuple[str, ...] = ()
    versions: dict[str, str]
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    failure: Failure | None = None
