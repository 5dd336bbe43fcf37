"""Curves thinned for drawing, and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelens.evaluation.record import Calibration, CalibrationBin, Curve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["calibration", "precision_recall", "roc", "thinned"]


def thinned(x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]], *, points: int = 200) -> Curve:
    """At most so many points, evenly by their place in the curve, both ends among them; rounded to 6 places."""
    import numpy as np

    kept = np.unique(np.linspace(0, len(x) - 1, points).round().astype(np.int64)) if len(x) > points else np.arange(len(x))
    return Curve(x=tuple(np.round(x[kept], 6).tolist()), y=tuple(np.round(y[kept], 6).tolist()))


def roc(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]]) -> Curve:
    from sklearn.metrics import roc_curve

    false_positive_rate, true_positive_rate, _ = roc_curve(labels, scores)
    return thinned(false_positive_rate, true_positive_rate)


def precision_recall(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]]) -> Curve:
    """x is recall, falling; y is precision."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, scores)
    return thinned(recall, precision)


def calibration(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], *, bins: int) -> Calibration:
    """Bins of equal width; the expected calibration error of Naeini et al., "Obtaining well calibrated probabilities", 2015."""
    import numpy as np

    index = np.minimum((scores * bins).astype(np.int64), bins - 1)
    rows = np.bincount(index, minlength=bins)
    score_sums = np.bincount(index, weights=scores, minlength=bins)
    positives = np.bincount(index, weights=labels, minlength=bins)
    filled = [
        CalibrationBin(
            low=i / bins,
            high=(i + 1) / bins,
            rows=int(rows[i]),
            mean_score=float(score_sums[i] / rows[i]),
            positive_rate=float(positives[i] / rows[i]),
        )
        for i in np.flatnonzero(rows)
    ]
    error = sum(b.rows * abs(b.mean_score - b.positive_rate) for b in filled) / len(scores)
    return Calibration(bins=tuple(filled), expected_error=error)
