"""The same metrics on the rows of each value of a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sagelens.evaluation.costs import confusion_at, cost_of
from sagelens.evaluation.record import Slice, SmallSlice
from sagelens.project.model import ErrorCosts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["slices_of"]

MISSING = "(missing)"


def slices_of(
    column: str,
    values: Any,
    labels: NDArray[np.integer[Any]],
    scores: NDArray[np.floating[Any]],
    *,
    threshold: float,
    costs: ErrorCosts,
    minimum_rows: int,
) -> tuple[list[Slice], list[SmallSlice]]:
    """`values` is the Arrow column. A slice with fewer than `minimum_rows`, or with one class only, is not measured but named."""
    measured, small = [], []
    for value, rows in _groups(values):
        y, p = labels[rows], scores[rows]
        reason = _too_small(y, minimum_rows)
        if reason:
            small.append(SmallSlice(column=column, value=value, rows=len(rows), reason=reason))
        else:
            measured.append(Slice(column=column, value=value, rows=len(rows), metrics=_metrics(y, p, threshold, costs)))
    return measured, small


def _groups(values: Any) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each value as text, in the order of the values, with the numbers of its rows; missing values come last."""
    import numpy as np

    encoded = values.combine_chunks().dictionary_encode()
    known = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(known)).to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(known) + 2))
    by_value = sorted(range(len(known)), key=known.__getitem__)
    for code in (*by_value, len(known)):
        rows = order[bounds[code] : bounds[code + 1]]
        if len(rows):
            yield (str(known[code]) if code < len(known) else MISSING), rows


def _too_small(labels: NDArray[np.integer[Any]], minimum_rows: int) -> str:
    if len(labels) < minimum_rows:
        return f"fewer than {minimum_rows} rows"
    return "" if 0 < labels.sum() < len(labels) else "one class only"


def _metrics(
    labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], threshold: float, costs: ErrorCosts
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "positive_rate": float(labels.mean()),
        "mean_score": float(scores.mean()),
        "cost_per_1000": cost_of(confusion_at(labels, scores, threshold), costs),
    }
