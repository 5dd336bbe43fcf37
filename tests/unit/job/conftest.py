"""A job's folder, as SageMaker lays it out, with tiny steps as its code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

STEPS = """
    from __future__ import annotations

    import os, signal, warnings
    from dataclasses import dataclass
    from enum import StrEnum
    from pathlib import Path
    from typing import NamedTuple

    from pydantic import BaseModel

    from sagelens.data import Table, read_sources
    from sagelens.errors import BadData
    from sagelens.values import Check, Figures, Folder, GateKind, LocalSource, Metrics, SageMakerClient, TimeSplit, Verdict


    class Colour(StrEnum):
        RED = "red"

    class Settings(BaseModel):
        depth: int = 3
        rate: float = 0.1

    @dataclass(frozen=True)
    class Record:
        name: str
        rows: int

    def count(numbers: Table, *, scale: int, split: TimeSplit, colour: Colour = Colour.RED) -> tuple[Table, Metrics, Record]:
        warnings.warn("two is close to one")
        print(type(split).__name__, type(colour).__name__)
        doubled = numbers.mutate(twice=numbers.n * scale)
        return doubled, Metrics(rows=numbers.count().to_pyarrow().as_py()), Record("counted", 3)

    def judge(record: Record, metrics: Metrics) -> tuple[Verdict, Figures]:
        check = Check(name="rows", subject="numbers", passed=metrics["rows"] == record.rows, observed="3", expected="3")
        return Verdict.of("rows", GateKind.DATA, (check,)), Figures(a_figure="<svg></svg>")

    def fit(*tables: Table, settings: Settings) -> Folder:
        folder = Path("made"); folder.mkdir()
        (folder / "model.txt").write_text(f"{len(tables)} {settings.depth} {settings.rate}")
        return Folder(folder, curves={"loss": [0.5, float("nan"), 0.25]})

    def collect(*, sources: dict[str, LocalSource]) -> tuple[*tuple[Table, ...], Record]:
        return *read_sources(sources).values(), Record("sources", len(sources))

    def copy(model: Folder) -> Folder:
        return Folder(model.path)

    def client(*, sagemaker: SageMakerClient) -> str:
        return sagemaker.meta.service_model.service_name

    def optional(champion: Folder | None) -> dict[str, bool]:
        return {"found": champion is not None}

    def text(*, package: str) -> str:
        return package

    def bad() -> str:
        raise BadData("The 'flights' source is rotten.")

    def broken() -> str:
        raise ZeroDivisionError("division by zero")

    def stopped() -> str:
        os.kill(os.getpid(), signal.SIGTERM)

    def not_finite() -> Metrics:
        return Metrics(loss=float("nan"))

    def wrong_number() -> tuple[str, str]:
        return "a", "b", "c"

    def wrong_kind() -> Verdict:
        return "passed"
"""


@dataclass
class JobFolder:
    root: Path
    kind: str = "processing"

    @property
    def inputs(self) -> Path:
        return self.root / "opt/ml" / ("processing/input" if self.kind == "processing" else "input/data")

    @property
    def outputs(self) -> Path:
        return self.root / "opt/ml" / ("processing/output" if self.kind == "processing" else "output/data")

    def ask(self, function: str, **more: Any) -> None:
        """Write step.json for a function of the tiny steps."""
        content = {
            "version": 1,
            "pipeline": "training",
            "step": "tiny",
            "phase": "preparation",
            "function": function if ":" in function else f"tiny_steps:{function}",
            "takes": [],
            "gives": [],
            "params": {},
            "environment": {},
            "sources": {},
        }
        self.write(self.inputs / "config/step.json", json.dumps(content | more))

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def table(self, name: str, **columns: list[Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = self.inputs / name
        folder.mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / "part-0.parquet")

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """In a fresh interpreter, in the job's own folder."""
        return subprocess.run(
            [sys.executable, "-m", "sagelens.job", self.kind],
            env={**os.environ, "SAGELENS_ROOT": str(self.root), "PYTHONPATH": str(ROOT), **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def evidence(self) -> dict[str, Any]:
        where = "evidence/evidence.json" if self.kind == "processing" else "evidence.json"
        found: dict[str, Any] = json.loads((self.outputs / where).read_text())
        return found

    def message(self) -> str:
        return (self.root / "opt/ml/output" / ("message" if self.kind == "processing" else "failure")).read_text()


def make_job(root: Path, kind: str) -> JobFolder:
    job = JobFolder(root, kind)
    job.write(job.inputs / "code/tiny_steps.py", dedent(STEPS))
    job.write(job.inputs / "code/sagelens-code.json", json.dumps({"digest": "c0de", "files": {}, "imports": []}))
    return job


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    return make_job(tmp_path, "processing")


@pytest.fixture
def training(tmp_path: Path) -> JobFolder:
    return make_job(tmp_path, "training")
