"""`debug`: a step's function in pdb, on what its job was given."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagelens.cli.commands.runs import document_of, step_of
from sagelens.cli.guard import unguarded
from sagelens.cli.objects import download
from sagelens.cli.target import Connection, connect
from sagelens.errors import BadInput

__all__ = ["debug_step"]


def debug_step(run: str, step: str, *, environment: str) -> int:
    """Fetch the inputs of the step's job into a folder laid out like the job's container, and call the function there."""
    from sagelens.job.foreground import debug
    from sagelens.job.layout import JobKind

    connection = connect(environment)
    found = step_of(document_of(connection, run), step)
    kinds = {"Processing": JobKind.PROCESSING, "Training": JobKind.TRAINING}
    if found["type"] not in kinds or not found["job_arn"]:
        raise BadInput(
            f"Step '{step}' is of type {found['type']} or ran no job; only Processing and Training steps can be debugged."
        )
    kind = kinds[found["type"]]
    with TemporaryDirectory(prefix="sagelens-debug-") as folder:
        root = Path(folder)
        fetch = _fetch_processing if kind is JobKind.PROCESSING else _fetch_training
        code, job = fetch(connection, found["job_arn"].rpartition("/")[2], root)
        os.environ.update({name: value for name, value in job.get("Environment", {}).items() if name != "PYTHONPATH"})
        sys.path[:0] = [str(connection.project.root), str(code)]
        sys.stdout, sys.stderr = unguarded(sys.stdout), unguarded(sys.stderr)  # pdb edits its line
        debug(root, kind=kind, project=connection.project.root)
    return 0


def _fetch_processing(connection: Connection, name: str, root: Path) -> tuple[Path, dict[str, Any]]:
    job: dict[str, Any] = connection.sagemaker.describe_processing_job(ProcessingJobName=name)
    for item in job["ProcessingInputs"]:
        download(connection.s3, item["S3Input"]["S3Uri"], _below(root, item["S3Input"]["LocalPath"]))
    config = _below(root, "/opt/ml/config/processingjobconfig.json")
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(job, default=str))
    return _below(root, "/opt/ml/processing/input/code"), job


def _fetch_training(connection: Connection, name: str, root: Path) -> tuple[Path, dict[str, Any]]:
    job: dict[str, Any] = connection.sagemaker.describe_training_job(TrainingJobName=name)
    for channel in job["InputDataConfig"]:
        folder = _below(root, f"/opt/ml/input/data/{channel['ChannelName']}")
        download(connection.s3, channel["DataSource"]["S3DataSource"]["S3Uri"], folder)
    config = _below(root, "/opt/ml/input/config/hyperparameters.json")
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(job.get("HyperParameters", {})))
    return _below(root, "/opt/ml/input/data/code"), job


def _below(root: Path, container_path: str) -> Path:
    return root / container_path.lstrip("/")
