"""The account of a run under load finds what must not be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.accounting import Deployment, Findings, account
from benchmarks.cases import FAULTS, STRATEGIES, Case, cases
from sagelens.testing.load import Answer, Stall
from sagelens.testing.models import Fault

BLUE, GREEN = 1, 2
CANARY = Deployment(
    case=Case(1, "canary", Fault.RAISES),
    endpoint="lane",
    blue=BLUE,
    green=GREEN,
    began=10.0,
    ended=20.0,
    outcome="rolled-back",
    exit_code=5,
    reason="",
    rang=15.0,
)


def answer(request: int, model: int, at: float, status: int = 200) -> Answer:
    body = {"predictions": [{"score": model / 4096, "label": False}]} if status == 200 else {"Message": "no"}
    return Answer(request, "lane", at, at + 0.01, status, "AllTraffic", json.dumps(body))


def found(*given: tuple[Answer, int], deployment: Deployment = CANARY) -> Findings:
    """Answers, each with the model that noted its request."""
    return account([a for a, _ in given], [(model, a.request) for a, model in given], [deployment])


def test_errors_of_the_faulty_model_while_it_has_its_share_are_in_order() -> None:
    findings = found((answer(1, BLUE, 5), BLUE), (answer(2, GREEN, 12, 424), GREEN), (answer(3, BLUE, 25), BLUE))

    assert findings.problems == []
    assert (findings.requests, findings.errors["raises"], findings.foreign_errors) == (3, 1, 0)
    assert findings.to_blue == {1: 0.0}


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ((answer(2, GREEN, 17, 424), GREEN), "no faulty model gave"),
        ((answer(2, GREEN, 12, 424), BLUE), "no faulty model gave"),
        ((answer(2, GREEN, 25), GREEN), "was answered by model 2; [1] served"),
        ((answer(2, 7, 12), 7), "was answered by model 7; [1, 2] served"),
        ((answer(2, GREEN, 12), BLUE), "which never received it"),
        ((answer(2, GREEN, 12, 0), GREEN), "request 2 got 1 records"),
    ],
    ids=("after the alarm", "of the sound model", "after the end", "of a stranger", "by another", "without an answer"),
)
def test_an_answer_that_must_not_be_is_found(late: tuple[Answer, int], said: str) -> None:
    findings = found((answer(1, BLUE, 5), BLUE), late)

    assert any(said in problem for problem in findings.problems)


def test_a_request_that_was_lost_or_answered_twice_is_found() -> None:
    once = answer(1, BLUE, 5)

    findings = account([once, answer(3, BLUE, 6), answer(3, BLUE, 6)], [(BLUE, 1), (BLUE, 3)], [])

    assert findings.without_one_answer == 2


def test_a_request_that_was_tried_again_on_another_model_is_found() -> None:
    given = answer(1, BLUE, 12)

    findings = account([given], [(GREEN, 1), (BLUE, 1)], [CANARY])

    assert findings.problems == ["request 1 reached the models 2, 1"]


def test_the_copies_of_a_shadow_are_not_held_against_it() -> None:
    shadow = replace(CANARY, case=Case(1, "shadow", Fault.NONE), rang=None, outcome="landed", exit_code=0)

    findings = account([answer(1, BLUE, 12)], [(GREEN, 1), (BLUE, 1)], [shadow])

    assert findings.problems == []


def test_a_rollback_that_is_slow_is_found() -> None:
    findings = found((answer(1, GREEN, 12, 424), GREEN), (answer(2, GREEN, 16.5), GREEN))

    assert findings.to_blue == {1: 1.5}
    assert any("1.50 s after the alarm" in problem for problem in findings.problems)


def test_a_problem_names_the_stalls_of_the_machine_that_fell_into_its_deployment_and_stays_one() -> None:
    undone = replace(CANARY, case=Case(1, "canary", Fault.NONE), problems=("it was undone",))

    findings = account([], [], [undone], [Stall(8.0, 1.0), Stall(14.5, 0.75), Stall(19.75, 0.5), Stall(21.0, 3.0)])

    assert findings.problems == ["deployment 1 (canary): it was undone (the machine stood still for 1.2 s meanwhile)"]


def test_a_third_of_the_cases_is_faulty_and_every_pair_comes() -> None:
    drawn = cases(200, seed=1)

    assert sum(not case.sound for case in drawn) == 67
    assert {(case.kind, case.fault) for case in drawn if not case.sound} == {(k, f) for k in STRATEGIES for f in FAULTS}
    assert {case.kind for case in drawn if case.sound} == set(STRATEGIES)
