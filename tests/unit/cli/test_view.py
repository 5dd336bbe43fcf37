"""Words that follow the verdict while a pipeline runs."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.cli.view import _line, _table, verdict_of


def step(**more: Any) -> dict[str, Any]:
    known = {"name": "raw-gate-passed", "type": "Condition", "phase": None, "status": "Succeeded", "seconds": 0.0}
    return {**known, "started": 1.0, "failure": None, "cache": "off", "cache_miss_reason": None, "outcome": None, **more}


@pytest.mark.parametrize(("outcome", "said"), [(True, "Passed"), (False, "Stopped")])
def test_the_condition_behind_a_gate_says_which_way_it_went(outcome: bool, said: str) -> None:
    assert verdict_of(step(outcome=outcome)) == ("raw-gate", said)
    assert _line(step(outcome=outcome)).split()[:2] == ["raw-gate", said]


def test_a_condition_that_has_not_been_asked_keeps_its_state() -> None:
    assert verdict_of(step(status="Executing")) == ("raw-gate-passed", "Executing")


def test_a_gate_that_stopped_is_in_the_table_and_red() -> None:
    document = {"pipeline": "p", "execution_id": "x", "status": "Failed", "steps": [step(outcome=False), step(outcome=True)]}

    table = _table(document)

    assert table.row_count == 1
    assert "[red]" in next(iter(table.columns[0].cells))
