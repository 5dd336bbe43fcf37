"""An execution's document with the evidence and the files of its steps."""

from __future__ import annotations

import json
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/training/execution/ABCDEF123456"
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/delays/3"


@dataclass
class Bucket:
    """Objects in a folder, and a document that refers to them."""

    root: Path
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.document = {
            "version": 1,
            "pipeline": "training",
            "execution_id": "ABCDEF123456",
            "execution_arn": ARN,
            "target": "local",
            "status": "Executing",
            "started": 1000.0,
            "finished": None,
            "parameters": {"Rows": "10"},
            "failure_reason": None,
            "steps": [],
            "tracking": None,
            "error": None,
        }

    @property
    def path(self) -> Path:
        return self.root / "bucket" / "training" / "ABCDEF123456" / "execution.json"

    def read_files(self, uri: str) -> Path:
        return self.root / uri.removeprefix("s3://")

    def read_json(self, uri: str) -> Any:
        return json.loads(self.read_files(uri).read_bytes())

    def write(self, uri: str, text: str) -> str:
        path = self.read_files(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return uri

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.document))

    def step(
        self, name: str, *, status: str = "Succeeded", evidence: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Add a step to the document, with its evidence in the bucket."""
        prefix = f"s3://bucket/training/ABCDEF123456/{name}/output"
        ended = status in ("Succeeded", "Failed", "Stopped")
        step = {
            "name": name,
            "type": "Processing",
            "phase": "preparation",
            "status": status,
            "started": 1001.0,
            "finished": 1003.5 if ended else None,
            "seconds": 2.5 if ended else None,
            "cache": "miss",
            "cache_miss_reason": "first run",
            "cache_source": None,
            "attempts": 1,
            "job_arn": f"arn:job/{name}",
            "outputs": {},
            "evidence": None,
            "depends_on": [],
            "log_group": None,
            "log_stream": None,
            "failure": None,
            "outcome": None,
            **more,
        }
        if evidence is not None:
            whole = {**EVIDENCE, "step": name, **evidence}
            step["evidence"] = self.write(f"{prefix}/evidence/evidence.json", json.dumps(whole))
        self.document["steps"].append(step)
        return step

    def finish(self, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
        self.document |= {"status": status, "finished": 1020.0, **more}
        return self.document

    def register(self) -> dict[str, Any]:
        """A step that registers a model folder."""
        uri = "s3://bucket/training/ABCDEF123456/package/output/servable"
        schema = {
            "properties": {"carrier": {"type": "string"}, "distance": {"type": ["number", "null"]}},
            "required": ["carrier"],
        }
        self.write(f"{uri}/schema.json", json.dumps(schema))
        self.write(f"{uri}/sample.jsonl", json.dumps({"carrier": "AA", "distance": 1089.0}) + "\n")
        self.write(f"{uri}/model/model.ubj", "x" * 100_000)
        facts = {"model_package_arn": PACKAGE, "model_package_group": "delays", "model_digest": "d" * 64}
        return self.step("register", evidence={"inputs": [artifact("servable", "folder", uri=uri)], "facts": facts})


EVIDENCE = {
    "pipeline": "training",
    "phase": "preparation",
    "function": "steps.preparation:prepare",
    "code_digest": "c" * 64,
    "started": 1001.0,
    "finished": 1003.0,
    "inputs": [],
    "outputs": [],
    "parameters": {},
    "metrics": {},
    "verdicts": [],
    "facts": {},
    "warnings": [],
    "versions": {"python": "3.11.7"},
    "peak_memory": 123_000_000,
    "cpu_seconds": 1.5,
    "failure": None,
}


def artifact(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "digest": name[0] * 64, "bytes": 10, "uri": "", "rows": None, "columns": [], **more}


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path / "objects")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making the tables takes seconds; each test gets a copy."""
    from sagelens.tracking.client import connect

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def uri(empty_database: Path, tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_database, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield f"sqlite:///{path}"
