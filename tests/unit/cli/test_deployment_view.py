"""What is seen of a deployment: the picture as text, and lines where there is no terminal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from sagelens.cli.deployment_view import DeploymentView, baking, picture, traffic_of
from sagelens.cli.deployment_watch import Sight
from sagelens.deployment import EndpointState, VariantState, VariantStatus
from tests.unit.cli.conftest import record_of
from tests.unit.report.example import START
from tests.unit.report.rollouts import BEGINNING, NEW, OLD, TAKEN_BACK

BAKING = VariantStatus(
    status="Baking",
    message="Baking for 120 second(s) (WaitIntervalInSeconds) on canary capacity of 1 instance(s).",
    started=str(datetime.fromtimestamp(START + 41, UTC)),
)
UNDER_WAY = {"events": BEGINNING, "outcome": "under way", "finished": None, "serves": ""}


def variant(instances: int, desired: int, *statuses: VariantStatus) -> VariantState:
    return VariantState(name="AllTraffic", instances=instances, desired_instances=desired, statuses=statuses)


def moving(*statuses: VariantStatus) -> EndpointState:
    return EndpointState(
        name="delays",
        status="Updating",
        config=OLD,
        pending_config=NEW,
        variants=(variant(3, 3),),
        pending=(variant(2, 3, *statuses),),
    )


def sight(**more: Any) -> Sight:
    seen: dict[str, Any] = {
        "endpoint": "delays",
        "now": START + 71,
        "clock": "60x",
        "state": moving(BAKING),
        "record": record_of(**UNDER_WAY),
        "alarms": {f"{NEW}-errors": ("ALARM", "Threshold Crossed"), "mine": ("OK", "")},
        "figures": {
            "old": {"Invocations": 1200, "Invocation5XXErrors": 0, "ModelLatency p50": 2100, "ModelLatency p99": 5200},
            "new": {"Invocations": 1000, "Invocation5XXErrors": 25, "ModelLatency p50": 2400, "ModelLatency p99": 61000},
        },
    }
    return Sight(**seen | more)


def text_of(shown: Sight, *, now: float | None = None, width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(picture(shown, now=shown.now if now is None else now))
    return out.getvalue()


def row(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(word))


@pytest.mark.parametrize("width", [80, 160])
def test_both_fleets_are_shown_with_instances_traffic_latency_and_errors(width: int) -> None:
    text = text_of(sight(), width=width)

    old, new = (config.removeprefix("delays-") for config in (OLD, NEW))
    half = ["█" * 5 + "░" * 5, "50%"]
    assert row(text, "old").split() == ["old", old, "3", *half, "1,200", "2.1", "ms", "5.2", "ms", "0.0%"]
    assert row(text, "new").split() == ["new", new, "2/3", *half, "1,000", "2.4", "ms", "61.0", "ms", "2.5%"]


def test_the_bake_counts_down_on_the_clock_of_the_service() -> None:
    assert "1:30 of 2:00 left" in text_of(sight())
    assert "0:10 of 2:00 left" in text_of(sight(), now=START + 151)
    assert "0:00 of 2:00 left" in text_of(sight(), now=START + 500)


def test_the_headline_says_what_is_done_and_which_clock_runs() -> None:
    headline = text_of(sight()).splitlines()[0]

    for said in ("delays", "under way", "1:11", "canary of 50% for 2m", "clock 60x"):
        assert said in headline
    assert "clock" not in text_of(sight(clock="1x")).splitlines()[0]


def test_alarms_are_shown_with_their_states_and_without_the_config_in_their_names() -> None:
    assert row(text_of(sight()), "alarms").split() == ["alarms", "errors", "●", "ALARM", "mine", "●", "OK"]


def test_before_the_deployment_begins_the_picture_says_so() -> None:
    assert "Waiting for the deployment to begin" in text_of(sight(record=None, state=None))


def test_names_from_outside_are_not_read_as_styling() -> None:
    text = text_of(sight(alarms={"[bold]loud[/]": ("OK", "")}, record=record_of(config="[red]x", **UNDER_WAY)))

    assert "[bold]loud[/]" in text
    assert "[red]x" in text


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        ((BAKING,), (90.0, 120.0)),
        ((VariantStatus(status="Creating", message="Launching 1 instance(s).", started=BAKING.started),), None),
        ((VariantStatus(status="Baking", message="Baking.", started=BAKING.started),), None),
        ((), None),
    ],
)
def test_a_bake_is_known_by_its_status_and_message(statuses: tuple[VariantStatus, ...], left: tuple[float, float] | None) -> None:
    assert baking(sight(state=moving(*statuses)), START + 71) == left


@pytest.mark.parametrize(
    ("more", "share"),
    [
        (UNDER_WAY, 0.5),
        ({}, 1.0),
        ({"events": TAKEN_BACK, "outcome": "rolled back", "serves": OLD}, 0.0),
        ({"events": BEGINNING[:1], "outcome": "under way", "finished": None}, None),
    ],
)
def test_the_traffic_is_what_was_told_and_at_the_end_what_serves(more: dict[str, Any], share: float | None) -> None:
    assert traffic_of(record_of(**more)) == share


def test_without_a_terminal_every_event_is_one_line_told_once() -> None:
    out = io.StringIO()
    with DeploymentView(out=out) as view:
        view(sight(record=None))
        view(sight(record=record_of(**{**UNDER_WAY, "events": BEGINNING[:3]})))
        view(sight(record=record_of(**UNDER_WAY)))

    lines = out.getvalue().splitlines()
    assert len(lines) == len(BEGINNING)
    assert lines[3].split()[:5] == ["0:40", "canary", "50%", "new", "Updating;"]


def test_with_json_the_events_are_json_lines() -> None:
    out = io.StringIO()
    with DeploymentView(as_json=True, out=out) as view:
        view(sight())

    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["phase"] for event in told] == [event["phase"] for event in BEGINNING]
    assert all(event["endpoint_name"] == "delays" for event in told)
    assert told[3]["numbers"]["traffic_share"] == 0.5
