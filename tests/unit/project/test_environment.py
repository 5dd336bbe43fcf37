"""What an environment may say, and what it is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sagelens.project import Environment, JobSettings, lint, load_project

ROOT = Path(__file__).resolve().parents[3]
STAGING = load_project(ROOT, environment="staging").environment


def staging(**changes: Any) -> Environment:
    return Environment.model_validate({**STAGING.model_dump(), **changes})


@pytest.mark.parametrize("name", ["local", "dev", "staging", "production"])
def test_the_projects_own_environments_have_nothing_to_warn_of(name: str) -> None:
    assert lint(load_project(ROOT, environment=name).environment) == ()


def test_disks_that_the_key_does_not_encrypt_are_told() -> None:
    disks = staging(jobs=JobSettings(instance_type="ml.m5d.xlarge").model_dump())

    (warning,) = lint(disks)

    assert warning.startswith("environment.jobs.instance_type ml.m5d.xlarge has disks of its own")
    assert lint(disks.model_copy(update={"keys": disks.keys.model_copy(update={"volumes": None})})) == ()


def test_an_environment_on_aws_without_network_and_key_is_told() -> None:
    told = lint(staging(network=None, keys={}))

    assert [warning.split(" is not set")[0] for warning in told] == ["environment.network", "environment.keys.data"]


def test_spot_for_every_job_is_told_to_hold_for_training_alone() -> None:
    (warning,) = lint(staging(jobs={"spot": True}))

    assert "which only training jobs have" in warning


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"keys": {"volumes": "alias/sagelens-flights-volumes"}}, "no alias such as alias/sagelens-flights-volumes"),
        ({"tags": {"sagelens:step": "mine"}}, "sagelens:step cannot be set"),
        ({"tags": {"owner": "a<b"}}, "String should match pattern"),
        ({"jobs": {"spot": True, "keep_alive_seconds": 60}}, "exclude each other"),
        ({"jobs": {"spot": True, "max_wait_seconds": 60}}, "at least max_runtime_seconds, 3600"),
    ],
)
def test_what_aws_would_refuse_is_refused_before(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        staging(**changes)


def test_a_spot_job_waits_twice_its_time_unless_told_otherwise() -> None:
    assert JobSettings(spot=True, max_runtime_seconds=7200).spot_seconds == 14400
    assert JobSettings(spot=True, max_runtime_seconds=432000).spot_seconds == 864000
    assert JobSettings(spot=True, max_wait_seconds=4000).spot_seconds == 4000
    assert JobSettings().spot_seconds is None


def test_each_kind_of_work_has_its_role_or_the_environments() -> None:
    one = staging(roles={"training": "arn:aws:iam::111122223333:role/trains"})

    assert one.role_of("training") == "arn:aws:iam::111122223333:role/trains"
    assert one.role_of("deployment") == STAGING.role
