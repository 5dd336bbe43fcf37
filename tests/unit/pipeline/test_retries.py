"""Retry policies of a definition, from the environment's settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sagelens.errors import BadConfig
from sagelens.pipeline import Job, Step
from sagelens.pipeline.retries import name_retries
from sagelens.project import Environment, JobSettings, Project, Retries, Retry
from sagelens.values import Phase

OFTEN = Retries(job=Retry(interval_seconds=7, backoff_rate=1.5, max_attempts=9))


def step(name: str, type_: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": type_, "Arguments": {}, **more}


def named(environment: Environment, *steps: dict[str, Any]) -> list[list[dict[str, Any]]]:
    name_retries(steps, environment)
    return [each.get("RetryPolicies", []) for each in steps]


def test_a_step_has_its_own_policies_or_the_environments(project: Project) -> None:
    never = Retries(job=Retry(interval_seconds=1, max_attempts=0))
    environment = project.environment.model_copy(
        update={"retry": OFTEN, "steps": {"train": JobSettings(retry=never), "deploy": JobSettings()}}
    )

    found = named(environment, step("train", "Training"), step("deploy", "Processing"), step("other", "Processing"))

    assert [policies[1] for policies in found] == [
        {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 0},
        *[{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 7, "BackoffRate": 1.5, "MaxAttempts": 9}] * 2,
    ]


def test_for_capacity_it_is_waited_for_a_time_instead_of_a_number_of_tries(project: Project) -> None:
    ((*_, capacity),) = named(project.environment.model_copy(update={"retry": Retries()}), step("train", "Training"))

    assert capacity == {
        "ExceptionType": ["SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": 60,
        "BackoffRate": 2.0,
        "ExpireAfterMin": 180,
    }


def test_only_faults_that_sagemaker_knows_for_a_type_of_step_are_named(project: Project) -> None:
    tuning, model, lambda_, condition = named(
        project.environment, *(step("s", type_) for type_ in ("Tuning", "Model", "Lambda", "Condition"))
    )

    assert [policy["ExceptionType"] for policy in tuning] == [
        ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        ["SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
    ]
    assert model[1]["ExceptionType"] == ["SageMaker.RESOURCE_LIMIT"]
    assert (lambda_, condition) == ([], [])


def test_a_step_of_the_sdk_keeps_policies_of_its_own_and_steps_in_branches_have_some(project: Project) -> None:
    own = [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2}]
    inside, other = step("inside", "Transform"), step("other", "Training")
    gate = step("gate", "Condition")
    gate["Arguments"] = {"IfSteps": [inside], "ElseSteps": [other]}

    assert named(project.environment, step("mine", "Training", RetryPolicies=own), gate)[0] == own
    assert len(inside["RetryPolicies"]) == len(other["RetryPolicies"]) == 3


@pytest.mark.parametrize("both", [{}, {"max_attempts": 3, "expire_after_minutes": 5}])
def test_a_policy_ends_in_one_way(both: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="give one of max_attempts and expire_after_minutes"):
        Retry(interval_seconds=1, **both)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"loss": "loss=[0-9]+"}, "it has no group for the number"),
        ({"loss": "loss=("}, "it is no regular expression"),
        ({"": "loss=(.*)"}, "names have 1 to 255 characters"),
        ({f"m{number}": "(.*)" for number in range(41)}, "has 41 metrics; SageMaker takes 40"),
    ],
)
def test_metrics_that_sagemaker_would_not_take_are_refused(metrics: dict[str, str], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        Step(named, name="train", job=Job.TRAINING, phase=Phase.TRAINING, takes=(), metrics=metrics)


def test_a_processing_step_has_no_metrics() -> None:
    with pytest.raises(BadConfig, match="only training jobs have metric definitions"):
        Step(named, name="prepare", phase=Phase.PREPARATION, takes=(), metrics={"loss": "(.*)"})
