"""Challenger against champion on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sagelens.evaluation.bootstrap import bootstrap_auc_difference
from sagelens.evaluation.champion import Champion
from sagelens.evaluation.costs import confusion_at, cost_of
from sagelens.evaluation.record import Comparison, ComparisonOutcome
from sagelens.project.model import ErrorCosts, Evaluation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Answers", "line_up", "score_both"]


@dataclass(frozen=True, eq=False)
class Answers:
    """One model's scores, (rows,), and the threshold that it decides at."""

    scores: NDArray[np.floating[Any]]
    threshold: float


def line_up(group: str, challenger_digest: str, champion: Champion | None) -> Comparison:
    """Who meets whom; without figures yet. Outcome `COMPARED` says that both have to be scored."""
    known = Comparison(outcome=ComparisonOutcome.NO_CHAMPION, group=group, challenger_digest=challenger_digest)
    if champion is None:
        return known
    same = champion.digest == challenger_digest
    outcome = ComparisonOutcome.SAME_MODEL if same else ComparisonOutcome.COMPARED
    return replace(known, outcome=outcome, champion_arn=champion.arn, champion_digest=champion.digest)


def score_both(
    line_up: Comparison,
    labels: NDArray[np.int8],
    challenger: Answers,
    champion: Answers,
    *,
    settings: Evaluation,
    costs: ErrorCosts,
    seed: int,
) -> Comparison:
    """The line-up with its figures: ROC AUC and cost of each, and the paired interval of the difference in AUC."""
    from sklearn.metrics import roc_auc_score

    difference = bootstrap_auc_difference(
        labels, challenger.scores, champion.scores, draws=settings.bootstrap_draws, confidence=settings.confidence, seed=seed
    )
    return replace(
        line_up,
        rows=len(labels),
        challenger_roc_auc=float(roc_auc_score(labels, challenger.scores)),
        champion_roc_auc=float(roc_auc_score(labels, champion.scores)),
        challenger_cost_per_1000=cost_of(confusion_at(labels, challenger.scores, challenger.threshold), costs),
        champion_cost_per_1000=cost_of(confusion_at(labels, champion.scores, champion.threshold), costs),
        difference=difference,
    )
