"""Pipelines as values: what is refused before anything runs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.pipeline import ModelGate, Pipeline, QualityGate, Step
from sagelens.pipeline.branches import Branch, nest
from sagelens.values import Phase


def function(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"toy.{module}"), name)


def test_a_step_takes_its_name_phase_and_artifacts_from_its_function(toy: Path) -> None:
    step = Step(function("preparation", "tidy"), gives=("tidied",))

    assert (step.name, step.phase, step.takes) == ("tidy", Phase.PREPARATION, ("raw",))


def test_an_unknown_parameter_is_refused_with_the_known_ones(toy: Path) -> None:
    with pytest.raises(BadConfig, match=r"no keyword-only parameter faktor.*takes: factor"):
        Step(function("preparation", "tidy"), params={"faktor": 2})


def test_an_artifact_that_nobody_gives_is_refused(toy: Path) -> None:
    with pytest.raises(BadConfig, match=r"takes 'raw', which no earlier step gives. Given by then: nothing"):
        Pipeline("p", Step(function("preparation", "tidy")))


def test_two_steps_of_one_name_and_two_givers_of_one_artifact_are_refused(toy: Path) -> None:
    gather = function("collection", "gather")

    with pytest.raises(BadConfig, match=r"two steps named 'gather'"):
        Pipeline("p", Step(gather, gives=("raw",)), Step(gather, gives=("other",)))
    with pytest.raises(BadConfig, match=r"'gather' and 'again'.*both give 'raw'"):
        Pipeline("p", Step(gather, gives=("raw",)), Step(gather, name="again", gives=("raw",)))


def test_a_gate_without_a_suite_for_its_table_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"looks at 'raw', for which quality.gates.first names no suite"):
        QualityGate("first", on="raw", suites={})


def tree(branches: tuple[Branch, ...]) -> list[Any]:
    return [(b.node.name, tree(b.inside)) if b.inside else b.node.name for b in branches]


def test_a_gate_blocks_what_depends_on_the_table_and_nothing_else(toy: Path) -> None:
    gather, tidy, fit = function("collection", "gather"), function("preparation", "tidy"), function("training", "fit")
    nodes = (
        Step(gather, gives=("raw",)),
        Step(gather, name="other", gives=("elsewhere",)),
        QualityGate("first", on="raw", suites={"raw": {}}),
        Step(tidy, gives=("tidied",)),
        Step(tidy, name="apart", takes=("elsewhere",), gives=("apart_tidied",)),
        Step(fit, gives=("model",)),
    )

    assert tree(nest(nodes)) == ["gather", "other", "apart", ("first-gate", ["tidy", "fit"])]


def test_gates_on_one_path_are_nested(toy: Path) -> None:
    judge = Step(function("evaluation", "judge"), gives=("verdict",))
    nodes = (
        Step(function("collection", "gather"), gives=("raw",)),
        QualityGate("first", on="raw", suites={"raw": {}}),
        Step(function("preparation", "tidy"), gives=("tidied",)),
        QualityGate("second", on="tidied", suites={"tidied": {}}),
        Step(function("training", "fit"), gives=("model",)),
        ModelGate(judge, verdict="verdict", on="model"),
        Step(function("evaluation", "judge"), name="last", gives=("second_verdict",)),
    )

    inner = ("second-gate", ["fit", ("judge", ["last"])])
    assert tree(nest(nodes)) == ["gather", ("first-gate", ["tidy", inner])]


def test_a_step_behind_two_unrelated_gates_stands_in_both_branches(toy: Path) -> None:
    gather = function("collection", "gather")
    both = Step(function("training", "fit"), takes=("left",), after=("right-gate",), gives=("model",))
    nodes = (
        Step(gather, gives=("left",)),
        Step(gather, name="other", gives=("right",)),
        QualityGate("left", on="left", suites={"left": {}}),
        QualityGate("right", on="right", suites={"right": {}}),
        both,
    )

    assert tree(nest(nodes)) == ["gather", "other", ("left-gate", [("right-gate", ["fit"])])]
