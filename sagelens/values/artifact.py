"""Artifacts: what steps take and give.

The annotation of a step's parameter or result chooses how the artifact is read and written:

    annotation            kind      on disk
    Table                 table     a folder of Parquet files, read lazily with Ibis on DuckDB
    Folder                folder    a folder of any files (a model, a transform); carries its URI and digest
    Metrics               metrics   metrics.json: flat, name to number; logged to the tracker
    Figures               figures   one SVG file a figure; logged to the tracker, shown in the report
    Verdict               verdict   verdict.json
    a dataclass, a pydantic model, dict, list, str, int, float, bool      json      value.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["ArtifactKind", "ArtifactRecord", "Column", "Figures", "Folder", "Metrics"]


class ArtifactKind(StrEnum):
    TABLE = "table"
    FOLDER = "folder"
    METRICS = "metrics"
    FIGURES = "figures"
    VERDICT = "verdict"
    JSON = "json"


class Metrics(dict[str, float]):
    """Flat numbers by name; names in snake_case, a slash for groups (`slice/carrier/AA/roc_auc`).

    `uri` is set on what a step takes: where the JSON file with these numbers is kept.
    """

    uri: str = ""


class Figures(dict[str, str]):
    """SVG documents by name; the name becomes the file's stem and, with underscores as blanks, the title."""


@dataclass(frozen=True)
class Folder:
    """A folder artifact. A step that gives one returns `Folder(path)`, with a path of its own making; the job moves it.

    `uri` and `digest` are set on what a step takes: where the artifact is kept and the digest of its content. `curves` are for
    the record of the step that gives it: by name, such as `validation-logloss`, the value after each round of training.
    """

    path: Path
    uri: str = ""
    digest: str = ""
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """What evidence says of one input or output."""

    name: str
    kind: ArtifactKind
    digest: str
    bytes: int
    uri: str = ""
    rows: int | None = None
    columns: tuple[Column, ...] = ()
