"""Estimates and budgets."""

from __future__ import annotations

import pytest

from sagelens.aws.costs import Job, actual, check_budget, estimate
from sagelens.errors import Refused
from sagelens.project import Costs

TRAIN = Job(step="train", instance_type="ml.m5.xlarge", instances=2, volume_gb=30, limit=3600, spot=True)


def costs(**more: object) -> Costs:
    return Costs.model_validate({"instances": {"ml.m5.xlarge": 0.5}, **more})


def test_a_step_without_a_recorded_time_is_taken_to_run_into_its_limit() -> None:
    found = estimate([TRAIN], costs(), recorded={})

    assert (found.total, found.steps[0].basis) == (1.0, "limit")


def test_recorded_times_and_volumes_count() -> None:
    found = estimate([TRAIN], costs(volume_gb_month=0.72), recorded={"train": 1800})

    assert found.total == pytest.approx(2 * 1800 * (0.5 / 3600 + 30 * 0.72 / (30 * 24 * 3600)))
    assert found.steps[0].basis == "recorded"


def test_above_the_budget_is_refused_with_what_raises_it() -> None:
    check_budget(estimate([TRAIN], costs(budget=1.0), recorded={}))
    with pytest.raises(Refused, match=r"--set environment\.costs\.budget"):
        check_budget(estimate([TRAIN], costs(budget=0.99), recorded={}))


def test_an_instance_without_a_price_warns_and_with_a_budget_is_refused() -> None:
    other = Job(step="train", instance_type="ml.p5.48xlarge", instances=1, volume_gb=0, limit=60, spot=False)

    assert "ml.p5.48xlarge" in estimate([other], costs(), recorded={}).warnings[0]
    with pytest.raises(Refused, match=r"ml\.p5\.48xlarge"):
        check_budget(estimate([other], costs(budget=1000), recorded={}))


def test_steps_that_were_reused_cost_nothing() -> None:
    steps = [{"name": "train", "cache": "hit", "seconds": 5.0}, {"name": "train", "cache": "miss", "seconds": 3600.0}]

    found = [actual({"steps": [step]}, [TRAIN], costs())["total"] for step in steps]

    assert found == [0, 1.0]
