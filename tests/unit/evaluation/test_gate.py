from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.evaluation.gate import judge
from sagelens.evaluation.record import Comparison, ComparisonOutcome, EvaluationRecord, Interval
from sagelens.project.model import AbsoluteThreshold, Framing, ModelGateSettings, RelativeThreshold, SliceThreshold
from sagelens.values import Check, GateKind, Verdict

NO_CHAMPION = Comparison(outcome=ComparisonOutcome.NO_CHAMPION, group="flights", challenger_digest="a")
SAME_MODEL = replace(NO_CHAMPION, outcome=ComparisonOutcome.SAME_MODEL, champion_digest="a")


def interval(low: float, high: float = 0.02) -> Interval:
    return Interval(estimate=(low + high) / 2, low=low, high=high, confidence=0.95, draws=200)


def compared(low: float) -> Comparison:
    return replace(NO_CHAMPION, outcome=ComparisonOutcome.COMPARED, champion_digest="b", difference=interval(low))


def settings(**changes: Any) -> ModelGateSettings:
    return ModelGateSettings(**{"absolute": (), "beats_baseline": False, **changes})


def framing(**changes: Any) -> Framing:
    known = {"goal": "g", "question": "q", "owner": "o", "alternatives": "a", "label": "late", "task": "binary-classification"}
    kpi, costs = {"name": "k", "target": 1, "unit": "u"}, {"false_negative": 5, "false_positive": 1}
    return Framing(**{**known, "kpi": kpi, "error_costs": costs, "metric": "roc_auc", "acceptance": 0.0, **changes})


def judged(metrics: dict[str, float], record: EvaluationRecord, comparison: Comparison, gate: ModelGateSettings) -> Verdict:
    """Under a framing that accepts every model."""
    accepts_all = framing(metric="log_loss", acceptance=1e9)
    return judge({"log_loss": 0.6, **metrics}, record, comparison, framing=accepts_all, settings=gate)


def check_on(name: str, verdict_checks: tuple[Check, ...]) -> Check:
    return next(check for check in verdict_checks if check.name == name)


@pytest.mark.parametrize(
    ("bounds", "value", "passed"),
    [
        ({"at_least": 0.68}, 0.68, True),
        ({"at_least": 0.68}, math.nextafter(0.68, 0), False),
        ({"at_most": 0.68}, 0.68, True),
        ({"at_most": 0.68}, math.nextafter(0.68, 1), False),
        ({"at_least": 0.6, "at_most": 0.7}, 0.65, True),
        ({"at_least": 0.6, "at_most": 0.7}, 0.75, False),
        ({"at_least": 0.6}, math.nan, False),
        ({"at_most": 0.6}, math.nan, False),
    ],
)
def test_absolute_bounds_are_inclusive(record: EvaluationRecord, bounds: dict[str, float], value: float, passed: bool) -> None:
    gate = settings(absolute=(AbsoluteThreshold(metric="roc_auc", **bounds),))

    verdict = judged({"roc_auc": value}, record, NO_CHAMPION, gate)

    assert verdict.passed is passed
    assert check_on("roc_auc", verdict.checks).passed is passed


@pytest.mark.parametrize(("low", "passed"), [(1e-9, True), (0.0, False), (-0.001, False), (math.nan, False)])
def test_the_gain_over_the_baseline_must_exclude_zero(record: EvaluationRecord, low: float, passed: bool) -> None:
    found = replace(record, gain=interval(low))

    assert judged({}, found, NO_CHAMPION, settings(beats_baseline=True)).passed is passed
    assert judged({}, found, NO_CHAMPION, settings(beats_baseline=False)).passed


@pytest.mark.parametrize(
    ("low", "passed"), [(-0.005, True), (math.nextafter(-0.005, -1), False), (0.001, True), (math.nan, False)]
)
def test_the_challenger_may_be_worse_by_the_margin(record: EvaluationRecord, low: float, passed: bool) -> None:
    verdict = judged({}, record, compared(low), settings(champion=RelativeThreshold(margin=0.005)))

    assert verdict.passed is passed


