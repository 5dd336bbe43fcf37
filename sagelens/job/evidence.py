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
        curves=_curves(trace),
        verdicts=tuple(result for result in trace.results if isinstance(result, Verdict)),
        facts=_facts(trace),
        warnings=tuple(dict.fromkeys(trace.warnings)),
        versions=versions(),
        peak_memory=_peak_memory(),
        cpu_seconds=round(cpu, 3),
        failure=Failure(error.kind, error.message) if error else None,
    )


def write_evidence(evidence: Evidence, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(evidence), sort_keys=True, indent=1, default=str) + "\n", encoding="utf-8")


def _curves(trace: Trace) -> dict[str, tuple[float | None, ...]]:
    found = {name: values for result in trace.results if isinstance(result, Folder) for name, values in result.curves.items()}
    return {name: tuple(float(v) if isfinite(v) else None for v in values) for name, values in found.items()}


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
