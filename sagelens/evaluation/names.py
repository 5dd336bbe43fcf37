"""Which figures are measured, which way is better, and whether what a configuration names is among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagelens.project.model import AbsoluteThreshold, Evaluation, Framing, Project
from sagelens.values.suggestion import suggestion

__all__ = ["MEASURED", "SLICED", "Measure", "goal_of", "problems_of"]


@dataclass(frozen=True)
class Measure:
    """`higher` says that more is better; values lie in `low` to `high`, where these are bounds of the figure itself."""

    higher: bool
    low: float | None = None
    high: float | None = None


_SHARE = {"low": 0.0, "high": 1.0}
MEASURED: Mapping[str, Measure] = {
    "roc_auc": Measure(True, **_SHARE),
    "pr_auc": Measure(True, **_SHARE),
    "log_loss": Measure(False, low=0.0),
    "brier": Measure(False, **_SHARE),
    "expected_calibration_error": Measure(False, **_SHARE),
    "baseline_roc_auc": Measure(True, **_SHARE),
    "gain": Measure(True, low=-1.0, high=1.0),
    "gain_low": Measure(True, low=-1.0, high=1.0),
    "gain_high": Measure(True, low=-1.0, high=1.0),
    "threshold": Measure(False, **_SHARE),
    "cost_per_1000": Measure(False, low=0.0),
    "theoretical_cost_per_1000": Measure(False, low=0.0),
    "baseline_cost_per_1000": Measure(False, low=0.0),
    "constant_cost_per_1000": Measure(False, low=0.0),
}
"""The figures of the whole test split, by the names under which they are tracked."""

SLICED: Mapping[str, Measure] = {
    "roc_auc": MEASURED["roc_auc"],
    "positive_rate": Measure(True, **_SHARE),
    "mean_score": Measure(True, **_SHARE),
    "cost_per_1000": MEASURED["cost_per_1000"],
}
"""The figures of each slice."""

_GOALS = ("roc_auc", "pr_auc", "log_loss", "brier", "expected_calibration_error", "cost_per_1000")
"""What a model may be accepted by: figures of the model itself, not of what it is compared with."""
_COMPARED = ("roc_auc",)


def goal_of(framing: Framing) -> AbsoluteThreshold:
    """What the framing accepts, as a threshold: at least, or where less is better at most."""
    side = "at_least" if MEASURED[framing.metric].higher else "at_most"
    return AbsoluteThreshold(metric=framing.metric, **{side: framing.acceptance})


def problems_of(project: Project) -> Iterator[tuple[str, str]]:
    """The key and what is wrong with it, for every figure or slice that is named and does not exist, or cannot be as wanted."""
    yield from _goal(project.framing)
    for number, threshold in enumerate(project.evaluation.gate.absolute):
        yield from _absolute(f"evaluation.gate.absolute.{number}", threshold)
    champion = project.evaluation.gate.champion
    if champion.metric not in _COMPARED:
        said = suggestion(champion.metric, _COMPARED)
        yield "evaluation.gate.champion.metric", f"models are not compared by '{champion.metric}'. {said}"
    yield from _slices(project.evaluation)


def _goal(framing: Framing) -> Iterator[tuple[str, str]]:
    if framing.metric not in _GOALS:
        yield "framing.metric", f"a model cannot be accepted by '{framing.metric}'. {suggestion(framing.metric, _GOALS)}"
        return
    yield from _within("framing.acceptance", framing.acceptance, framing.metric, MEASURED[framing.metric])


def _absolute(key: str, threshold: AbsoluteThreshold) -> Iterator[tuple[str, str]]:
    if threshold.metric not in MEASURED:
        yield f"{key}.metric", f"'{threshold.metric}' is not measured. {suggestion(threshold.metric, MEASURED)}"
        return
    bounds = {"at_least": threshold.at_least, "at_most": threshold.at_most}
    given = {side: bound for side, bound in bounds.items() if bound is not None}
    if not given:
        yield key, f"'{threshold.metric}' has no bound. Give at_least, at_most or both."
    if len(given) == len(bounds) and given["at_least"] > given["at_most"]:
        yield key, f"at_least {given['at_least']:g} is above at_most {given['at_most']:g}, so that no model could pass."
    for side, bound in given.items():
        yield from _within(f"{key}.{side}", bound, threshold.metric, MEASURED[threshold.metric])


def _slices(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    doubled = sorted({column for column in evaluation.slices if evaluation.slices.count(column) > 1})
    if doubled:
        yield "evaluation.slices", f"{', '.join(doubled)} stands there more than once."
    for number, threshold in enumerate(evaluation.gate.slices):
        key = f"evaluation.gate.slices.{number}"
        if threshold.column not in evaluation.slices:
            said = suggestion(threshold.column, evaluation.slices)
            yield f"{key}.column", f"'{threshold.column}' is not among evaluation.slices, so no slice of it is measured. {said}"
        if threshold.metric not in SLICED:
            yield f"{key}.metric", f"'{threshold.metric}' is not measured on slices. {suggestion(threshold.metric, SLICED)}"
        else:
            yield from _within(f"{key}.at_least", threshold.at_least, threshold.metric, SLICED[threshold.metric])


def _within(key: str, bound: float, metric: str, measure: Measure) -> Iterator[tuple[str, str]]:
    low, high = measure.low, measure.high
    if (low is not None and bound < low) or (high is not None and bound > high):
        allowed = f"{low:g} to {high:g}" if high is not None else f"{low:g} or more"
        yield key, f"{bound:g} is no value of {metric}, which is {allowed}."
