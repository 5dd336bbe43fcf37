"""What `--dry-run` lists, for every pipeline and environment, with no network at all."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from infra.permissions.requests import CALLS
from sagelens.aws.requests import DryClients, check
from sagelens.cli.app import run_app

ROOT = Path(__file__).parents[3]
PIPELINES = sorted(path.stem for path in (ROOT / "pipelines").glob("*.py") if not path.stem.startswith("_"))
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "configs" / "environments").glob("*.yaml"))
REVIEWED = {call.method for call in CALLS}
BY_SERVICE = {"CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob"}
PRICES = "environment.costs={instances: {ml.m5.xlarge: 0.23, ml.m5.large: 0.115, ml.t3.medium: 0.05}, budget: 50}"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither credentials nor a network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(ROOT)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def parameters(pipeline: str) -> list[str]:
    package = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/flights/3"
    return ["--parameter", f"ModelPackageArn={package}"] if pipeline == "deployment" else []


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run_app([*arguments, "--dry-run", "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_request_is_listed_valid_and_reviewed(capsys: pytest.CaptureFixture[str], pipeline: str, environment: str) -> None:
    arguments = ["run", pipeline, "--env", environment, "--no-deploy", *parameters(pipeline)]

    code, found = listed(capsys, *arguments, "--set", PRICES)

    assert code == 0
    own = [request["operation"] for request in found["requests"] if request["sender"] == "this command"]
    jobs = [request for request in found["requests"] if request["sender"] == "SageMaker Pipelines"]
    assert own[-2:] == ["CreatePipeline", "StartPipelineExecution"]
    assert {xform_name(operation) for operation in own} <= REVIEWED
    assert jobs
    assert {request["operation"] for request in jobs} <= BY_SERVICE
    assert found["sent"] == 0


def test_twice_the_same_bytes_and_no_path_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for _ in range(2):
        assert run_app(["run", "training", "--env", "staging", "--dry-run", "--json"]) == 0
        texts.append(capsys.readouterr().out)

    assert texts[0] == texts[1]
    assert str(ROOT) not in texts[0]


def test_what_one_step_hands_to_another_is_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = listed(capsys, "run", "training", "--env", "staging")

    by_step = {request["step"]: request["parameters"] for request in found["requests"] if request["step"]}
    given = {
        output["OutputName"]: output["S3Output"]["S3Uri"] for output in by_step["collect"]["ProcessingOutputConfig"]["Outputs"]
    }
    taken = {one["InputName"]: one["S3Input"]["S3Uri"] for one in by_step["prepare"]["ProcessingInputs"]}
    assert taken["flights"] == given["flights"]
    assert by_step["train"]["TrainingJobName"] in json.dumps(by_step["package"]["ProcessingInputs"])


def test_a_secret_in_a_tag_is_refused_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "AKIA" + "Q" * 16

    code = run_app(["run", "training", "--env", "staging", "--dry-run", "--set", f"environment.tags={{owner: {secret}}}"])

    shown = capsys.readouterr()
    assert code == 2
    assert "an AWS access key" in shown.err
    assert secret not in shown.out + shown.err


def test_a_request_that_aws_would_refuse_is_an_error_here(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_app(["run", "training", "--env", "staging", "--dry-run", "--set", "environment.jobs.instance_type=ml.none.huge"])

    assert code == 2
    assert "ml.none.huge" in capsys.readouterr().err


def test_above_the_budget_the_estimate_is_shown_and_the_run_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = listed(capsys, "run", "training", "--env", "staging", "--set", PRICES.replace("budget: 50", "budget: 0.5"))

    assert code == 8
    assert found["estimates"]["flights-training"]["total"] > 0.5
    assert found["error"]["kind"] == "refused"


def test_a_deployment_lists_its_pipeline_and_prices_the_second_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = listed(capsys, "deploy", "3", "--env", "staging", "--set", PRICES)

    endpoint = found["estimates"]["flights-deployment"]["endpoint"]
    assert code == 0
    assert endpoint["hourly"] == pytest.approx(3 * 0.115)
    assert endpoint["deployment"] > 0
    assert run_app(["deploy", "latest", "--env", "staging", "--dry-run"]) == 2


def test_a_large_file_is_listed_part_by_part_in_order(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(20 * 1024 * 1024))
    clients = DryClients("eu-west-1", "111122223333")

    clients.get("s3").upload_file(str(large), "flights-bucket", "sources/large.bin")

    assert [(check(one).operation, one.size) for one in clients.requests] == [
        ("CreateMultipartUpload", 0),
        ("UploadPart", 8 * 1024 * 1024),
        ("UploadPart", 8 * 1024 * 1024),
        ("UploadPart", 4 * 1024 * 1024),
        ("CompleteMultipartUpload", 0),
    ]
