"""Definitions made with the SageMaker SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagelens.pipeline import Parameter, Pipeline, SdkStep, Step, Transform
from sagelens.pipeline.compile import compile_plan
from sagelens.pipeline.plan import Plan
from sagelens.project import Keys, Network, Project
from sagelens.values import Phase
from tests.unit.pipeline.toys import by_name, compiled, function, planned, toy_pipeline


def test_the_same_project_gives_the_same_bytes(toy: Path, project: Project) -> None:
    texts = {compile_plan(planned(toy, project), project=project.name, environment=project.environment) for _ in range(2)}

    assert len(texts) == 1


def test_a_gate_becomes_a_check_a_condition_and_a_failure(toy: Path, project: Project) -> None:
    definition = compiled(toy, project)

    assert [step["Name"] for step in definition["Steps"]] == ["gather", "raw-gate", "raw-gate-passed"]
    condition = definition["Steps"][2]["Arguments"]
    assert condition["Conditions"][0]["LeftValue"]["Std:JsonGet"]["Path"] == "passed"
    assert [step["Name"] for step in condition["IfSteps"]] == ["tidy", "fit", "judge", "judge-passed"]
    (stopped,) = condition["ElseSteps"]
    assert stopped["Type"] == "Fail"
    assert stopped["Arguments"]["ErrorMessage"]["Std:Join"]["Values"][0] == "data-gate: "


def test_artifacts_are_handed_on_by_reference(toy: Path, project: Project) -> None:
    steps = by_name(compiled(toy, project))

    inputs = {item["InputName"]: item["S3Input"] for item in steps["tidy"]["Arguments"]["ProcessingInputs"]}
    assert inputs["raw"]["S3Uri"] == {"Get": "Steps.gather.ProcessingOutputConfig.Outputs['raw'].S3Output.S3Uri"}
    channels = {item["ChannelName"]: item["DataSource"] for item in steps["fit"]["Arguments"]["InputDataConfig"]}
    assert "Steps.tidy" in json.dumps(channels["tidied"])
    judged = {item["InputName"]: item["S3Input"]["S3Uri"] for item in steps["judge"]["Arguments"]["ProcessingInputs"]}
    assert judged["model"] == {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}


def test_an_artifact_whose_name_begins_another_is_taken_as_a_folder(toy: Path, project: Project) -> None:
    """Its URI alone would be the beginning of the other one, too."""
    steps = by_name(compiled_with(toy, project, gives=("raw", "raw_figures"), takes=("raw",)))
    alone = by_name(compiled_with(toy, project, gives=("raw", "figures"), takes=("raw",)))

    raw = {"Get": "Steps.gather.ProcessingOutputConfig.Outputs['raw'].S3Output.S3Uri"}
    assert taken(steps["tidy"])["raw"] == {"Std:Join": {"On": "", "Values": [raw, "/"]}}
    assert taken(alone["tidy"])["raw"] == raw


def compiled_with(toy: Path, project: Project, *, gives: tuple[str, ...], takes: tuple[str, ...]) -> dict[str, Any]:
    pipeline = Pipeline(
        "toy",
        Step(function("collection", "gather"), gives=gives, sources={"raw": project.collection.sources["airlines"]}),
        Step(function("preparation", "tidy"), takes=takes, gives=("tidied",)),
    )
    made: dict[str, Any] = json.loads(
        compile_plan(planned(toy, project, pipeline), project=project.name, environment=project.environment)
    )
    return made


def taken(step: Mapping[str, Any]) -> dict[str, Any]:
    return {item["InputName"]: item["S3Input"]["S3Uri"] for item in step["Arguments"]["ProcessingInputs"]}


def test_a_landed_source_is_addressed_by_its_content(toy: Path, project: Project) -> None:
    def landing(plan: Plan) -> str:
        return plan.steps["gather"].landing["raw"].uri

    first = planned(toy, project)
    (toy / "toy" / "collection.py").write_text((toy / "toy" / "collection.py").read_text() + "\nX = 1\n")
    changed_code = planned(toy, project)

    assert landing(first).startswith(f"s3://{project.environment.bucket}/raw/raw/")
    assert landing(first) != landing(changed_code)


def test_parameters_reach_a_training_job_as_hyperparameters_and_through_its_environment(toy: Path, project: Project) -> None:
    arguments = by_name(compiled(toy, project))["fit"]["Arguments"]

    assert arguments["HyperParameters"] == {"depth": "4"}
    assert arguments["Environment"]["SAGELENS_PARAM_TARGET"] == {"Get": "Parameters.Target"}
    assert arguments["AlgorithmSpecification"]["ContainerEntrypoint"] == ["python3", "-m", "sagelens.job"]
    assert arguments["OutputDataConfig"]["CompressionType"] == "NONE"


def test_caching_is_on_but_where_a_step_or_the_run_forbids_it(toy: Path, project: Project) -> None:
    cached = {name for name, step in by_name(compiled(toy, project)).items() if "CacheConfig" in step}

    assert cached == {"gather", "raw-gate", "tidy", "fit"}
    assert not [step for step in by_name(compiled(toy, project, cache=False)).values() if "CacheConfig" in step]


def test_changing_one_step_leaves_the_definition_of_the_others_alone(toy: Path, project: Project) -> None:
    before = by_name(compiled(toy, project))
    (toy / "toy" / "training.py").write_text((toy / "toy" / "training.py").read_text() + "\nX = 1\n")
    after = by_name(compiled(toy, project))

    changed = {name for name in before if name != "raw-gate-passed" and before[name] != after[name]}
    assert changed == {"fit"}


def test_every_step_is_tagged_with_project_pipeline_step_and_phase(toy: Path, project: Project) -> None:
    for name in ("gather", "fit"):
        tags = {tag["Key"]: tag["Value"] for tag in by_name(compiled(toy, project))[name]["Arguments"]["Tags"]}
        assert tags["sagelens:project"] == "flights"
        assert tags["sagelens:step"] == name
        assert tags["sagelens:phase"]


def test_the_settings_of_a_step_come_from_the_environment(toy: Path, project: Project) -> None:
    larger = project.environment.jobs.model_copy(update={"instance_type": "ml.c5.4xlarge"})
    environment = project.environment.model_copy(update={"steps": {"fit": larger}})

    steps = by_name(compiled(toy, project.model_copy(update={"environment": environment})))

    assert steps["fit"]["Arguments"]["ResourceConfig"]["InstanceType"] == "ml.c5.4xlarge"
    cluster = steps["tidy"]["Arguments"]["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] == project.environment.jobs.instance_type


def test_what_is_uploaded_is_addressed_by_digest(toy: Path, project: Project) -> None:
    made = planned(toy, project)
    bucket = project.environment.bucket

    keys = {upload.uri.removeprefix(f"s3://{bucket}/").rpartition("/")[0] for upload in made.uploads}
    roots = {key.split("/")[0] for key in keys}
    assert roots == {"code", "flights-toy", "sources"}
    assert all(len(part) == 64 for key in keys for part in [key.split("/")[2 if key.startswith("flights") else 1]])


def test_a_raw_sdk_step_and_a_transform_stand_in_a_pipeline(toy: Path, project: Project) -> None:
    def create_model(session: Any, artifacts: Mapping[str, Any]) -> Any:
        from sagemaker.mlops.workflow.model_step import ModelStep
        from sagemaker.serve.model_builder import ModelBuilder

        builder = ModelBuilder(
            image_uri=project.environment.image,
            s3_model_data_url=artifacts["model"],
            role_arn=project.environment.role,
            sagemaker_session=session,
        )
        return ModelStep(name="create", step_args=builder.build())

    pipeline = Pipeline(
        "toy",
        *(node for node in toy_pipeline(project).nodes if not hasattr(node, "verdict")),
        SdkStep("create", create_model, takes=("model",), phase=Phase.REGISTRATION),
        Step(function("evaluation", "judge"), name="find", takes=("model",), gives=("reference",)),
        Transform("score", model="reference", takes="tidied", gives="scored"),
        parameters=(Parameter("Target", "late"),),
    )

    made = planned(toy, project, pipeline)
    network = Network(subnets=("subnet-0a1b",), security_groups=("sg-0a1b",))
    environment = project.environment.model_copy(update={"network": network, "keys": Keys(data="alias/data")})
    steps = by_name(json.loads(compile_plan(made, project=project.name, environment=environment)))

    model = next(step for step in steps.values() if step["Type"] == "Model")
    assert model["Arguments"]["VpcConfig"] == {"SecurityGroupIds": ["sg-0a1b"], "Subnets": ["subnet-0a1b"]}
    assert "Steps.fit.ModelArtifacts.S3ModelArtifacts" in json.dumps(model["Arguments"])
    transform = steps["score"]["Arguments"]
    assert transform["ModelName"]["Std:JsonGet"]["Path"] == "model_name"
    assert "Steps.tidy" in json.dumps(transform["TransformInput"])


def test_nothing_that_a_definition_says_is_secret_or_of_this_machine(toy: Path, project: Project) -> None:
    text = json.dumps(compiled(toy, project))

    assert str(toy) not in text
    assert "SECRET" not in text.upper()


def test_an_environment_may_change_without_touching_the_steps(toy: Path, project: Project) -> None:
    tagged = project.environment.model_copy(update={"tags": {"cost-centre": "42"}})
    made = replace(planned(toy, project))

    text = compile_plan(made, project=project.name, environment=tagged)

    assert json.dumps({"Key": "cost-centre", "Value": "42"}, separators=(",", ":")) in text
