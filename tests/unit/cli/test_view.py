"""Words that follow the verdict while a pipeline runs."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.cli.step_lines import columns_of, step_lines, verdict_of
from sagelens.cli.view import _picture


def step(**more: Any) -> dict[str, Any]:
    known = {"name": "raw-gate-passed", "type": "Condition", "phase": None, "status": "Succeeded", "seconds": 0.0}
    return {**known, "started": 1.0, "failure": None, "cache": "off", "cache_miss_reason": None, "outcome": None, **more}


def lines_of(given: dict[str, Any], *, width: int | None, remark: str = "") -> list[str]:
    return step_lines(given, columns_of([given], width), remark)


@pytest.mark.parametrize(("outcome", "said"), [(True, "Passed"), (False, "Stopped")])
def test_the_condition_behind_a_gate_says_which_way_it_went(outcome: bool, said: str) -> None:
    assert verdict_of(step(outcome=outcome)) == ("raw-gate", said)
    assert lines_of(step(outcome=outcome), width=80)[0].split()[:2] == ["raw-gate", said]


def test_a_condition_that_has_not_been_asked_keeps_its_state() -> None:
    assert verdict_of(step(status="Executing")) == ("raw-gate-passed", "Executing")


def test_a_gate_that_stopped_is_in_the_picture_and_red() -> None:
    document = {"pipeline": "p", "execution_id": "x", "status": "Failed", "steps": [step(outcome=False), step(outcome=True)]}

    title, *lines = _picture(document, 80).renderables

    assert title.plain == "p · x · Failed"
    assert [line.plain.split()[:3] for line in lines] == [["■", "raw-gate", "Stopped"]]
    assert str(lines[0].spans[0].style) == "red"
