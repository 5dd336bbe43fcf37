"""Reading what a step takes and writing what it gives."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagelens.data import read_table, shape_of, write_table
from sagelens.errors import BadData, BadInput
from sagelens.job.adapters import adapter_of
from sagelens.job.kinds import is_optional, kind_of
from sagelens.values import ArtifactKind, ArtifactRecord, Figures, Folder, Metrics, Verdict, digest_path

__all__ = ["as_json", "read_artifact", "record_of", "write_artifact"]

FILES = {ArtifactKind.METRICS: "metrics.json", ArtifactKind.VERDICT: "verdict.json", ArtifactKind.JSON: "value.json"}
CLASSES = {
    ArtifactKind.FOLDER: Folder,
    ArtifactKind.METRICS: Metrics,
    ArtifactKind.FIGURES: Figures,
    ArtifactKind.VERDICT: Verdict,
}
FIGURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def record_of(name: str, kind: ArtifactKind, folder: Path, uri: str = "") -> ArtifactRecord:
    """What evidence says of the artifact in a folder."""
    size = sum(os.stat(f"{root}/{file}").st_size for root, _, files in os.walk(folder, followlinks=True) for file in files)  # noqa: PTH116
    record = ArtifactRecord(name=name, kind=kind, digest=digest_path(folder), bytes=size, uri=uri)
    if kind is not ArtifactKind.TABLE:
        return record
    shape = shape_of(folder)
    return replace(record, rows=shape.rows, columns=shape.columns)


def read_artifact(annotation: Any, folder: Path, record: ArtifactRecord | None) -> Any:
    """The value that a parameter with this annotation receives; `record` is missing where the folder is."""
    if record is None:
        if is_optional(annotation):
            return None
        raise BadInput(
            f"Artifact '{folder.name}' is not there: {folder} is missing or empty. Did the step that gives it succeed?"
        )
    match record.kind:
        case ArtifactKind.TABLE:
            return read_table(folder)
        case ArtifactKind.FOLDER:
            return Folder(folder, uri=record.uri, digest=record.digest)
        case ArtifactKind.FIGURES:
            return Figures({file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.svg"))})
        case kind:
            return _read_json(annotation, kind, folder, record.uri)


def write_artifact(name: str, annotation: Any, value: Any, folder: Path, *, keep: Path) -> ArtifactKind:
    """Write one value below `folder`. What lies below `keep`, the job's inputs, is copied; other folders are moved."""
    kind = kind_of(annotation)
    wanted = CLASSES.get(kind)
    if wanted and not isinstance(value, wanted):
        raise BadInput(f"'{name}' is annotated as {wanted.__name__}, but the step returned a {type(value).__name__}.")
    folder.mkdir(parents=True, exist_ok=True)
    match kind:
        case ArtifactKind.TABLE:
            write_table(value, folder)
        case ArtifactKind.FOLDER:
            _place(name, value.path, folder, keep)
        case ArtifactKind.METRICS:
            _write(folder / FILES[kind], _metrics(name, value))
        case ArtifactKind.FIGURES:
            _write_figures(name, value, folder)
        case ArtifactKind.VERDICT | ArtifactKind.JSON:
            _write(folder / FILES[kind], as_json(name, annotation, value))
    return kind


def as_json(name: str, annotation: Any, value: Any) -> str:
    """The value as JSON: sorted keys, floats that read back the same, no NaN."""
    from pydantic import PydanticSchemaGenerationError
    from pydantic_core import PydanticSerializationError

    try:
        plain = adapter_of(annotation).dump_python(value, mode="json", fallback=_plain, warnings="error")
        return json.dumps(plain, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
    except ValueError as error:
        if isinstance(error, PydanticSerializationError):
            raise BadInput(f"'{name}' does not fit its annotation {annotation}: {error}") from error
        raise BadData(
            f"'{name}' holds a number that is not finite, which JSON has no word for. Use null (None) for missing."
        ) from error
    except PydanticSchemaGenerationError as error:
        raise BadInput(f"'{name}' is annotated as {annotation}, of which no JSON can be made: {error}") from error


def _read_json(annotation: Any, kind: ArtifactKind, folder: Path, uri: str) -> Any:
    from pydantic import ValidationError

    file = folder / FILES[kind]
    if not file.is_file():
        raise BadInput(f"Artifact '{folder.name}' should be {kind} by its annotation, but {file} does not exist.")
    if kind is ArtifactKind.METRICS:
        metrics = Metrics(json.loads(file.read_bytes()))
        metrics.uri = f"{uri.rstrip('/')}/{file.name}" if uri else ""
        return metrics
    try:
        return adapter_of(annotation).validate_json(file.read_bytes())
    except ValidationError as error:
        raise BadInput(f"Artifact '{folder.name}' does not fit the annotation {annotation}: {error}") from error


def _metrics(name: str, metrics: Mapping[str, float]) -> str:
    try:
        return json.dumps({key: float(value) for key, value in metrics.items()}, sort_keys=True, allow_nan=False, indent=1) + "\n"
    except (TypeError, ValueError) as error:
        odd = {key: value for key, value in metrics.items() if not _finite(value)}
        raise BadData(f"'{name}' holds metrics that are not finite numbers: {odd}. Leave out what cannot be computed.") from error


def _finite(value: Any) -> bool:
    try:
        return abs(float(value)) < float("inf")
    except (TypeError, ValueError):
        return False


def _write_figures(name: str, figures: Figures, folder: Path) -> None:
    for title, svg in figures.items():
        if not FIGURE_NAME.fullmatch(title):
            raise BadInput(
                f"'{name}' has a figure '{title}'. A figure's name becomes a file's: letters, digits, '_', '-' and '.' only."
            )
        if "<svg" not in svg[:2000]:
            raise BadInput(f"Figure '{title}' of '{name}' is not SVG. See sagelens.data.figures.to_svg.")
        _write(folder / f"{title}.svg", svg)


def _place(name: str, source: Path, folder: Path, keep: Path) -> None:
    if not source.is_dir():
        raise BadInput(f"'{name}' is Folder({source}), which is not a folder.")
    if source.resolve() == folder.resolve():
        return
    kept = source.resolve().is_relative_to(keep.resolve())
    for child in sorted(source.iterdir()):
        target = folder / child.name
        if not kept:
            shutil.move(child, target)
        elif child.is_dir():
            shutil.copytree(child, target)
        else:
            shutil.copy2(child, target)


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays, where an annotation says Any."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
