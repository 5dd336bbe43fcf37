"""Evidence: what the job says of itself, beside its outputs."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from importlib import metadata
from math import isfinite
from pathlib import Path
from typing import Any

from sagelens.errors import SagelensError
from sagelens.job.layout import Layout
from sagelens.job.parameters import flat
from sagelens.job.request import StepRequest
from sagelens.job.run import Trace, code_digest
from sagelens.values import ArtifactKind, Evidence, Failure, Folder, Metrics, Verdict

__all__ = ["evidence_of", "versions", "write_evidence"]

_MOST_CURVES = 40  # as many metrics as SageMaker takes of a job
_MOST_ROUNDS = 100_000  # ours: about 2 MB of evidence
STAND_INS = {"xgboost": "xgboost-cpu"}
"""Distributions of the same modules, which the image has instead."""
RECORDED = {
    "boto3": "boto3",
    "duckdb": "duckdb",
    "great_expectations": "great-expectations",
    "ibis": "ibis-framework",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "xgboost": "xgboost",
}
"""Modules whose version can change a result, and their distributions."""


def evidence_of(
    request: StepRequest, layout: Layout, trace: Trace, *, started: float, cpu: float, error: SagelensError | None
) -> Evidence:
    """Everything the job knows when it ends, well or not."""
    curves, left_out = _curves(trace)
    return Evidence(
        pipeline=request.pipeline,
        step=request.step,
        phase=request.phase,
        function=request.function,
        code_digest=code_digest(layout),
        started=started,
        finished=time.time(),
        inputs=tuple(trace.inputs),
        outputs=tuple(trace.outputs),
        parameters=flat(trace.parameters),
        metrics={name: float(value) for result in trace.results if isinstance(result, Metrics) for name, value in result.items()},
        curves=curves,
        verdicts=tuple(result for result in trace.results if isinstance(result, Verdict)),
        facts=_facts(trace),
        warnings=tuple(dict.fromkeys([*trace.warnings, *left_out])),
        versions=versions(),
        peak_memory=_peak_memory(),
        cpu_seconds=round(cpu, 3),
        failure=Failure(error.kind, error.message) if error else None,
    )


def write_evidence(evidence: Evidence, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(evidence), sort_keys=True, indent=1, default=str) + "\n", encoding="utf-8")


def _curves(trace: Trace) -> tuple[dict[str, tuple[float | None, ...]], list[str]]:
    """The curves to be recorded, and a warning that names the others: training has ended, and should not fail for them."""
    kept: dict[str, tuple[float | None, ...]] = {}
    left: list[str] = []
    given = [item for result in trace.results if isinstance(result, Folder) for item in result.curves.items()]
    for name, values in given:
        if name in kept or len(kept) == _MOST_CURVES or len(values) > _MOST_ROUNDS:
            left.append(str(name)[:80])
        else:
            kept[name] = tuple(_finite(value) for value in values)
    if not left:
        return kept, []
    shown = ", ".join(left[:3]) + (" and others" if len(left) > 3 else "")
    limits = f"A step has {_MOST_CURVES} curves at most, each under a name of its own and with {_MOST_ROUNDS} rounds at most"
    return kept, [f"{len(left)} of {len(given)} curves are not recorded: {shown}. {limits}."]


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _facts(trace: Trace) -> dict[str, str]:
    """The texts in the fields of JSON outputs: the ARNs and names that a step brought about."""
    found: dict[str, str] = {}
    for record, value in zip(trace.outputs, trace.results, strict=False):
        if record.kind is ArtifactKind.JSON:
            found |= {name: str(text) for name, text in _fields(value).items() if isinstance(text, str)}
    return found


def _fields(value: Any) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value) if hasattr(type(value), "model_fields") else {}


def versions() -> dict[str, str]:
    """Of Python and of the recorded distributions that are loaded."""
    python = {"python": ".".join(map(str, sys.version_info[:3]))}
    return python | {name: _version_of(name) for module, name in RECORDED.items() if module in sys.modules}


@cache
def _version_of(distribution: str) -> str:
    """Remembered, also from a warm interpreter to the jobs that it forks: reading one takes a millisecond or two."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return metadata.version(STAND_INS[distribution])


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
