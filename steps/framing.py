"""Business goal and problem framing: what is decided, for whom, what a mistake costs, and what the model may know."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.errors import BadConfig
from sagelens.project import Features, Framing

__all__ = ["FramingRecord", "frame"]


@dataclass(frozen=True, kw_only=True)
class FramingRecord:
    """The framing that a run was made under: its first artifact."""

    goal: str
    question: str
    owner: str
    kpi: str
    kpi_target: float
    kpi_unit: str
    false_negative_cost: float
    false_positive_cost: float
    cost_unit: str
    task: str
    label: str
    metric: str
    acceptance: float
    alternatives: str
    features: tuple[str, ...]
    leaks: tuple[str, ...]


def frame(*, framing: Framing, leaks: tuple[str, ...], features: Features, label_source: str = "arr_delay") -> FramingRecord:
    """Record the framing; refuse features that would not be known when a prediction is asked for.

    `label_source` is the column that the label is made from.
    """
    chosen = (*features.categorical, *features.numeric)
    _refuse_unknowable(chosen, leaks, framing.label, label_source)
    return FramingRecord(
        goal=framing.goal,
        question=framing.question,
        owner=framing.owner,
        kpi=framing.kpi.name,
        kpi_target=framing.kpi.target,
        kpi_unit=framing.kpi.unit,
        false_negative_cost=framing.error_costs.false_negative,
        false_positive_cost=framing.error_costs.false_positive,
        cost_unit=framing.error_costs.currency,
        task=framing.task.value,
        label=framing.label,
        metric=framing.metric,
        acceptance=framing.acceptance,
        alternatives=framing.alternatives,
        features=chosen,
        leaks=leaks,
    )


def _refuse_unknowable(features: tuple[str, ...], leaks: tuple[str, ...], label: str, label_source: str) -> None:
    if not features:
        raise BadConfig("No features are declared. Name at least one under features.categorical or features.numeric.")
    if label in features:
        raise BadConfig(f"The label '{label}' is among the features. Remove it from features.")
    leaking = [name for name in features if name in {*leaks, label_source}]
    if leaking:
        raise BadConfig(
            f"Features {', '.join(leaking)} are not known when a prediction is asked for (preparation.leaks, or what the "
            f"label is made from). Remove them from features."
        )
