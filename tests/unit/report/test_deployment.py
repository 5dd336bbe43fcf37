"""The deployment's part of the page: what is read from the journal, and where it is drawn."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sagelens.evaluation.report import Deployment, Material, render
from sagelens.evaluation.report.chart import TimeAxis, panel, points, steps
from sagelens.evaluation.report.course import CourseView, course_view
from sagelens.evaluation.report.deployment import DeploymentView, deployment_views
from sagelens.evaluation.report.page import page_of
from tests.unit.report.example import START, deployment, training
from tests.unit.report.rollouts import BEGINNING, NEW, OLD, journal, landed, observed, rolled_back, series
from tests.unit.report.test_page import HOSTILE, Reader

AXIS = TimeAxis(start=0.0, end=100.0, width=200.0, left=50.0, right=50.0)


def view(found: Deployment) -> DeploymentView:
    (one,) = deployment_views([found])
    return one


def course(found: Deployment) -> CourseView:
    return course_view(found.journal, found.observed)


def heights(found: CourseView, title: str, look: str) -> list[str]:
    """The y of every corner of a line, in the order in which they are drawn."""
    (line,) = (line for panel in found.panels if panel.title == title for line in panel.lines if line.look == look)
    return [pair.split()[1] for pair in re.split("[ML]", line.path) if pair]


def test_a_landed_deployment_is_good_and_compares_both_fleets() -> None:
    shown = view(landed())

    assert (shown.outcome, shown.tone, shown.seconds) == ("landed", "good", 240)
    compared = {name: (old, new) for name, old, new in shown.compared}
    assert compared["Requests"] == ("790", "1,405")
    assert compared["p99 latency"] == ("5.25 ms", "6.24 ms")
    assert shown.clock == "on a clock 60 times as fast as the wall's"


def test_a_deployment_that_was_rolled_back_says_why_and_which_alarm_rang() -> None:
    shown = view(rolled_back(reason="the alarm rang"))

    assert (shown.tone, shown.reason) == ("bad", "the alarm rang")
    (alarm,) = shown.alarms
    assert (alarm.name, alarm.state, alarm.tone) == ("errors", "ALARM", "bad")
    assert [change[:2] for change in alarm.changes] == [("+0:02", "INSUFFICIENT_DATA"), ("+0:50", "OK"), ("+1:31", "ALARM")]
    assert {name: new for name, _, new in shown.compared}["Errors 5xx"] == "50.0 %"


def test_the_traffic_goes_up_in_steps_and_falls_when_the_alarm_rings() -> None:
    whole = heights(course(landed()), "Traffic of the new fleet", "new strong")
    undone = heights(course(rolled_back()), "Traffic of the new fleet", "new strong")

    none, half, full = "124", "66", "8"
    assert list(dict.fromkeys(whole)) == [none, half, full]
    assert whole[-1] == full
    assert list(dict.fromkeys(undone)) == [none, half]
    assert undone[-1] == none


def test_phases_follow_one_another_without_gaps_and_say_what_the_endpoint_did() -> None:
    found = course(landed())

    assert [span.title.partition(":")[0] for span in found.phases] == ["begin", "canary"]
    states = [span.title.partition(":")[0] for span in found.states]
    assert states == ["starting instances", "moving traffic", "baking", "removing instances"]
    ends = [round(span.x + span.width, 1) for span in found.states]
    assert ends[0] == pytest.approx(found.states[1].x, abs=1.5)


def test_states_of_an_alarm_are_drawn_from_change_to_change() -> None:
    ((name, spans),) = course(rolled_back()).alarms

    assert name == "errors"
    assert [span.look for span in spans] == ["watch insufficient-data", "watch ok", "watch alarm"]


def test_a_deployment_without_requests_has_no_charts_of_them() -> None:
    shown = view(Deployment(journal=journal(), observed={}))

    assert shown.compared == ()
    assert [panel.title for panel in shown.course.panels] == ["Traffic of the new fleet"]


def test_callers_errors_are_drawn_only_where_there_were_some() -> None:
    quiet, loud = observed(), observed()
    loud["fleets"]["new"]["Invocation4XXErrors"] = series(40, 240, 3)

    looks = [
        [line.look for panel in course_view(journal(), found).panels if panel.title == "Errors" for line in panel.lines]
        for found in (quiet, loud)
    ]

    assert looks[0] == ["old strong", "new strong"]
    assert "new fine" in looks[1]


def test_a_deployment_under_way_is_drawn_until_its_last_event() -> None:
    under_way = journal(BEGINNING, outcome="under way", finished=None, serves="")

    shown = view(Deployment(journal=under_way))

    assert shown.seconds is None
    assert shown.course.axis.end == START + 41


def test_waived_alarms_are_said_with_their_reason() -> None:
    page = render(Material(project="delays", executions=(), deployments=(Deployment(journal=journal(alarms={"waived": "why"})),)))

    assert "No alarm watched this deployment: why" in page


def test_a_line_breaks_where_a_period_has_no_value() -> None:
    pieces = points([(0, 1.0), (10, 2.0), (40, 3.0)], AXIS, 10)

    assert pieces == [[(55.0, 1.0), (65.0, 2.0)], [(95.0, 3.0)]]


def test_a_stepped_line_holds_each_value_to_the_next_and_the_last_to_the_end() -> None:
    assert steps([(0, 0.0), (50, 1.0)], AXIS) == [[(50.0, 0.0), (100.0, 0.0), (100.0, 1.0), (150.0, 1.0)]]


@pytest.mark.parametrize(("top", "last"), [(0, "1"), (0.9, "1"), (100, "100"), (101, "150"), (7, "8"), (0.0003, "0.0003")])
def test_a_scale_ends_with_a_round_value_that_is_not_below_the_largest(top: float, last: str) -> None:
    drawn = panel("p", note="", height=100, top=top, unit="", lines=[])

    assert drawn.ticks[-1].label == last
    assert 2 <= len(drawn.ticks) <= 7


@pytest.mark.parametrize(
    ("seconds", "last"), [(45, "0:45"), (240, "4:00"), (978, "16 min"), (8 * 3600, "8 h"), (7 * 86400, "7 d")]
)
def test_ticks_of_time_are_round_and_in_one_unit(seconds: float, last: str) -> None:
    ticks = TimeAxis(start=START, end=START + seconds).ticks

    assert ticks[-1].label == last
    assert 4 <= len(ticks) <= 11


def test_the_page_of_a_deployment_begins_with_it_and_that_of_a_training_run_does_not() -> None:
    alone = page_of(Material(project="delays", executions=(deployment(),), deployments=(landed(),)))
    after = page_of(Material(project="delays", executions=(training(), deployment()), deployments=(landed(),)))

    assert alone.sections[0][0] == "deployment"
    sections = [id_ for id_, _ in after.sections]
    assert sections.index("evaluation") < sections.index("deployment") < sections.index("release")


def test_a_rollback_which_has_no_execution_has_a_page() -> None:
    material = Material(project="delays", executions=(), deployments=(rolled_back(),))

    read = Reader(text := render(material))

    assert [id_ for id_, _ in page_of(material).sections] == ["deployment"]
    assert "rolled back" in text
    assert len(read.ids) == len(set(read.ids))


def test_what_a_journal_says_cannot_become_markup() -> None:
    hostile: dict[str, Any] = dict.fromkeys(("reason", "why", "who", "endpoint", "model_package_arn", "phase"), HOSTILE)
    events = tuple({**event, "message": HOSTILE, "phase": HOSTILE} for event in BEGINNING)
    seen = observed()
    seen["alarms"] = {HOSTILE: {"watches": HOSTILE, "changes": [[START, HOSTILE, HOSTILE], [START + 1, "ALARM", HOSTILE]]}}
    found = Deployment(journal=journal(events, **hostile), observed=seen)

    read = Reader(text := render(Material(project="delays", executions=(), deployments=(found,))))

    assert "alert(" in text
    assert read.tags.count("script") == 1
    assert "img" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_nothing_outside_the_page_is_referred_to() -> None:
    read = Reader(render(Material(project="delays", executions=(), deployments=(landed(),))))

    loading = [value for _, name, value in read.attributes if name in {"src", "href", "srcset", "action", "data"}]
    assert [value for value in loading if not value.startswith(("#", "data:"))] == []


def test_configs_are_named() -> None:
    text = render(Material(project="delays", executions=(), deployments=(landed(),)))

    assert OLD in text
    assert NEW in text
