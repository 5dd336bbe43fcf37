"""The model gate: whether a model may be registered, decided from figures alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sagelens.errors import BadConfig
from sagelens.evaluation.names import goal_of
from sagelens.evaluation.record import Comparison, ComparisonOutcome, EvaluationRecord, Interval, Slice
from sagelens.project.model import AbsoluteThreshold, Framing, ModelGateSettings, RelativeThreshold, SliceThreshold
from sagelens.values import Check, GateKind, Verdict

__all__ = ["judge"]


def judge(
    metrics: Mapping[str, float],
    evaluation: EvaluationRecord,
    comparison: Comparison,
    *,
    framing: Framing,
    settings: ModelGateSettings,
) -> Verdict:
    """Every check is critical. A figure exactly at its bound passes, except that the gain over the baseline must exceed zero.

    What the framing accepts is a bound as any other; where the gate's own on the same figure is as tight, it is not said twice.
    """
    goal = goal_of(framing)
    wanted = settings.absolute if _covered(goal, settings.absolute) else (goal, *settings.absolute)
    checks = [*_absolute(metrics, wanted)]
    if settings.beats_baseline:
        checks.append(_beats_baseline(evaluation.gain))
    checks.append(_not_inferior(comparison, settings.champion))
    for threshold in settings.slices:
        checks.extend(_slices(evaluation, threshold))
    return Verdict.of("model", GateKind.MODEL, tuple(checks))


def _covered(goal: AbsoluteThreshold, thresholds: tuple[AbsoluteThreshold, ...]) -> bool:
    """Whether a model that passes these meets the goal."""
    bounds = [threshold for threshold in thresholds if threshold.metric == goal.metric]
    if goal.at_least is not None:
        return any(bound.at_least is not None and bound.at_least >= goal.at_least for bound in bounds)
    return any(bound.at_most is not None and bound.at_most <= (goal.at_most or 0.0) for bound in bounds)


def _absolute(metrics: Mapping[str, float], thresholds: tuple[AbsoluteThreshold, ...]) -> Iterator[Check]:
    for threshold in thresholds:
        if threshold.metric not in metrics:
            known = ", ".join(sorted(name for name in metrics if "/" not in name))
            raise BadConfig(
                f"`evaluation.gate.absolute` names metric '{threshold.metric}', which is not measured. Measured: {known}."
            )
        if threshold.at_least is None and threshold.at_most is None:
            raise BadConfig(f"`evaluation.gate.absolute` has no bound for '{threshold.metric}'. Give at_least, at_most or both.")
        value = metrics[threshold.metric]
        high_enough = threshold.at_least is None or value >= threshold.at_least
        low_enough = threshold.at_most is None or value <= threshold.at_most
        bounds = (("at least", threshold.at_least), ("at most", threshold.at_most))
        yield Check(
            name=threshold.metric,
            subject="the test split",
            passed=high_enough and low_enough,
            observed=f"{value:.6g}",
            expected=" and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None),
        )


def _beats_baseline(gain: Interval) -> Check:
    return Check(
        name="gain in roc_auc",
        subject="the model over the baseline",
        passed=gain.low > 0,
        observed=_interval(gain),
        expected="an interval above 0",
    )


def _not_inferior(comparison: Comparison, threshold: RelativeThreshold) -> Check:
    if threshold.metric != "roc_auc":
        raise BadConfig(f"`evaluation.gate.champion.metric` is '{threshold.metric}'; models are compared by roc_auc only.")
    found = comparison.difference
    if comparison.outcome is ComparisonOutcome.COMPARED:
        passed = found is not None and found.low >= -threshold.margin
        observed = _interval(found) if found is not None else "no interval"
    else:
        passed, observed = True, comparison.outcome.value
    return Check(
        name="difference in roc_auc",
        subject="the challenger against the champion",
        passed=passed,
        observed=observed,
        expected=f"an interval that begins at {-threshold.margin:g} or above",
    )


def _slices(evaluation: EvaluationRecord, threshold: SliceThreshold) -> Iterator[Check]:
    """A threshold on slices of which none could be measured fails: nothing is known of them."""
    measured = [part for part in evaluation.slices if part.column == threshold.column]
    expected = f"at least {threshold.at_least:g}"
    if not measured:
        subject, observed = f"slices of {threshold.column}", "no slice was measured"
        yield Check(name=threshold.metric, subject=subject, passed=False, observed=observed, expected=expected)
    for part in measured:
        value = _metric(part, threshold)
        subject = f"slice {part.column}={part.value}, {part.rows} rows"
        yield Check(
            name=threshold.metric, subject=subject, passed=value >= threshold.at_least, observed=f"{value:.6g}", expected=expected
        )


def _metric(part: Slice, threshold: SliceThreshold) -> float:
    if threshold.metric not in part.metrics:
        raise BadConfig(
            f"`evaluation.gate.slices` names metric '{threshold.metric}', which slices lack. "
            f"They have: {', '.join(part.metrics)}."
        )
    return part.metrics[threshold.metric]


def _interval(interval: Interval) -> str:
    return f"{interval.estimate:+.5f} ({interval.confidence:.0%} interval {interval.low:+.5f} to {interval.high:+.5f})"
