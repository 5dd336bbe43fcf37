"""What a deployment would do, what it is warned of, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.deployment import EndpointState, PlanPreview, Release, ServedModel, Target, VariantState, VariantStatus, preview
from sagelens.deployment.preview import PROVISIONING, traffic_share
from sagelens.deployment.shares import TrafficShare
from sagelens.deployment.strategy import Size, chain_of, parse_strategy
from sagelens.errors import BadConfig, Refused
from sagelens.values.grammar import alarms_of

MODEL = ServedModel(digest="d" * 64, image="i", model_uri="s3://b/model", role="arn:aws:iam::111122223333:role/r")
TARGET = Target(endpoint="flights", model=MODEL, instance_count=4)
RELEASE = Release.of(TARGET, version="3")
ERRORS = alarms_of([{"kind": "errors", "at_most": "1%"}])
WAIVED = alarms_of({"waived": "nobody calls it"})


def live(count: int = 4, *names: str, **more: Any) -> EndpointState:
    variants = tuple(VariantState(name=name, instances=count, **more) for name in names or ("AllTraffic",))
    return EndpointState(name="flights", status="InService", config="old", variants=variants)


def planned(
    *strategies: str, state: EndpointState | None = None, alarms: Any = ERRORS, release: Release = RELEASE
) -> PlanPreview:
    return preview(release, chain_of(list(strategies)), state or live(), alarms, staging=False)


def shape(plan: PlanPreview) -> list[tuple[int | None, float]]:
    return [(phase.seconds, round(phase.traffic_share, 3)) for phase in plan.phases]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("all-at-once", [(None, 0), (0, 1), (None, 1)]),
        ("canary:size=25%,wait=600,termination_wait=300", [(None, 0), (600, 0.25), (300, 1), (None, 1)]),
        ("linear:size=50%,wait=60,termination_wait=30", [(None, 0), (60, 0.5), (30, 1), (None, 1)]),
        ("rolling:size=2,wait=60", [(None, 0), (60, 0.5), (60, 1), (None, 1)]),
    ],
)
def test_the_phases_of_a_rollout(strategy: str, expected: list[tuple[int | None, float]]) -> None:
    assert shape(planned(strategy)) == expected


def test_an_instance_that_is_being_replaced_does_not_make_the_fleet_smaller() -> None:
    plan = planned("rolling:size=2,wait=60", state=live(1, desired_instances=4))

    assert shape(plan) == [(None, 0), (60, 0.5), (60, 1), (None, 1)]


def test_a_chain_is_shown_one_strategy_after_the_other() -> None:
    plan = planned("shadow:duration=2h", "weighted:share=10%,duration=1h", "canary:size=25%,wait=10m")

    assert [phase.strategy for phase in plan.phases] == ["shadow"] * 3 + ["weighted"] * 3 + ["canary"] * 4
    assert plan.total_seconds == 7200 + 3600 + 600
    assert json.loads(json.dumps(plan.to_json()))["serves_now"] == "old"


def test_both_fleets_are_paid_for_while_they_bake_and_a_batch_while_it_rolls() -> None:
    starting = PROVISIONING / 3600

    assert planned("all-at-once").extra_instance_hours == 0
    assert planned("canary:size=25%,wait=30m,termination_wait=30m").extra_instance_hours == round(4 * (1 + starting), 2)
    assert planned("rolling:size=1,wait=15m").extra_instance_hours == round(1 + starting, 2)
    assert planned("weighted:share=10%,duration=1h").extra_instance_hours == round(4 * (1 + starting), 2)


def test_what_would_happen_on_an_alarm_is_said_where_one_is_watched() -> None:
    told = {phase.name: phase.on_alarm for phase in planned("canary:size=25%,wait=5m").phases if phase.watches}

    assert len(told) == 1
    assert all("back to old" in said and "exit code 5" in said for said in told.values())


def test_a_new_endpoint_is_created_and_nothing_else() -> None:
    plan = preview(RELEASE, chain_of("canary:size=25%,wait=5m"), None, ERRORS, staging=False)

    assert [phase.strategy for phase in plan.phases] == ["create"]
    assert "neither strategy nor alarms apply" in plan.warnings[0]


@pytest.mark.parametrize(
    ("strategy", "count", "said"),
    [
        ("canary:size=25%,wait=119", 4, "alarm errors can hardly ring"),
        ("all-at-once", 4, "longest bake of all-at-once is 0s"),
        ("canary:size=25%,wait=10m", 2, "at least 3 are advised"),
        ("linear:size=25%,wait=10m", 2, "at least 3 are advised"),
        ("canary:size=25%,wait=10m", 1, "only the traffic's share is small"),
        ("canary:size=25%,wait=10m", 6, "keeps the 6 instances that it has; the config says 4"),
    ],
)
def test_what_is_hardly_wanted_is_warned_of(strategy: str, count: int, said: str) -> None:
    assert any(said in warning for warning in planned(strategy, state=live(count)).warnings)


def test_a_bake_that_is_long_enough_is_not_warned_of() -> None:
    assert planned("canary:size=25%,wait=120").warnings == ()


def test_waived_alarms_are_named_with_their_reason() -> None:
    assert any("nobody calls it" in warning for warning in planned("all-at-once", alarms=WAIVED).warnings)


@pytest.mark.parametrize(
    ("strategy", "count"),
    [
        ("canary:size=3,wait=1m", 5),
        ("canary:size=1,wait=1m", 1),
        ("linear:size=1,wait=1m", 11),
        ("linear:size=3,wait=1m", 4),
        ("rolling:size=1,wait=1m", 21),
        ("rolling:size=3,wait=1m", 4),
        ("rolling:size=1,wait=1m,rollback_size=5", 4),
    ],
)
def test_a_number_of_instances_outside_its_bounds_is_refused(strategy: str, count: int) -> None:
    with pytest.raises(BadConfig, match=f"of {count} instances"):
        planned(strategy, state=live(count))


@pytest.mark.parametrize(
    ("strategy", "count"), [("canary:size=2,wait=1m", 5), ("linear:size=1,wait=1m", 10), ("rolling:size=1,wait=1m", 20)]
)
def test_a_number_of_instances_at_its_bound_is_allowed(strategy: str, count: int) -> None:
    assert planned(strategy, state=live(count))


@pytest.mark.parametrize(
    ("strategy", "allowed"),
    [
        ("canary:size=25%,wait=300,termination_wait=300,timeout=600", False),
        ("canary:size=25%,wait=300,termination_wait=299,timeout=600", True),
        ("linear:size=10%,wait=3600", False),
    ],
)
def test_all_waits_together_must_be_less_than_the_timeout(strategy: str, *, allowed: bool) -> None:
    if allowed:
        assert planned(strategy)
    else:
        with pytest.raises(BadConfig, match="must be less than its timeout"):
            planned(strategy)


@pytest.mark.parametrize(
    "strategy",
    ["canary:size=25%,wait=5m", "linear:size=25%,wait=5m", "rolling:size=25%,wait=5m", "all-at-once:termination_wait=60"],
)
def test_serverless_and_inf1_are_refused_what_they_would_not_get(strategy: str) -> None:
    inf1 = Release.of(replace(TARGET, instance_type="ml.inf1.xlarge"))
    with pytest.raises(Refused, match="falls back to all at once"):
        planned(strategy, release=inf1)
    with pytest.raises(Refused, match="serverless"):
        planned(strategy, state=live(0, serverless=True))
    assert planned("all-at-once", state=live(0, serverless=True), release=inf1)


def test_an_asynchronous_endpoint_has_no_shadow() -> None:
    with pytest.raises(Refused, match="asynchronous"):
        planned("shadow", "all-at-once", state=replace(live(), asynchronous=True))


def test_a_variant_cannot_be_renamed() -> None:
    with pytest.raises(Refused, match="serves the variants variant-1, but AllTraffic is to be deployed"):
        planned("all-at-once", state=live(4, "variant-1"))


def test_a_trial_that_was_left_is_taken_back_first() -> None:
    assert planned("all-at-once", state=live(4, "AllTraffic", "v2")).phases[0].strategy == "settle"


rollouts = st.sampled_from(["canary:size=20%,wait=1", "linear:size=20%,wait=1", "rolling:size=20%,wait=1", "all-at-once"])


@given(rollouts, st.integers(1, 40))
def test_shares_rise_to_the_whole(text: str, count: int) -> None:
    strategy: Any = parse_strategy(text)
    shares = [traffic_share(strategy, step, count) for step in range(len(strategy.waits(count)) + 1)]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_a_linear_steps_share_is_that_of_the_instances_so_far() -> None:
    strategy: Any = parse_strategy("linear:size=30%,wait=1")

    assert [traffic_share(strategy, step, 4) for step in range(1, 5)] == [0.5, 0.75, 0.9, 1]
    assert [traffic_share(strategy, step, 1) for step in range(1, 5)] == [0.3, 0.6, 0.9, 1]


def baking(started: str, message: str = "Baking for 60 s (WaitInterval)") -> EndpointState:
    status = VariantStatus(status="Baking", message=message, started=started)
    return EndpointState(
        name="flights",
        status="Updating",
        config="old",
        pending_config="new",
        pending=(VariantState(name="AllTraffic", statuses=(status,)),),
    )


def test_the_share_is_told_from_the_bakes_that_were_seen_to_begin() -> None:
    shares = TrafficShare(parse_strategy("linear:size=25%,wait=60"), 4)  # type: ignore[arg-type]

    seen = [shares.seen(baking(started)) for started in ("1", "1", "2", "3")]

    assert seen == [0.25, 0.25, 0.5, 0.75]
    assert shares.seen(baking("4", "Baking for 60 s (TerminationWait)")) == 1


def test_a_size_says_itself_as_it_was_written() -> None:
    assert (str(Size(10, percent=True)), str(Size(2, percent=False))) == ("10%", "2")
