from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sklearn.preprocessing import FunctionTransformer

from sagelens.errors import BadData, Refused
from sagelens.training import Dataset, fit_baseline, load_baseline, save_baseline


@pytest.fixture(scope="module")
def rows(train_features: pa.Table) -> Dataset:
    return Dataset.of(train_features, name="train_features", label="late", keep=("carrier",))


@pytest.fixture(scope="module")
def fitted(rows: Dataset) -> Any:
    return fit_baseline(rows, max_iter=200, seed=1)


def test_it_learns(rows: Dataset, fitted: Any) -> None:
    assert fitted.score(rows.x, rows.y) > 0.75


def test_a_kept_baseline_scores_the_same(rows: Dataset, fitted: Any, tmp_path: Path) -> None:
    save_baseline(fitted, tmp_path)

    assert load_baseline(tmp_path).predict_proba(rows.x).tolist() == fitted.predict_proba(rows.x).tolist()


def test_the_same_model_is_the_same_bytes(rows: Dataset, fitted: Any, tmp_path: Path) -> None:
    again = fit_baseline(rows, max_iter=200, seed=1)
    for name, pipeline in (("a", fitted), ("b", again)):
        (tmp_path / name).mkdir()
        save_baseline(pipeline, tmp_path / name)

    assert (tmp_path / "a" / "baseline.skops").read_bytes() == (tmp_path / "b" / "baseline.skops").read_bytes()


def test_a_file_with_other_types_is_refused(tmp_path: Path) -> None:
    save_baseline(FunctionTransformer(func=pytest.importorskip), tmp_path)

    with pytest.raises(Refused, match="would build types that are not trusted"):
        load_baseline(tmp_path)


def test_a_folder_without_a_baseline_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"there is no baseline\.skops"):
        load_baseline(tmp_path)
