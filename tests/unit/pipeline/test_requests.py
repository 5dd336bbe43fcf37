"""What every pipeline sends in every environment: valid, complete, the same each time, and without a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.pipelines.retry import parse_policies
from sagelens.pipeline.compile import compile_plan
from sagelens.pipeline.compose import load_pipeline
from sagelens.pipeline.pipeline import SdkStep
from sagelens.pipeline.plan import SourceFiles, plan
from sagelens.pipeline.terms import connected_steps
from sagelens.project import Project, load_project
from sagelens.project.code import CodeReader
from sagelens.training import metric_line

ROOT = Path(__file__).resolve().parents[3]
ON_AWS = ("dev", "staging", "production")
PIPELINES = ("training", "scoring", "deployment")
CALLS = {"Processing": "CreateProcessingJob", "Training": "CreateTrainingJob", "Transform": "CreateTransformJob"}
CONNECTED = {
    "training": ("collect", "model-gate", "register"),
    "scoring": ("collect", "find-model"),
    "deployment": ("deploy", "smoke-test"),
}
"""The named list, as docs/aws.md has it."""
ROLES = {
    "model-gate": "registration",
    "register": "registration",
    "find-model": "scoring",
    "deploy": "deployment",
    "smoke-test": "deployment",
    "baseline": "training",
    "train": "training",
}
SECRET = re.compile(r"(?<![A-Za-z0-9/+])(AKIA|ASIA)[A-Z0-9]{16}|BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{30,}")
SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an ordinary shell; none may get into a request."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00")


@cache
def project(environment: str) -> Project:
    return load_project(ROOT, environment=environment)


def compiled(pipeline: str, environment: str, memory: Path) -> str:
    loaded = project(environment)
    sources = {name: SourceFiles(source, "d" * 64) for name, source in loaded.collection.sources.items()}
    reader = CodeReader({"steps": ROOT, "pipelines": ROOT, "sagelens": ROOT}, memory)
    planned = plan(load_pipeline(loaded, pipeline), loaded, code=reader, sources=sources)
    reader.save()
    return compile_plan(planned, project=loaded.name, environment=loaded.environment)


_KEPT: dict[tuple[str, str], dict[str, Any]] = {}


@pytest.fixture
def definition(pipeline: str, environment: str, imports_memory: Path) -> dict[str, Any]:
    if (pipeline, environment) not in _KEPT:
        _KEPT[pipeline, environment] = json.loads(compiled(pipeline, environment, imports_memory))
    return _KEPT[pipeline, environment]


def steps_of(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from steps_of(step.get("Arguments", {}).get(branch, []))


def jobs(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in steps_of(definition["Steps"]) if step["Type"] in CALLS]


def resolved(value: Any) -> Any:
    """A request with text in place of what is known only when the pipeline runs."""
    if isinstance(value, dict):
        if "Get" in value or "Std:JsonGet" in value:
            return "s3-or-name"
        if "Std:Join" in value:
            return "/".join(map(str, map(resolved, value["Std:Join"]["Values"])))
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


def every(environments: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("pipeline", "environment"), [(p, e) for e in environments for p in PIPELINES])


@every(("local", *ON_AWS))
def test_compiled_twice_the_bytes_are_the_same(pipeline: str, environment: str, imports_memory: Path) -> None:
    first = compiled(pipeline, environment, imports_memory)

    assert compiled(pipeline, environment, imports_memory) == first
    _KEPT[pipeline, environment] = json.loads(first)


@every(("local", *ON_AWS))
def test_every_request_is_one_that_sagemaker_understands(definition: dict[str, Any]) -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    service = botocore.session.get_session().get_service_model("sagemaker")
    assert jobs(definition)
    for step in jobs(definition):
        operation = service.operation_model(CALLS[step["Type"]])
        request = {f"{step['Type']}JobName": "job", **resolved(step["Arguments"])}
        report = ParamValidator().validate(request, operation.input_shape)
        assert not report.has_errors(), f"{step['Name']}: {report.generate_report()}"


@every(ON_AWS)
def test_every_job_has_role_network_keys_tags_and_an_end(definition: dict[str, Any], pipeline: str, environment: str) -> None:
    place = project(environment).environment
    assert place.network is not None
    vpc = {"SecurityGroupIds": list(place.network.security_groups), "Subnets": list(place.network.subnets)}
    for step in jobs(definition):
        asked, name = step["Arguments"], step["Name"]
        tags = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
        assert tags.items() >= {"sagelens:project": "flights", "sagelens:environment": environment, **place.tags}.items(), name
        assert (tags["sagelens:pipeline"], tags["sagelens:step"]) == (pipeline, name)
        assert keys_of(step) == {place.keys.data, place.keys.volumes}, name
        if step["Type"] != "Transform":  # one has neither role, nor network, nor end: those are its model's
            assert asked["RoleArn"] == place.role_of(ROLES.get(name, "processing")), name
            assert asked["StoppingCondition"]["MaxRuntimeInSeconds"] >= 60, name
            network = asked["NetworkConfig"] if step["Type"] == "Processing" else asked
            assert network["VpcConfig"] == vpc, name
            assert network["EnableNetworkIsolation"] is (name not in CONNECTED[pipeline]), name


def keys_of(step: dict[str, Any]) -> set[str | None]:
    asked = step["Arguments"]
    if step["Type"] == "Processing":
        return {
            asked["ProcessingOutputConfig"]["KmsKeyId"],
            asked["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"],
        }
    if step["Type"] == "Training":
        return {asked["OutputDataConfig"]["KmsKeyId"], asked["ResourceConfig"]["VolumeKmsKeyId"]}
    return {asked["TransformOutput"]["KmsKeyId"], asked["TransformResources"]["VolumeKmsKeyId"]}


@every(("local", *ON_AWS))
def test_the_steps_that_are_not_isolated_are_those_on_the_named_list(pipeline: str, environment: str) -> None:
    loaded = project(environment)
    composed = load_pipeline(loaded, pipeline)

    assert connected_steps(composed, loaded.environment) == CONNECTED[pipeline]
    assert not [node for node in composed.nodes if isinstance(node, SdkStep)]


def test_the_documentation_has_the_named_list() -> None:
    page = (ROOT / "docs" / "aws.md").read_text()

    named = {name for names in CONNECTED.values() for name in names}
    table = page.partition("<!-- steps that call something -->")[2].partition("<!-- end -->")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == named


@every(("local", *ON_AWS))
def test_no_request_holds_a_secret(definition: dict[str, Any]) -> None:
    text = json.dumps(definition)

    assert not SECRET.search(text)
    assert "wJalrXUtnFEMI" not in text
    for step in jobs(definition):
        assert not [name for name in step["Arguments"].get("Environment", {}) if SECRET_NAME.search(name)], step["Name"]


@pytest.mark.parametrize(("pipeline", "environment"), [("training", "staging")])
def test_spot_training_keeps_its_checkpoints_where_the_same_work_finds_them(definition: dict[str, Any]) -> None:
    asked = next(step["Arguments"] for step in jobs(definition) if step["Name"] == "train")
    kept = asked["CheckpointConfig"]

    assert asked["EnableManagedSpotTraining"] is True
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 10800}
    assert kept["LocalPath"] == "/opt/ml/checkpoints"
    bucket = project("staging").environment.bucket
    assert re.fullmatch(rf"s3://{bucket}/flights-training/checkpoints/[0-9a-f]{{64}}", kept["S3Uri"])
    assert not [step["Name"] for step in jobs(definition) if "CheckpointConfig" in step["Arguments"] and step["Name"] != "train"]


@pytest.mark.parametrize(("pipeline", "environment"), [("training", "dev")])
def test_a_warm_pool_is_asked_for_where_the_config_has_one(definition: dict[str, Any]) -> None:
    kept = {
        step["Name"]: step["Arguments"]["ResourceConfig"]["KeepAlivePeriodInSeconds"]
        for step in jobs(definition)
        if step["Type"] == "Training"
    }

    assert kept == {"baseline": 600, "train": 600}


@every(("local", *ON_AWS))
def test_every_job_is_tried_again_for_the_faults_that_pass(definition: dict[str, Any], environment: str) -> None:
    kinds = [
        ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        ["SageMaker.JOB_INTERNAL_ERROR"],
        ["SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
    ]
    for step in jobs(definition):
        assert [policy["ExceptionType"] for policy in step["RetryPolicies"]] == kinds, step["Name"]
        assert parse_policies(step["Name"], step["RetryPolicies"])
    others = [step for step in steps_of(definition["Steps"]) if step["Type"] in {"Condition", "Fail"}]
    assert not [step["Name"] for step in others if "RetryPolicies" in step]


@pytest.mark.parametrize(("pipeline", "environment"), [("training", "staging")])
def test_training_jobs_name_the_metrics_that_their_steps_print(definition: dict[str, Any]) -> None:
    found = {
        step["Name"]: {each["Name"]: each["Regex"] for each in step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"]}
        for step in jobs(definition)
        if step["Type"] == "Training"
    }

    assert {name: set(metrics) for name, metrics in found.items()} == {
        "baseline": {"train-accuracy", "train-iterations"},
        "train": {"validation-logloss"},
    }
    match = re.search(found["train"]["validation-logloss"], metric_line("validation-logloss", 0.5125, round_=7))
    assert match is not None
    assert match[1] == "0.512500"


@pytest.mark.parametrize(("pipeline", "environment"), [(name, "local") for name in PIPELINES])
def test_here_there_is_no_network_to_join_and_no_key(definition: dict[str, Any]) -> None:
    text = json.dumps(definition)

    assert "VpcConfig" not in text
    assert "KmsKeyId" not in text
    assert "EnableNetworkIsolation" in text
