"""The baseline: a logistic regression on standardised features, with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagelens.errors import BadData, Refused
from sagelens.training.archive import stable_archive
from sagelens.training.dataset import Dataset

__all__ = ["fit_baseline", "load_baseline", "save_baseline"]

_FILE = "baseline.skops"
_TYPES_BEYOND_SKOPS_OWN: frozenset[str] = frozenset()


def fit_baseline(train: Dataset, *, max_iter: int, seed: int) -> Any:
    """A fitted scikit-learn pipeline; it takes features in the order of the training table."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    train.require_both_classes()
    train.require_complete()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=max_iter, random_state=seed))
    with threadpool_limits(1):  # a second BLAS thread triples the time on the processors and saves none on the clock
        return pipeline.fit(train.x, train.y)


def save_baseline(pipeline: Any, folder: Path) -> None:
    from skops.io import dumps

    (folder / _FILE).write_bytes(stable_archive(dumps(pipeline)))


def load_baseline(folder: Path) -> Any:
    """The pipeline that `save_baseline` kept; refused when the file would build anything but scikit-learn's own types."""
    from skops.io import get_untrusted_types, load

    file = folder / _FILE
    if not file.is_file():
        raise BadData(f"Folder {folder.name} holds no baseline: there is no {_FILE}. Give the folder that `baseline` made.")
    strange = sorted(set(get_untrusted_types(file=file)) - _TYPES_BEYOND_SKOPS_OWN)
    if strange:
        raise Refused(f"{_FILE} would build types that are not trusted: {', '.join(strange)}. Train the baseline again.")
    return load(file, trusted=sorted(_TYPES_BEYOND_SKOPS_OWN))
