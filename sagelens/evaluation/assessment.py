"""A model's scores on the test split, assessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelens.errors import BadConfig, BadData
from sagelens.evaluation.bootstrap import bootstrap_auc_difference
from sagelens.evaluation.costs import business_value, confusion_at, cost_by_threshold, theoretical_threshold
from sagelens.evaluation.curves import calibration, precision_recall, roc, thinned
from sagelens.evaluation.record import EvaluationRecord, Slice, SmallSlice, Thresholds
from sagelens.evaluation.slices import slices_of
from sagelens.project.model import ErrorCosts, Evaluation
from sagelens.values import Metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scored", "assess", "flat_metrics"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """The test split with the scores of the model and of the baseline, each (rows,); `slices` holds Arrow columns by name."""

    label: str
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    baseline_scores: NDArray[np.float64]
    threshold: float
    slices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        positives = int(self.labels.sum())
        if positives in {0, len(self.labels)}:
            raise BadData(
                f"The test split holds one class only: {positives} of its {len(self.labels)} rows have '{self.label}' = 1. "
                f"Choose a split whose test rows hold both."
            )


def assess(
    scored: Scored, *, importances: Mapping[str, float], settings: Evaluation, costs: ErrorCosts, seed: int
) -> EvaluationRecord:
    """Everything but the drawings."""
    from sklearn.metrics import roc_auc_score

    y, p, baseline = scored.labels, scored.scores, scored.baseline_scores
    thresholds, cost = cost_by_threshold(y, p, costs)
    theoretical = theoretical_threshold(costs)
    confusion = confusion_at(y, p, scored.threshold)
    measured, small = _slices(scored, settings, costs)
    return EvaluationRecord(
        label=scored.label,
        rows=len(y),
        positives=int(y.sum()),
        roc_auc=float(roc_auc_score(y, p)),
        baseline_roc_auc=float(roc_auc_score(y, baseline)),
        gain=bootstrap_auc_difference(y, p, baseline, draws=settings.bootstrap_draws, confidence=settings.confidence, seed=seed),
        thresholds=Thresholds(chosen=scored.threshold, best_on_test=float(thresholds[cost.argmin()]), theoretical=theoretical),
        confusion=confusion,
        business=business_value(
            confusion,
            costs,
            theoretical=confusion_at(y, p, theoretical),
            baseline=confusion_at(y, baseline, theoretical),
            best=float(cost.min()),
        ),
        calibration=calibration(y, p, bins=settings.calibration_bins),
        roc=roc(y, p),
        baseline_roc=roc(y, baseline),
        precision_recall=precision_recall(y, p),
        cost=thinned(thresholds[::-1], cost[::-1]),
        slices=tuple(measured),
        small_slices=tuple(small),
        importances=dict(sorted(importances.items(), key=lambda item: (-item[1], item[0]))),
    )


def flat_metrics(scored: Scored, record: EvaluationRecord) -> Metrics:
    """The figures that are tracked, and that the model gate may set thresholds on."""
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

    whole = {
        "roc_auc": record.roc_auc,
        "pr_auc": float(average_precision_score(scored.labels, scored.scores)),
        "log_loss": float(log_loss(scored.labels, scored.scores)),
        "brier": float(brier_score_loss(scored.labels, scored.scores)),
        "expected_calibration_error": record.calibration.expected_error,
        "baseline_roc_auc": record.baseline_roc_auc,
        "gain": record.gain.estimate,
        "gain_low": record.gain.low,
        "gain_high": record.gain.high,
        "threshold": record.thresholds.chosen,
        "cost_per_1000": record.business.cost_per_1000,
        "theoretical_cost_per_1000": record.business.theoretical_cost_per_1000,
        "baseline_cost_per_1000": record.business.baseline_cost_per_1000,
        "constant_cost_per_1000": record.business.constant_cost_per_1000,
    }
    sliced = {f"slice/{s.column}/{s.value}/roc_auc": s.metrics["roc_auc"] for s in record.slices}
    return Metrics(whole | sliced)


def _slices(scored: Scored, settings: Evaluation, costs: ErrorCosts) -> tuple[list[Slice], list[SmallSlice]]:
    measured: list[Slice] = []
    small: list[SmallSlice] = []
    for column in settings.slices:
        if column not in scored.slices:
            raise BadConfig(
                f"`evaluation.slices` names column '{column}', which the test features do not hold. "
                f"They hold: {', '.join(scored.slices) or 'none'}. Keep it in the features' step, or take it out."
            )
        enough, rest = slices_of(
            column,
            scored.slices[column],
            scored.labels,
            scored.scores,
            threshold=scored.threshold,
            costs=costs,
            minimum_rows=settings.minimum_slice_rows,
        )
        measured += enough
        small += rest
    return measured, small
