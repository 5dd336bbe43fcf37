from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from sagelens.evaluation.curves import calibration, precision_recall, roc, thinned

RANDOM = np.random.default_rng(3)
SCORES = RANDOM.random(3000)
LABELS = (RANDOM.random(3000) < SCORES).astype(np.int8)


def test_a_thinned_curve_keeps_both_ends() -> None:
    x = np.linspace(0, 1, 5000)

    curve = thinned(x, x**2)

    assert len(curve.x) == 200
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)


def test_a_short_curve_is_kept_whole() -> None:
    assert thinned(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.0])).y == (1.0, 0.5, 0.0)


def test_the_area_below_the_thinned_roc_is_close_to_that_of_all_points() -> None:
    from sklearn.metrics import auc, roc_auc_score

    curve = roc(LABELS, SCORES)

    assert len(curve.x) <= 200
    assert auc(curve.x, curve.y) == pytest.approx(roc_auc_score(LABELS, SCORES), abs=2e-3)


def test_recall_falls_from_one_to_zero() -> None:
    curve = precision_recall(LABELS, SCORES)

    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (1, 0, 1)


def test_bins_are_those_of_scikit_learn_and_calibrated_scores_have_little_error() -> None:
    found = calibration(LABELS, SCORES, bins=10)
    rates, means = calibration_curve(LABELS, SCORES, n_bins=10)

    assert [b.positive_rate for b in found.bins] == pytest.approx(rates.tolist())
    assert [b.mean_score for b in found.bins] == pytest.approx(means.tolist())
    assert sum(b.rows for b in found.bins) == 3000
    assert found.expected_error < 0.03


def test_the_error_is_the_distance_weighted_by_rows() -> None:
    found = calibration(np.array([1, 1, 0, 1], dtype=np.int8), np.array([1.0, 0.9, 0.3, 0.3]), bins=2)

    assert found.expected_error == pytest.approx((2 * 0.05 + 2 * 0.2) / 4)


def test_bins_without_rows_are_left_out() -> None:
    found = calibration(np.array([0, 1], dtype=np.int8), np.array([0.05, 0.95]), bins=10)

    assert [(b.low, b.high) for b in found.bins] == [(0.0, 0.1), (0.9, 1.0)]
