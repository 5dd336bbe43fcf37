"""The deployment's transitions, without anything running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.local.endpoints.deployment import Deployment, Event, Outcome, Stage, advance
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.variant import Variant

Config = dict[str, Any]


def size(value: int, kind: str = "CAPACITY_PERCENT") -> Config:
    return {"Type": kind, "Value": value}


def blue_green(kind: str, **routing: Any) -> Config:
    traffic = {"Type": kind, "WaitIntervalInSeconds": 60, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic}}


def rolling(batch: Config, **more: Any) -> Config:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 60, **more}}


def variants(counts: dict[str, int], config: str) -> tuple[Variant, ...]:
    return tuple(Variant(name=name, model=config, count=count, config=config) for name, count in counts.items())


def planned(strategy: Config | None, old: dict[str, int], new: dict[str, int]) -> Deployment:
    live = variants(old, "old")
    return Rollout.planned("new", variants(new, "new"), live=live, now=0.0, strategy=strategy).deployment


def follow(deployment: Deployment, *outcomes: Outcome) -> list[Deployment]:
    path = [deployment]
    for outcome in outcomes:
        path.append(advance(path[-1], Event(outcome, "why" if outcome in (Outcome.FAILED, Outcome.TRIPPED) else "")))
    return path


GOOD = {
    Stage.PROVISIONING: Outcome.READY,
    Stage.SHIFTING: Outcome.SHIFTED,
    Stage.BAKING: Outcome.OVER,
    Stage.RETIRING: Outcome.DRAINED,
    Stage.RESTORING: Outcome.READY,
    Stage.RETURNING: Outcome.SHIFTED,
    Stage.REMOVING: Outcome.DRAINED,
}
BAD = {
    Stage.PROVISIONING: (Outcome.FAILED, Outcome.TRIPPED),
    Stage.BAKING: (Outcome.TRIPPED,),
    Stage.RESTORING: (Outcome.FAILED,),
}


def test_all_at_once_lands() -> None:
    path = follow(planned(None, {"A": 2}, {"A": 2}), Outcome.READY, Outcome.SHIFTED, Outcome.OVER, Outcome.DRAINED)

    assert [d.stage for d in path] == [Stage.PROVISIONING, Stage.SHIFTING, Stage.BAKING, Stage.RETIRING, Stage.LANDED]
    assert [d.moved for d in path] == [False, False, True, True, True]


def test_a_creation_that_fails_is_a_failure() -> None:
    path = follow(planned(None, {}, {"A": 2}), Outcome.FAILED, Outcome.DRAINED)

    assert [d.stage for d in path[1:]] == [Stage.REMOVING, Stage.FAILED]
    assert path[-1].reason == "why"


def test_an_alarm_returns_the_traffic_before_green_goes() -> None:
    start = planned(blue_green("CANARY", CanarySize=size(50)), {"A": 4}, {"A": 4})
    path = follow(start, Outcome.READY, Outcome.SHIFTED, Outcome.TRIPPED, Outcome.SHIFTED, Outcome.DRAINED)

    assert [d.stage for d in path[3:]] == [Stage.RETURNING, Stage.REMOVING, Stage.ROLLED_BACK]
    assert [d.share["A"] for d in path[2:]] == [0.5, 0.5, 0.0, 0.0]
    assert path[-1].reason == "why"


def test_a_rolling_update_replaces_servers_batch_by_batch() -> None:
    deployment = planned(rolling(size(50)), {"A": 3}, {"A": 3})
    seen = []
    while not deployment.stage.final:
        deployment = advance(deployment, Event(GOOD[deployment.stage]))
        seen.append((deployment.stage.value, deployment.blue["A"], deployment.green["A"]))

    assert seen == [
        ("Shifting", 3, 2),
        ("Baking", 3, 2),
        ("Retiring", 3, 2),
        ("Provisioning", 1, 2),
        ("Shifting", 1, 3),
        ("Baking", 1, 3),
        ("Retiring", 1, 3),
        ("Landed", 0, 3),
    ]


def test_a_rollback_that_fails_leaves_what_there_is() -> None:
    start = planned(rolling(size(1, "INSTANCE_COUNT")), {"A": 3}, {"A": 3})
    first = (Outcome.READY, Outcome.SHIFTED, Outcome.OVER, Outcome.DRAINED)
    path = follow(start, *first, Outcome.READY, Outcome.SHIFTED, Outcome.TRIPPED, Outcome.FAILED)

    assert [d.stage for d in path[-2:]] == [Stage.RESTORING, Stage.STRANDED]
    assert (path[-1].blue["A"], path[-1].green["A"]) == (2, 2)


def test_variants_of_different_sizes_have_shares_of_their_own() -> None:
    start = planned(blue_green("CANARY", CanarySize=size(1, "INSTANCE_COUNT")), {"A": 4, "B": 2}, {"A": 4, "B": 2})
    baking = follow(start, Outcome.READY, Outcome.SHIFTED)[-1]

    assert baking.share == {"A": 0.25, "B": 0.5}
    assert baking.active == {"A": 1, "B": 1}


def test_an_event_out_of_place_is_refused() -> None:
    with pytest.raises(ValueError, match="Provisioning cannot have the event DRAINED"):
        advance(planned(None, {"A": 1}, {"A": 1}), Event(Outcome.DRAINED))


SIZES = st.one_of(
    st.integers(10, 50).map(size),
    st.integers(1, 4).map(lambda value: size(value, "INSTANCE_COUNT")),
)
STRATEGIES = st.one_of(
    st.none(),
    SIZES.map(lambda s: blue_green("CANARY", CanarySize=s)),
    SIZES.map(lambda s: blue_green("LINEAR", LinearStepSize=s)),
    SIZES.map(rolling),
    st.tuples(SIZES, SIZES).map(lambda s: rolling(s[0], RollbackMaximumBatchSize=s[1])),
)


def walk(deployment: Deployment, choices: Iterator[int]) -> Iterator[Deployment]:
    """One of the ways that a deployment can go; a choice of 0 is bad luck where there can be any."""
    yield deployment
    while not deployment.stage.final:
        bad = BAD.get(deployment.stage, ())
        luck = next(choices, 9)
        outcome = bad[luck] if luck < len(bad) else GOOD[deployment.stage]
        deployment = advance(deployment, Event(outcome, "why"))
        yield deployment


@given(STRATEGIES, st.integers(1, 12), st.integers(1, 12), st.lists(st.integers(0, 9), max_size=60))
def test_capacity_never_falls_below_the_smaller_fleet(strategy: Config | None, old: int, new: int, luck: list[int]) -> None:
    share, turned = 0.0, False
    for d in walk(planned(strategy, {"A": old}, {"A": new}), iter(luck)):
        green_active, blue_active = d.active.get("A", 0), d.blue_active("A")
        green_share = d.share.get("A", 0.0)
        turned = turned or bool(d.back)
        assert blue_active + green_active >= min(old, new)
        assert green_active <= d.green.get("A", 0)
        assert blue_active <= d.blue["A"]
        assert 0.0 <= green_share <= 1.0
        assert (green_share > 0) <= (green_active > 0)
        assert (green_share < 1) <= (blue_active > 0)
        assert green_share <= share + 1e-9 if turned else green_share >= share - 1e-9
        share = green_share
    assert d.stage in (Stage.ROLLED_BACK, Stage.STRANDED) if turned else d.stage is Stage.LANDED
    if d.stage is Stage.LANDED:
        assert (d.blue["A"], d.green["A"], share) == (0, new, 1.0)
    if d.stage is Stage.ROLLED_BACK:
        assert (d.blue["A"], d.green.get("A", 0), share) == (old, 0, 0.0)


@given(STRATEGIES, st.integers(1, 6), st.integers(1, 6), st.lists(st.integers(0, 9), max_size=20))
def test_a_deployment_survives_the_store(strategy: Config | None, old: int, new: int, luck: list[int]) -> None:
    for d in walk(planned(strategy, {"A": old}, {"A": new}), iter(luck)):
        assert Deployment.from_json(json.loads(json.dumps(asdict(d)))) == d
