"""Kinds, JSON and the debugger, without a process."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from pdb import Pdb
from typing import Any, NamedTuple

import pytest

from sagelens.data import Table
from sagelens.errors import BadData, BadInput
from sagelens.job import debug
from sagelens.job.artifacts import as_json
from sagelens.job.kinds import kind_of, result_annotations
from sagelens.values import ArtifactKind, Figures, Folder, Metrics, Verdict


class Splits(NamedTuple):
    train: Table
    test: Metrics


@dataclass(frozen=True)
class Record:
    rate: float
    rows: dict[str, Any]


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (Table, ArtifactKind.TABLE),
        (Folder | None, ArtifactKind.FOLDER),
        (Metrics, ArtifactKind.METRICS),
        (Figures, ArtifactKind.FIGURES),
        (Verdict, ArtifactKind.VERDICT),
        (Record, ArtifactKind.JSON),
        (dict[str, int], ArtifactKind.JSON),
    ],
)
def test_the_annotation_chooses_the_kind(annotation: Any, kind: ArtifactKind) -> None:
    assert kind_of(annotation) is kind


def test_results_are_annotated_one_by_one() -> None:
    assert result_annotations("f", Splits, ("a", "b")) == (Table, Metrics)
    assert result_annotations("f", tuple[Table, ...], ("a", "b")) == (Table, Table)
    assert result_annotations("f", tuple[int, int], ("a",)) == (tuple[int, int],)
    with pytest.raises(BadInput, match="gives 3 artifacts"):
        result_annotations("f", tuple[int, int], ("a", "b", "c"))


def test_json_is_sorted_and_exact_and_knows_numpy() -> None:
    import numpy as np

    assert as_json("r", Record, Record(0.1 + 0.2, {"b": np.int64(2), "a": np.array([1.5])})) == (
        '{\n "rate": 0.30000000000000004,\n "rows": {\n  "a": [\n   1.5\n  ],\n  "b": 2\n }\n}\n'
    )


def test_json_has_no_nan() -> None:
    with pytest.raises(BadData, match="not finite"):
        as_json("r", Record, Record(float("nan"), {}))


def test_a_value_that_does_not_fit_its_annotation_is_refused() -> None:
    with pytest.raises(BadInput, match="does not fit its annotation"):
        as_json("r", dict[str, int], {"a": "x"})


def test_debug_stops_at_the_first_line_and_gives_the_result(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    job.ask("text", gives=["answer"], params={"package": "arn:1"})
    shown = io.StringIO()
    result = debug(job.root, debugger=Pdb(stdin=io.StringIO("p package\ncontinue\n"), stdout=shown, nosigint=True, readrc=False))
    assert result == "arn:1"
    assert "'arn:1'" in shown.getvalue()
    assert not job.outputs.exists()
    assert Path(job.root).is_dir()
