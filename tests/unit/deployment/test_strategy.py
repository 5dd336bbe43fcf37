"""Strategies and alarms: what is understood, what is refused and how, and what SageMaker is told."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from sagelens.deployment.alarms import Fleet, alarm_request
from sagelens.deployment.strategy import (
    AllAtOnce,
    Canary,
    Linear,
    Rolling,
    Shadow,
    Size,
    Strategy,
    Weighted,
    chain_of,
    deployment_config,
    is_trial,
    parse_strategy,
    strategy_of,
    timeout_of,
    to_json,
)
from sagelens.project import Deployment
from sagelens.values.grammar import alarms_of
from sagelens.values.guard import MetricGuard
from sagelens.values.quantity import as_time, seconds_of, share_of

TEN = Size(10, percent=True)
FLEET = Fleet(endpoint="flights", config="flights-0123456789ab-000000", variant="AllTraffic")

sizes = st.one_of(
    st.integers(10, 50).map(lambda value: Size(value, percent=True)),
    st.integers(1, 9).map(lambda value: Size(value, percent=False)),
)
waits = st.integers(0, 3600)
timeouts = st.none() | st.integers(600, 28800)
strategies = st.one_of(
    st.builds(AllAtOnce, termination_wait=waits, timeout=timeouts),
    st.builds(Canary, size=sizes, wait=waits, termination_wait=waits, timeout=timeouts),
    st.builds(Linear, size=sizes, wait=waits, termination_wait=waits, timeout=timeouts),
    st.builds(Rolling, size=sizes, wait=waits, rollback_size=sizes, timeout=timeouts),
    st.builds(Shadow, sampling=st.floats(0.01, 1), duration=st.integers(3600, 86400), latency_margin=st.floats(0, 5)),
    st.builds(Weighted, share=st.floats(0.01, 0.99), duration=st.integers(0, 86400)),
)


@cache
def service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all-at-once", AllAtOnce()),
        ("all-at-once:termination_wait=5m", AllAtOnce(termination_wait=300)),
        ("canary:size=10%,wait=10m", Canary(size=TEN, wait=600)),
        ("canary: size=2 , wait=90", Canary(size=Size(2, percent=False), wait=90)),
        ("linear:size=25%,wait=1h,timeout=8h", Linear(size=Size(25, percent=True), wait=3600, timeout=28800)),
        (
            "rolling:size=5%,wait=0,rollback_size=50%",
            Rolling(size=Size(5, percent=True), wait=0, rollback_size=Size(50, percent=True)),
        ),
        ("shadow:sampling=50%,duration=1d,latency_margin=150%", Shadow(sampling=0.5, duration=86400, latency_margin=1.5)),
        ("weighted:share=10%,duration=30m", Weighted(share=0.1, duration=1800)),
    ],
)
def test_the_command_lines_grammar(text: str, expected: Strategy) -> None:
    assert parse_strategy(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("canari", "did you mean canary"),
        ("blue", "known: all-at-once, canary, linear, rolling, shadow, weighted"),
        ("canary", "needs size and wait, as in canary:size=10%,wait=10m"),
        ("canary:size", "'size' is not key=value"),
        ("canary:size=10%,size=20%,wait=1", "given twice"),
        ("canary:size=10%,wait=10m,sise=3", "did you mean size"),
        ("canary:size=51%,wait=1m", "size is 51%; 1% to 50% are allowed"),
        ("canary:size=0,wait=1m", "size is '0'; give whole percents"),
        ("canary:size=12.5%,wait=1m", "give whole percents"),
        ("canary:size=10%,wait=3601", "wait is 3601s; 0s to 1h are allowed"),
        ("canary:size=10%,wait=0.5s", "whole seconds"),
        ("canary:size=10%,wait=soon", 'a time such as "500ms"'),
        ("canary:size=10%,wait=1m,termination_wait=2h", "termination_wait is 2h"),
        ("canary:size=10%,wait=1m,timeout=599", "timeout is 599s; 10m to 8h"),
        ("linear:size=9%,wait=1m", "size is 9%; 10% to 50%"),
        ("linear:size=51%,wait=1m", "size is 51%; 10% to 50%"),
        ("rolling:size=4%,wait=1m", "size is 4%; 5% to 50%"),
        ("rolling:size=5%,wait=1m,rollback_size=101%", "rollback_size is 101%"),
        ("shadow:duration=59m", "duration is 59m; 1h to 30d"),
        ("shadow:duration=31d", "duration is 31d"),
        ("shadow:sampling=0%", "more than 0%"),
        ("shadow:sampling=101%", 'at most "100%"'),
        ("weighted:share=100%,duration=1h", "less than 100%"),
    ],
)
def test_what_is_not_allowed_is_said_with_what_is(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="strategy") as raised:
        parse_strategy(text)

    assert said in str(raised.value)


@given(strategies)
def test_a_strategy_reads_back_from_its_json(strategy: Strategy) -> None:
    assert strategy_of(to_json(strategy)) == strategy


@given(strategies.filter(lambda strategy: not is_trial(strategy)), st.integers(1, 30))
def test_every_rollout_makes_a_valid_request(strategy: Any, count: int) -> None:
    shape = service("sagemaker").operation_model("UpdateEndpoint").input_shape
    config = deployment_config(strategy, instances=count, alarms=["a"])

    validate_parameters({"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}, shape)

    assert len({"BlueGreenUpdatePolicy", "RollingUpdatePolicy"} & set(config)) == 1


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("all-at-once:termination_wait=9", 4, (9,)),
        ("canary:size=10%,wait=600,termination_wait=60", 4, (600, 60)),
        ("linear:size=30%,wait=60,termination_wait=5", 4, (60, 60, 60, 5)),
        ("linear:size=2,wait=60", 5, (60, 60, 0)),
        ("rolling:size=2,wait=60", 5, (60, 60, 60)),
        ("rolling:size=5%,wait=60", 3, (60, 60, 60)),
        ("rolling:size=50%,wait=60", 3, (60, 60)),
    ],
)
def test_the_waits_of_a_rollout(text: str, count: int, expected: tuple[int, ...]) -> None:
    strategy: Any = parse_strategy(text)

    assert strategy.waits(count) == expected


def test_a_rollouts_timeout_leaves_time_for_instances_to_start() -> None:
    assert timeout_of(Canary(size=TEN, wait=3600, termination_wait=3600), 4) == 9000
    assert timeout_of(AllAtOnce(), 4) == 3600
    assert timeout_of(Linear(size=TEN, wait=3600), 4) == 28800
    assert timeout_of(AllAtOnce(timeout=700), 4) == 700


# -- chains --------------------------------------------------------------------------------------------------------------


def test_a_chain_may_end_with_all_at_once_which_adds_nothing_to_a_rollout() -> None:
    chain = chain_of(["shadow", "canary:size=10%,wait=10m", "all-at-once"])

    assert [strategy.kind for strategy in chain] == ["shadow", "canary"]


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ([], "is empty"),
        (["shadow"], "cannot end with it"),
        (["all-at-once", "canary:size=10%,wait=1m"], "nothing but a plain all-at-once may follow"),
        (["canary:size=10%,wait=1m", "all-at-once:termination_wait=60"], "into its own termination_wait"),
        (["canary:size=10%,wait=1m", "shadow", "all-at-once"], "nothing but"),
        ([{"size": 3}], "a mapping with kind"),
        (3, "a mapping with kind"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(chain: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        chain_of(chain)

    assert said in str(raised.value)


# -- alarms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"kind": "errors", "at_most": "1%"}, ("Average", "Invocation5XXErrors", 0.01, "GreaterThanThreshold")),
        ({"kind": "errors", "at_most": 5}, ("Sum", "Invocation5XXErrors", 5, "GreaterThanThreshold")),
        ({"kind": "latency", "at_most": "250ms"}, ("p99", "ModelLatency", 250_000, "GreaterThanThreshold")),
        ({"kind": "invocations", "at_least": 10}, ("Sum", "Invocations", 10, "LessThanThreshold")),
        (
            {"kind": "metric", "name": "drift", "namespace": "Mine", "metric": "psi", "at_most": 0.2, "statistic": "Maximum"},
            ("Maximum", "psi", 0.2, "GreaterThanThreshold"),
        ),
    ],
)
def test_every_kind_of_alarm_becomes_a_valid_request_for_the_new_fleet_alone(given_: Any, expected: tuple[Any, ...]) -> None:
    guard = alarms_of([given_]).guards[0]
    assert isinstance(guard, MetricGuard)

    request = alarm_request(guard, FLEET)

    shape = service("cloudwatch").operation_model("PutMetricAlarm").input_shape
    validate_parameters(request, shape)
    statistic = request.get("Statistic") or request["ExtendedStatistic"]
    assert (statistic, request["MetricName"], request["Threshold"], request["ComparisonOperator"]) == expected
    assert {"Name": "EndpointConfigName", "Value": FLEET.config} in request["Dimensions"]
    assert request["AlarmName"].startswith(FLEET.config)
    assert request["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ([], "alarms are needed"),
        ({"waived": " "}, "alarms are needed"),
        ("off", "a list, or"),
        ([{"at_most": 3}], "mapping with kind"),
        ([{"kind": "error", "at_most": 3}], "did you mean errors"),
        ([{"kind": "errors"}], "at_most is missing"),
        ([{"kind": "errors", "at_most": "120%"}], "at most"),
        ([{"kind": "errors", "at_most": 1, "perod": 60}], "did you mean period"),
        ([{"kind": "errors", "at_most": 1, "period": 45}], "period is 45 s; 10, 20, 30 and multiples of 60"),
        ([{"kind": "errors", "at_most": 1, "evaluation_periods": 2, "datapoints": 3}], "datapoints is 3"),
        ([{"kind": "latency", "at_most": "1s", "percentile": "p101"}], "p0 to p100"),
        ([{"kind": "metric", "name": "x", "metric": "m", "at_most": 1, "at_least": 1}], "exactly one"),
        ([{"kind": "metric", "name": "Big Name", "metric": "m", "at_most": 1}], "lower-case letters"),
        ([{"kind": "alarm", "name": " "}], "not all blank"),
        ([{"kind": "errors", "at_most": 1}] * 2, "more than once: errors"),
        ([{"kind": "alarm", "name": str(n)} for n in range(11)], "at most 10"),
    ],
)
def test_alarms_that_cannot_be_are_refused(given_: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        alarms_of(given_)

    assert said in str(raised.value)


@pytest.mark.parametrize(
    "given_",
    [
        [
            {"kind": "errors", "at_most": "1%"},
            {"kind": "latency", "at_most": 0.5, "datapoints": 1},
            {"kind": "alarm", "name": "x"},
        ],
        [{"kind": "metric", "name": "m", "metric": "m", "at_least": 1, "dimensions": {"Model": "a"}}],
        {"waived": "no traffic"},
    ],
)
def test_alarms_read_back_from_their_json(given_: Any) -> None:
    alarms = alarms_of(given_)

    assert alarms_of(alarms.to_json()) == alarms


def test_none_waives_them_and_says_that_no_reason_was_given() -> None:
    assert "without a reason" in alarms_of("none").waived


def test_the_projects_section_reads_back_from_its_json() -> None:
    section = Deployment.model_validate(
        {"endpoint": "e", "strategy": ["shadow", "canary:size=10%,wait=10m"], "alarms": [{"kind": "latency", "at_most": "1s"}]}
    )

    assert Deployment.model_validate(section.model_dump(mode="json")) == section


# -- quantities ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 1000), st.integers(1, 100))
def test_percents_of_a_fleet_are_rounded_up_and_at_least_one_instance(count: int, percent: int) -> None:
    instances = Size(percent, percent=True).instances(count)

    assert 1 <= instances <= count
    assert (instances - 1) * 100 < percent * count <= instances * 100


def test_with_one_instance_only_the_traffics_share_is_partial() -> None:
    assert (TEN.instances(1), TEN.share(1), TEN.share(4)) == (1, 0.1, 0.25)


@given(sizes, st.integers(1, 40))
def test_batches_of_whole_instances_make_the_fleet(size: Size, count: int) -> None:
    assert (size.batches(count) - 1) * size.instances(count) < count <= size.batches(count) * size.instances(count)


@given(st.integers(0, 10**7))
def test_times_are_written_so_that_they_read_back(seconds: int) -> None:
    assert seconds_of(as_time(seconds), "x") == seconds


@pytest.mark.parametrize("wrong", [True, None, "", "10 %%", "-1", -0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(wrong: Any) -> None:
    with pytest.raises(ValueError, match="share"):
        share_of(wrong, "share")