@pytest.mark.parametrize("comparison", [NO_CHAMPION, SAME_MODEL])
def test_without_a_champion_or_with_the_same_model_there_is_nothing_to_lose(
    record: EvaluationRecord, comparison: Comparison
) -> None:
    verdict = judged({}, record, comparison, settings(champion=RelativeThreshold(margin=0)))

    assert verdict.passed
    assert check_on("difference in roc_auc", verdict.checks).observed == comparison.outcome.value


def test_an_equal_model_passes_with_no_margin(record: EvaluationRecord) -> None:
    assert judged({}, record, compared(0.0), settings(champion=RelativeThreshold(margin=0))).passed


def test_every_slice_is_held_to_its_threshold(record: EvaluationRecord) -> None:
    worst = min(part.metrics["roc_auc"] for part in record.slices)
    at = settings(slices=(SliceThreshold(column="carrier", at_least=worst),))
    above = settings(slices=(SliceThreshold(column="carrier", at_least=math.nextafter(worst, 1)),))

    assert judged({}, record, NO_CHAMPION, at).passed
    failed = [check for check in judged({}, record, NO_CHAMPION, above).checks if not check.passed]
    assert [check.subject.split(",")[0] for check in failed] == [
        f"slice carrier={part.value}" for part in record.slices if part.metrics["roc_auc"] == worst
    ]


def test_a_threshold_on_slices_that_were_not_measured_fails(record: EvaluationRecord) -> None:
    verdict = judged({}, record, NO_CHAMPION, settings(slices=(SliceThreshold(column="month", at_least=0.5),)))

    assert not verdict.passed
    assert "slices of month: observed no slice was measured" in verdict.summary


def test_the_verdict_names_what_failed(record: EvaluationRecord) -> None:
    gate = settings(absolute=(AbsoluteThreshold(metric="roc_auc", at_least=0.9),))

    verdict = judged({"roc_auc": 0.6881}, record, NO_CHAMPION, gate)

    assert (verdict.gate, verdict.kind) == ("model", GateKind.MODEL)
    assert "2 of 3 checks passed. roc_auc on the test split: observed 0.6881, expected at least 0.9" in verdict.summary


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (
            settings(absolute=(AbsoluteThreshold(metric="auc", at_least=0.5),)),
            "'auc', which is not measured. Measured: log_loss, roc_auc",
        ),
        (settings(absolute=(AbsoluteThreshold(metric="roc_auc"),)), "no bound for 'roc_auc'"),
        (settings(champion=RelativeThreshold(metric="brier")), "is 'brier'; models are compared by roc_auc only"),
        (settings(slices=(SliceThreshold(column="carrier", metric="brier", at_least=0),)), "'brier', which slices lack"),
    ],
)
def test_a_gate_that_cannot_be_judged_is_a_fault_of_the_config(
    record: EvaluationRecord, gate: ModelGateSettings, message: str
) -> None:
    with pytest.raises(BadConfig, match=message):
        judged({"roc_auc": 0.7, "slice/carrier/AA/roc_auc": 0.7}, record, NO_CHAMPION, gate)


@pytest.mark.parametrize(
    ("metric", "acceptance", "value", "passed"),
    [
        ("roc_auc", 0.68, 0.68, True),
        ("roc_auc", 0.68, 0.67, False),
        ("log_loss", 0.6, 0.6, True),
        ("log_loss", 0.6, 0.61, False),
        ("cost_per_1000", 650.0, 700.0, False),
    ],
)
def test_what_the_framing_accepts_is_held_by_the_gate(
    record: EvaluationRecord, metric: str, acceptance: float, value: float, passed: bool
) -> None:
    wanted = framing(metric=metric, acceptance=acceptance)

    verdict = judge({metric: value}, record, NO_CHAMPION, framing=wanted, settings=settings())

    assert verdict.passed is passed
    assert check_on(metric, verdict.checks).expected.endswith(f"{acceptance:g}")


def test_a_bound_of_the_gates_that_is_as_tight_is_not_said_twice(record: EvaluationRecord) -> None:
    wanted = framing(acceptance=0.6)
    for bound, times in ((0.6, 1), (0.65, 1), (0.5, 2)):
        gate = settings(absolute=(AbsoluteThreshold(metric="roc_auc", at_least=bound),))
        verdict = judge({"roc_auc": 0.7}, record, NO_CHAMPION, framing=wanted, settings=gate)
        assert sum(check.name == "roc_auc" for check in verdict.checks) == times
