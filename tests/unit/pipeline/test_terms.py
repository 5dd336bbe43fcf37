"""Under which terms a job runs, beyond what the project's own configs use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.pipeline import Step
from sagelens.pipeline.compile import compile_plan
from sagelens.pipeline.terms import is_isolated, role_kind
from sagelens.project import JobSettings, Project
from sagelens.values import Phase, SageMakerClient, has_local_storage
from tests.unit.pipeline.toys import by_name, planned

VOLUMES = "arn:aws:kms:eu-west-1:111122223333:key/e2000000-0000-4000-8000-000000000002"


def calls(*, sagemaker: SageMakerClient) -> None: ...


def computes(rows: str) -> None: ...


def arguments(toy: Path, project: Project, **changes: Any) -> dict[str, dict[str, Any]]:
    environment = project.environment.model_copy(update=changes)
    made = planned(toy, project.model_copy(update={"environment": environment}))
    text = compile_plan(made, project=project.name, environment=environment)
    return {name: step.get("Arguments", {}) for name, step in by_name(json.loads(text)).items()}


@pytest.mark.parametrize(
    ("instance_type", "local"),
    [
        ("ml.m5.xlarge", False),
        ("ml.c7i.4xlarge", False),
        ("ml.t3.medium", False),
        ("ml.inf2.xlarge", False),
        ("ml.m5d.xlarge", True),
        ("ml.m6gd.large", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.2xlarge", True),
        ("ml.p4de.24xlarge", True),
        ("ml.trn1.2xlarge", True),
    ],
)
def test_instances_with_disks_of_their_own_are_known(instance_type: str, local: bool) -> None:
    assert has_local_storage(instance_type) is local


def test_a_key_for_the_volume_is_left_out_where_the_instance_refuses_it(toy: Path, project: Project) -> None:
    keys = project.environment.keys.model_copy(update={"volumes": VOLUMES})
    disks = JobSettings(instance_type="ml.m5d.xlarge")

    asked = arguments(toy, project, keys=keys, steps={"fit": disks, "tidy": disks})

    assert "VolumeKmsKeyId" not in asked["fit"]["ResourceConfig"]
    assert "VolumeKmsKeyId" not in asked["tidy"]["ProcessingResources"]["ClusterConfig"]
    assert asked["gather"]["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == VOLUMES


def test_traffic_between_several_instances_is_encrypted(toy: Path, project: Project) -> None:
    several = JobSettings(instance_count=2)

    asked = arguments(toy, project, steps={"fit": several, "tidy": several})

    assert asked["fit"]["EnableInterContainerTrafficEncryption"] is True
    assert asked["tidy"]["NetworkConfig"]["EnableInterContainerTrafficEncryption"] is True
    assert "EnableInterContainerTrafficEncryption" not in asked["gather"]["NetworkConfig"]


def test_other_code_other_parameters_or_another_image_keep_checkpoints_elsewhere(toy: Path, project: Project) -> None:
    def kept(**changes: Any) -> str:
        uri: str = arguments(toy, project, steps={"fit": JobSettings(spot=True)}, **changes)["fit"]["CheckpointConfig"]["S3Uri"]
        return uri

    first = kept()
    assert kept(tags={"cost-centre": "42"}) == first
    other_image = kept(image="sagelens:other")
    training = toy / "toy" / "training.py"
    training.write_text(training.read_text() + "\nX = 1\n")

    assert len({first, other_image, kept()}) == 3


def test_whose_role_a_step_has_follows_from_what_it_does() -> None:
    assert role_kind(Step(calls, phase=Phase.DEPLOYMENT)) == "deployment"
    assert role_kind(Step(calls, phase=Phase.EVALUATION)) == "registration"
    assert role_kind(Step(calls, phase=Phase.PREPARATION)) == "processing"
    assert role_kind(Step(computes, phase=Phase.DEPLOYMENT)) == "processing"


def test_the_environment_has_the_last_word_on_isolation() -> None:
    caller, computing = Step(calls, phase=Phase.REGISTRATION), Step(computes, phase=Phase.PREPARATION)

    assert (is_isolated(caller, JobSettings()), is_isolated(computing, JobSettings())) == (False, True)
    assert is_isolated(caller, JobSettings(isolation=True))
    assert not is_isolated(computing, JobSettings(isolation=False))


def test_annotations_that_the_job_could_not_resolve_are_refused(toy: Path) -> None:
    def unclear(*, table: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037

    with pytest.raises(BadConfig, match=r"'unclear' cannot be resolved.*not under TYPE_CHECKING"):
        _ = Step(unclear, phase=Phase.PREPARATION).services
