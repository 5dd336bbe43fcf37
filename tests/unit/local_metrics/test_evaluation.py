"""CloudWatch's rules for missing data. The tables are those of its guide, "Configuring how CloudWatch alarms treat missing data".

A datapoint is X when it breaches, 0 when it does not, - when it is missing; the newest is on the right.
"""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.local.metrics.alarm import METRIC, check
from sagelens.local.metrics.condition import Condition, Datapoint
from sagelens.local.metrics.evaluation import evaluate
from sagelens.local.ports import ApiError

RETAIN = "RETAIN"
INSUFFICIENT = "INSUFFICIENT_DATA"
VALUES = {"X": 9.0, "0": 0.0}


ALARM_ON_SUM: dict[str, Any] = {
    "Namespace": "N",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
P99 = {"Statistic": None, "ExtendedStatistic": "p99", "EvaluationPeriods": 1}


def condition(**change: Any) -> Condition:
    made = check(METRIC, {name: value for name, value in {**ALARM_ON_SUM, **change}.items() if value is not None})
    assert isinstance(made, Condition)
    return made


def datapoints(text: str, samples: float = 1.0) -> list[Datapoint | None]:
    return [None if mark == "-" else Datapoint(60 * number, VALUES[mark], samples) for number, mark in enumerate(text.split())]


def outcome(text: str, samples: float = 1.0, **change: Any) -> str:
    verdict = evaluate(condition(**change), datapoints(text, samples))
    return RETAIN if verdict is None else verdict.state


TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("seen", "outcomes"),
    [
        ("0 - X - X", ("OK", "OK", "OK", "OK")),
        ("0 - - - -", ("OK", "OK", "OK", "OK")),
        ("- - - - -", (INSUFFICIENT, RETAIN, "ALARM", "OK")),
        ("0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", ("ALARM", RETAIN, "ALARM", "OK")),
    ],
)
def test_three_out_of_three_as_documented(seen: str, outcomes: tuple[str, ...]) -> None:
    assert tuple(outcome(seen, TreatMissingData=treatment) for treatment in TREATMENTS) == outcomes


@pytest.mark.parametrize(
    ("seen", "outcomes"),
    [
        ("0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", ("ALARM", RETAIN, "ALARM", "OK")),
    ],
)
def test_two_out_of_three_as_documented(seen: str, outcomes: tuple[str, ...]) -> None:
    assert tuple(outcome(seen, DatapointsToAlarm=2, TreatMissingData=treatment) for treatment in TREATMENTS) == outcomes


@pytest.mark.parametrize("seen", ["- - - - X", "- - - X -"])
def test_a_first_breach_does_not_alarm_before_its_time(seen: str) -> None:
    assert outcome(seen) == RETAIN
    assert outcome(seen, TreatMissingData="ignore") == RETAIN


@pytest.mark.parametrize(
    ("operator", "at_threshold", "above", "below"),
    [
        ("GreaterThanThreshold", "OK", "ALARM", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
        ("LessThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanOrEqualToThreshold", "ALARM", "OK", "ALARM"),
    ],
)
def test_what_is_compared(operator: str, at_threshold: str, above: str, below: str) -> None:
    for value, expected in ((5.0, at_threshold), (5.1, above), (4.9, below)):
        verdict = evaluate(condition(EvaluationPeriods=1, ComparisonOperator=operator), [None, None, Datapoint(0, value, 1)])
        assert verdict is not None
        assert verdict.state == expected


def test_too_few_samples_for_a_percentile_change_nothing_if_asked() -> None:
    def with_samples(samples: float, low: str) -> str:
        return outcome("- - X", samples, **{**P99, "EvaluateLowSampleCountPercentile": low})

    assert with_samples(999, "ignore") == RETAIN
    assert with_samples(1001, "ignore") == "ALARM"
    assert with_samples(1, "evaluate") == "ALARM"


def test_reasons_are_in_cloudwatchs_words() -> None:
    def reason(seen: str, **change: Any) -> str:
        verdict = evaluate(condition(**change), datapoints(seen))
        assert verdict is not None
        return verdict.reason

    assert reason("0 0 X X X") == (
        "Threshold Crossed: 3 out of the last 3 datapoints [9.0 (01/01/70 00:04:00), 9.0 (01/01/70 00:03:00), "
        "9.0 (01/01/70 00:02:00)] were greater than the threshold (5.0) (minimum 3 datapoints for OK -> ALARM transition)."
    )
    assert reason("- - 0", EvaluationPeriods=1) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (01/01/70 00:02:00)] was not greater than the threshold (5.0) "
        "(minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert reason("- - -", EvaluationPeriods=1, TreatMissingData="notBreaching") == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
    )
    assert reason("- - - - -") == "Insufficient Data: 3 datapoints were unknown."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p90"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "p90.x"}, "not offered"),
        ({"Period": None}, "Period is required"),
        ({"Period": 45}, "45 is not valid for an alarm.*10, 20 or 30"),
        ({"Period": 5}, "not valid for an alarm"),
        ({"Period": 3600, "EvaluationPeriods": 4}, "keeps metrics for 10800 seconds"),
        ({"EvaluationPeriods": None}, "EvaluationPeriods is required"),
        ({"Threshold": None}, "Threshold is required"),
        ({"Threshold": float("nan")}, "must be a finite number"),
        ({"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}, "given twice"),
        ({"DatapointsToAlarm": 4}, "must not be greater than EvaluationPeriods"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"TreatMissingData": "odd"}, "one of breaching, notBreaching, ignore, missing"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "goes with an ExtendedStatistic only"),
        ({"Metrics": []}, "cannot be combined with MetricName"),
        ({"ThresholdMetricId": "ad1"}, "ThresholdMetricId is not offered"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "WallClockWindow is not offered"),
    ],
)
def test_what_is_no_alarm_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ApiError, match=told) as error:
        condition(**change)
    assert error.value.code == "ValidationError"
