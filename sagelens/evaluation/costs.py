"""What errors cost, and the threshold where they cost least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelens.evaluation.record import BusinessValue, Confusion, Constant
from sagelens.project.model import ErrorCosts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["business_value", "confusion_at", "cost_by_threshold", "cost_of", "cost_optimal_threshold", "theoretical_threshold"]


def theoretical_threshold(costs: ErrorCosts) -> float:
    """Where errors cost least if scores are true probabilities (Elkan, "The foundations of cost-sensitive learning", 2001)."""
    return costs.false_positive / (costs.false_positive + costs.false_negative)


def cost_by_threshold(
    labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], costs: ErrorCosts
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds that make a difference, falling, and the cost per 1000 predictions at each; the first makes no row positive."""
    import numpy as np
    from sklearn.metrics import roc_curve

    false_positive_rate, true_positive_rate, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    positives = labels.sum() / len(labels)
    missed = costs.false_negative * positives * (1 - true_positive_rate)
    raised = costs.false_positive * (1 - positives) * false_positive_rate
    thresholds = thresholds.astype(np.float64)
    thresholds[0] = 1.0  # scikit-learn says infinity, which JSON cannot hold
    return thresholds, 1000 * (missed + raised)


def cost_optimal_threshold(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], costs: ErrorCosts) -> float:
    """The threshold with the least cost on these rows; the highest one where several cost the same."""
    thresholds, cost = cost_by_threshold(labels, scores, costs)
    return float(thresholds[cost.argmin()])


def confusion_at(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], threshold: float) -> Confusion:
    from sklearn.metrics import confusion_matrix

    (tn, fp), (fn, tp) = confusion_matrix(labels, scores >= threshold, labels=[0, 1]).tolist()
    return Confusion(true_negatives=tn, false_positives=fp, false_negatives=fn, true_positives=tp)


def cost_of(confusion: Confusion, costs: ErrorCosts) -> float:
    """Per 1000 predictions."""
    wrong = confusion.false_negatives * costs.false_negative + confusion.false_positives * costs.false_positive
    rows = confusion.true_negatives + confusion.false_positives + confusion.false_negatives + confusion.true_positives
    return 1000 * wrong / rows


def business_value(
    confusion: Confusion, costs: ErrorCosts, *, theoretical: Confusion, baseline: Confusion, best: float
) -> BusinessValue:
    """`confusion` at the chosen threshold, the others at the theoretical one; `best` is the cost per 1000 with hindsight."""
    negatives = confusion.true_negatives + confusion.false_positives
    positives = confusion.false_negatives + confusion.true_positives
    constants = {
        Constant.NEVER: 1000 * costs.false_negative * positives / (negatives + positives),
        Constant.ALWAYS: 1000 * costs.false_positive * negatives / (negatives + positives),
    }
    constant = min(constants, key=constants.__getitem__)
    cost, theoretical_cost, baseline_cost = (cost_of(found, costs) for found in (confusion, theoretical, baseline))
    return BusinessValue(
        currency=costs.currency,
        cost_per_1000=cost,
        constant=constant,
        constant_cost_per_1000=constants[constant],
        theoretical_cost_per_1000=theoretical_cost,
        baseline_cost_per_1000=baseline_cost,
        best_cost_per_1000=best,
        saved_against_constant=constants[constant] - cost,
        saved_against_baseline=baseline_cost - theoretical_cost,
    )
