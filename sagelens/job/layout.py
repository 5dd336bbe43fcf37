"""Where SageMaker puts things in a job's container."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sagelens.errors import BadInput

__all__ = ["JobKind", "Layout", "layout_of"]


class JobKind(StrEnum):
    PROCESSING = "processing"
    TRAINING = "training"


@dataclass(frozen=True)
class Layout:
    """The paths of one job, and, as far as SageMaker tells, the URIs of what lies there."""

    kind: JobKind
    inputs: Path
    outputs: Path
    evidence: Path
    failure: Path
    settings: Path
    model: Path | None = None

    @property
    def code(self) -> Path:
        return self.inputs / "code"

    @property
    def step(self) -> Path:
        return self.inputs / "config" / "step.json"

    def taken(self, name: str) -> Path:
        return self.inputs / name

    def source(self, name: str) -> Path:
        if self.kind is JobKind.TRAINING:
            raise BadInput(f"A training job has no sources, but the step asks for '{name}'. Make it a processing step.")
        return self.inputs / f"source-{name}"

    def given(self, name: str, *, first: bool) -> Path:
        return self.model if first and self.model else self.outputs / name

    def uris(self) -> dict[str, str]:
        """The URI of each input, by name, without a last `/`."""
        if self.kind is JobKind.PROCESSING:
            items = _json(self.settings / "processingjobconfig.json").get("ProcessingInputs") or []
            return {item["InputName"]: item.get("S3Input", {}).get("S3Uri", "").rstrip("/") for item in items}
        return {name: _channel_uri(channel) for name, channel in _json(self.settings / "inputdataconfig.json").items()}

    def output_uris(self) -> dict[str, str]:
        """The URI of each output, by name, without a last `/`; a training job is not told."""
        config = _json(self.settings / "processingjobconfig.json").get("ProcessingOutputConfig") or {}
        return {item["OutputName"]: item.get("S3Output", {}).get("S3Uri", "").rstrip("/") for item in config.get("Outputs", ())}

    def hyperparameters(self) -> dict[str, str]:
        """What a training job was given beside step.json, without the SDK's own."""
        found = _json(self.settings / "hyperparameters.json") if self.kind is JobKind.TRAINING else {}
        return {name: text for name, text in found.items() if not name.startswith(("sagemaker_", "_"))}


def layout_of(kind: JobKind, root: str | None = None) -> Layout:
    """The layout below `root`; by default below the folder in SAGELENS_ROOT, or that of a container."""
    base = Path(f"{os.environ.get('SAGELENS_ROOT', '') if root is None else root}/opt/ml")
    if kind is JobKind.PROCESSING:
        outputs = base / "processing" / "output"
        return Layout(
            kind=kind,
            inputs=base / "processing" / "input",
            outputs=outputs,
            evidence=outputs / "evidence" / "evidence.json",
            failure=base / "output" / "message",
            settings=base / "config",
        )
    data = base / "output" / "data"
    return Layout(
        kind=kind,
        inputs=base / "input" / "data",
        outputs=data,
        evidence=data / "evidence.json",
        failure=base / "output" / "failure",
        settings=base / "input" / "config",
        model=base / "model",
    )


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return found


def _channel_uri(channel: dict[str, Any]) -> str:
    uri: str = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri") or channel.get("S3Uri") or ""
    return uri.rstrip("/")
