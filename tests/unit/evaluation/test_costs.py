from __future__ import annotations

import numpy as np
import pytest

from sagelens.evaluation.costs import (
    business_value,
    confusion_at,
    cost_by_threshold,
    cost_of,
    cost_optimal_threshold,
    theoretical_threshold,
)
from sagelens.evaluation.record import Confusion, Constant
from sagelens.project.model import ErrorCosts

COSTS = ErrorCosts(false_negative=5, false_positive=1)
LABELS = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])


def test_the_threshold_lies_where_errors_cost_least() -> None:
    assert cost_optimal_threshold(LABELS, SCORES, COSTS) == 0.3
    assert cost_optimal_threshold(LABELS, SCORES, ErrorCosts(false_negative=1, false_positive=5)) == 0.6


def test_each_threshold_costs_what_its_confusion_costs() -> None:
    thresholds, cost = cost_by_threshold(LABELS, SCORES, COSTS)

    assert cost.tolist() == pytest.approx([cost_of(confusion_at(LABELS, SCORES, t), COSTS) for t in thresholds])
    assert len(thresholds) == len(SCORES) + 1


def test_scores_that_tell_nothing_lead_to_the_cheaper_constant_answer() -> None:
    flat = np.full(6, 0.5)

    assert cost_optimal_threshold(LABELS, flat, COSTS) == 0.5
    assert cost_optimal_threshold(LABELS, flat, ErrorCosts(false_negative=1, false_positive=5)) == 1.0


def test_a_row_at_the_threshold_is_predicted_positive() -> None:
    found = confusion_at(LABELS, SCORES, 0.4)

    assert found == Confusion(true_negatives=2, false_positives=1, false_negatives=1, true_positives=2)
    assert cost_of(found, COSTS) == 1000


def test_theoretical_threshold() -> None:
    assert theoretical_threshold(COSTS) == pytest.approx(1 / 6)


def test_value_is_counted_against_the_cheaper_constant_and_the_baseline_at_the_same_threshold() -> None:
    model = Confusion(true_negatives=70, false_positives=10, false_negatives=2, true_positives=18)
    theoretical = Confusion(true_negatives=72, false_positives=8, false_negatives=3, true_positives=17)
    baseline = Confusion(true_negatives=60, false_positives=20, false_negatives=2, true_positives=18)

    value = business_value(model, COSTS, theoretical=theoretical, baseline=baseline, best=190.0)

    assert (value.constant, value.constant_cost_per_1000) == (Constant.ALWAYS, 800)
    assert value.cost_per_1000 == 200
    assert value.saved_against_constant == 600
    assert value.saved_against_baseline == 300 - 230
