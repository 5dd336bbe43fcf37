from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sagelens.errors import BadData
from sagelens.evaluation.bootstrap import _poisson_table, _Ranks, bootstrap_auc_difference

RANDOM = np.random.default_rng(7)
LABELS = (RANDOM.random(2000) < 0.3).astype(np.int8)
SIGNAL = RANDOM.normal(size=2000) + LABELS
NOISY = SIGNAL + RANDOM.normal(size=2000)


def test_the_auc_under_weights_is_scikit_learns_also_with_ties() -> None:
    scores = SIGNAL.round(1)
    weights = RANDOM.poisson(1.0, len(LABELS)).astype(np.uint8)
    negative, positive = LABELS == 0, LABELS == 1

    found = _Ranks(scores[negative], scores[positive]).auc(weights[negative], weights[positive].astype(np.int64))

    assert len(np.unique(scores)) < 100
    assert found == pytest.approx(roc_auc_score(LABELS, scores, sample_weight=weights), abs=1e-12)


def test_the_table_is_poisson_with_mean_and_variance_one() -> None:
    table = _poisson_table().astype(float)

    assert table.mean() == pytest.approx(1, abs=1e-3)
    assert table.var() == pytest.approx(1, abs=1e-3)
    assert (table == 0).mean() == pytest.approx(np.exp(-1), abs=1e-4)


def test_the_interval_of_a_better_model_lies_above_zero_and_holds_the_estimate() -> None:
    found = bootstrap_auc_difference(LABELS, SIGNAL, NOISY, draws=100, confidence=0.95, seed=1)

    assert found.estimate == pytest.approx(roc_auc_score(LABELS, SIGNAL) - roc_auc_score(LABELS, NOISY))
    assert 0 < found.low < found.estimate < found.high
    assert found.draws == 100


def test_its_width_is_that_of_a_plain_bootstrap() -> None:
    plain = []
    for _ in range(200):
        rows = RANDOM.integers(len(LABELS), size=len(LABELS))
        plain.append(roc_auc_score(LABELS[rows], SIGNAL[rows]) - roc_auc_score(LABELS[rows], NOISY[rows]))

    found = bootstrap_auc_difference(LABELS, SIGNAL, NOISY, draws=200, confidence=0.95, seed=1)

    assert found.high - found.low == pytest.approx(float(np.diff(np.quantile(plain, [0.025, 0.975]))[0]), rel=0.25)


def test_a_model_does_not_differ_from_itself() -> None:
    found = bootstrap_auc_difference(LABELS, SIGNAL, SIGNAL, draws=20, confidence=0.95, seed=1)

    assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    first, same, other = (
        bootstrap_auc_difference(LABELS, SIGNAL, NOISY, draws=20, confidence=0.9, seed=seed) for seed in (1, 1, 2)
    )

    assert first == same != other


def test_one_class_only_is_refused() -> None:
    with pytest.raises(BadData, match="2000 positive and 0 negative"):
        bootstrap_auc_difference(np.ones(2000, dtype=np.int8), SIGNAL, NOISY, draws=20, confidence=0.95, seed=1)
