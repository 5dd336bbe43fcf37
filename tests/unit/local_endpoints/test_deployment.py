"""The deployment's transitions, without anything running."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.local.endpoints.deployment import Deployment, Event, Outcome, Shift, Stage, advance

ALL_AT_ONCE = (Shift(1.0, 30),)
CANARY = (Shift(0.1, 600), Shift(1.0, 60))


def follow(deployment: Deployment, *outcomes: Outcome) -> list[Deployment]:
    path = [deployment]
    for outcome in outcomes:
        path.append(advance(path[-1], Event(outcome, "why" if outcome in (Outcome.FAILED, Outcome.TRIPPED) else "")))
    return path


def test_all_at_once_lands() -> None:
    path = follow(Deployment(shifts=ALL_AT_ONCE, replaces=True), Outcome.READY, Outcome.SHIFTED, Outcome.OVER, Outcome.DRAINED)

    assert [d.stage for d in path] == [Stage.PROVISIONING, Stage.SHIFTING, Stage.BAKING, Stage.RETIRING, Stage.LANDED]
    assert [d.moved for d in path] == [False, False, True, True, True]


def test_a_canary_shifts_twice() -> None:
    start = Deployment(shifts=CANARY, replaces=True)
    path = follow(start, Outcome.READY, Outcome.SHIFTED, Outcome.OVER, Outcome.SHIFTED, Outcome.OVER, Outcome.DRAINED)

    shares = [d.shift.share for d in path if d.stage is Stage.BAKING]
    assert shares == [0.1, 1.0]
    assert path[-1].stage is Stage.LANDED
    assert not path[2].moved


def test_a_fleet_that_fails_is_removed_without_touching_traffic() -> None:
    path = follow(Deployment(shifts=CANARY, replaces=True), Outcome.FAILED, Outcome.DRAINED)

    assert [d.stage for d in path[1:]] == [Stage.REMOVING, Stage.ROLLED_BACK]
    assert path[-1].reason == "why"


def test_a_fleet_that_fails_with_nothing_to_return_to_is_a_failure() -> None:
    path = follow(Deployment(shifts=ALL_AT_ONCE, replaces=False), Outcome.FAILED, Outcome.DRAINED)

    assert path[-1].stage is Stage.FAILED


def test_an_alarm_returns_the_traffic_before_green_goes() -> None:
    start = Deployment(shifts=CANARY, replaces=True)
    path = follow(start, Outcome.READY, Outcome.SHIFTED, Outcome.TRIPPED, Outcome.SHIFTED, Outcome.DRAINED)

    assert [d.stage for d in path[3:]] == [Stage.RETURNING, Stage.REMOVING, Stage.ROLLED_BACK]
    assert path[-1].reason == "why"


def test_an_event_out_of_place_is_refused() -> None:
    with pytest.raises(ValueError, match="Provisioning cannot have the event DRAINED"):
        advance(Deployment(shifts=ALL_AT_ONCE, replaces=True), Event(Outcome.DRAINED))


@given(st.lists(st.sampled_from(list(Outcome)), max_size=40), st.integers(1, 5))
def test_any_order_of_events_ends_where_it_should(outcomes: list[Outcome], steps: int) -> None:
    shifts = tuple(Shift((step + 1) / steps, 1) for step in range(steps))
    deployment = Deployment(shifts=shifts, replaces=True)
    tripped = False
    for outcome in outcomes:
        try:
            deployment = advance(deployment, Event(outcome, "why"))
        except ValueError:
            continue
        tripped = tripped or outcome in (Outcome.FAILED, Outcome.TRIPPED)
        assert 0 <= deployment.step < steps
        assert deployment.moved <= (deployment.shift.share == 1.0)
        if deployment.stage.final:
            assert deployment.stage is (Stage.ROLLED_BACK if tripped else Stage.LANDED)
