"""Running on AWS, with the local service in the place of AWS: the same API, asked and followed from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import Outcome
from tests.integration.pretended import BUCKET, Pretended

# What AWS's API does not tell; docs/aws.md says the same.
NOT_TOLD = {"target", "tracking"}
NOT_TOLD_OF_STEPS = {"cache_miss_reason"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretended]:
    pretended = Pretended(tmp_path_factory.mktemp("pretended"))
    yield pretended
    pretended.workspace.run("local", "stop")


@pytest.fixture(scope="module")
def ran(aws: Pretended) -> Outcome:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return aws.run("run", "training", "--json")


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    steps = [{name: value for name, value in step.items() if name not in NOT_TOLD_OF_STEPS} for step in document["steps"]]
    told = {name: value for name, value in document.items() if name not in NOT_TOLD} | {"steps": steps}
    return dict(rounded(told))


def rounded(value: Any) -> Any:
    """The API has times in milliseconds."""
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def test_without_the_bucket_nothing_starts_and_infra_is_named(aws: Pretended) -> None:
    outcome = aws.run("run", "training", "--set", "environment.bucket=not-there-at-all", "--json")

    assert outcome.code == 2
    assert "There is no bucket 'not-there-at-all'" in outcome.err
    assert "infra/" in outcome.err


def test_credentials_of_another_account_are_refused(aws: Pretended) -> None:
    outcome = aws.run("run", "training", "--set", "environment.account='999999999999'", "--json")

    assert outcome.code == 8
    assert "account 999999999999, but these credentials belong to 000000000000" in outcome.err


def test_a_run_above_the_budget_sends_nothing(aws: Pretended, ran: Outcome) -> None:
    executions = aws.client("sagemaker").list_pipeline_executions(PipelineName="flights-training")["PipelineExecutionSummaries"]

    outcome = aws.run("run", "training", "--set", "environment.costs.budget=0.0000001", "--json")

    assert outcome.code == 8
    assert "--set environment.costs.budget" in outcome.err
    after = aws.client("sagemaker").list_pipeline_executions(PipelineName="flights-training")["PipelineExecutionSummaries"]
    assert len(after) == len(executions) == 1


def test_a_run_is_followed_priced_and_tracked(aws: Pretended, ran: Outcome) -> None:
    assert ran.code == 6, ran.err  # waits for approval
    cost = ran.json["cost"]["flights-training"]
    document = aws.document(ran.json["execution_arn"], BUCKET)
    assert ran.json["metrics"]["roc_auc"] > 0.6
    assert "Estimated cost: " in ran.err
    assert {step["basis"] for step in cost["estimate"]["steps"]} == {"limit"}
    assert 0 < cost["actual"]["total"] < cost["estimate"]["total"]
    assert document["tracking"]["steps"].keys() == {step["name"] for step in document["steps"]}


def test_the_document_made_from_the_api_is_the_one_that_the_service_wrote(aws: Pretended, ran: Outcome) -> None:
    arn = aws.workspace.run("run", "training", "--no-deploy", "--json").json["execution_arn"]

    written = aws.document(arn, "sagelens-flights")

    assert comparable(aws.followed(arn, "followed")) == comparable(written)


def test_the_next_estimate_counts_with_recorded_times(aws: Pretended, ran: Outcome) -> None:
    outcome = aws.run("run", "training", "--dry-run", "--json")

    estimate = outcome.json["estimates"]["flights-training"]
    assert {step["basis"] for step in estimate["steps"]} == {"recorded"}
    assert estimate["total"] < ran.json["cost"]["flights-training"]["estimate"]["total"]


def test_a_follower_that_comes_later_and_the_logs_find_the_same_execution(aws: Pretended, ran: Outcome) -> None:
    run = ran.json["execution_arn"].rpartition("/")[2]

    followed = aws.run("follow", run, "--json")
    logs = aws.run("logs", run, "train")

    assert followed.code == 6, followed.err
    assert followed.json["metrics"] == ran.json["metrics"]
    assert logs.code == 0, logs.err


def test_a_job_that_fails_is_told_with_the_end_of_its_log_and_by_the_same_document(aws: Pretended, ran: Outcome) -> None:
    source = aws.workspace.root / "steps" / "preparation.py"
    good = source.read_text()
    source.write_text(
        good.replace("    _refuse_leaks(leaks, label)\n", "    print('about to fail')\n    raise BadData('no rows')\n", 1)
    )
    try:
        outcome = aws.run("run", "training", "--json")
        arn = aws.workspace.run("run", "training", "--no-deploy", "--json").json["execution_arn"]
    finally:
        source.write_text(good)

    assert outcome.code == 2, outcome.err
    assert "about to fail" in outcome.err.partition("The last lines of step 'prepare'")[2]
    assert comparable(aws.followed(arn, "followed-failure")) == comparable(aws.document(arn, "sagelens-flights"))


def test_ctrl_c_leaves_what_is_followed_running_and_stop_stops_it(aws: Pretended, ran: Outcome) -> None:
    running = aws.background("run", "training", "--no-cache", "--no-deploy")
    arn = newest(aws, "Executing", beside=ran.json["execution_arn"])
    run = arn.rpartition("/")[2]

    followed = aws.interrupted("follow", run, after="Executing")
    still = status(aws, arn)
    stopped = aws.run("stop", run, "--json")
    again = aws.run("stop", run, "--json")
    running.communicate(timeout=120)

    assert followed.code == 130, followed.err
    assert f"runs on. `sagelens follow {run} --env pretended` follows it again" in followed.err
    assert f"`sagelens stop {run} --env pretended` stops it" in followed.err
    assert still == "Executing"
    assert (stopped.code, stopped.json["status"], stopped.json["ended_before"]) == (0, "Stopped", False)
    assert (again.code, again.json["status"], again.json["ended_before"]) == (0, "Stopped", True)
    assert running.returncode not in {0, 130}


def test_ctrl_c_stops_what_the_command_has_started(aws: Pretended, ran: Outcome) -> None:
    outcome = aws.interrupted("run", "training", "--no-cache", "--no-deploy", after="Executing")

    assert outcome.code == 130, outcome.err
    assert "was stopped (Stopped)" in outcome.err


def newest(aws: Pretended, state: str, *, beside: str) -> str:
    """The newest execution of training once it is another one than that, and in this state."""
    for _ in range(600):
        (newest, *_) = aws.client("sagemaker").list_pipeline_executions(
            PipelineName="flights-training", SortBy="CreationTime", SortOrder="Descending"
        )["PipelineExecutionSummaries"]
        arn = str(newest["PipelineExecutionArn"])
        if arn != beside and newest["PipelineExecutionStatus"] == state:
            return arn
        time.sleep(0.05)
    pytest.fail("no new execution began")


def status(aws: Pretended, arn: str) -> str:
    return str(aws.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])


def test_every_command_sends_only_what_is_reviewed(aws: Pretended, ran: Outcome) -> None:
    """Each `run` of this module fails on a request that is not; here are the commands that no other test needs."""
    run = ran.json["execution_arn"].rpartition("/")[2]
    request = "configs/examples/request.json"
    commands = {
        ("runs",): "list_pipeline_executions",
        ("show", run): "describe_pipeline_execution",
        ("report", run): "get_object",
        ("models", "list"): "list_model_packages",
        ("models", "show", "1"): "describe_model_package",
        ("models", "approve", "1", "--reason", "good"): "update_model_package",
        ("deploy", "1", "--plan"): "describe_model_package",
        ("deploy", "1"): "start_pipeline_execution",
        ("endpoints",): "describe_endpoint",
        ("endpoints", "--history"): "list_objects_v2",
        ("invoke", "flights", request): "invoke_endpoint",
        ("traffic", "flights", request, "--seconds", "1", "--rate", "2"): "invoke_endpoint",
        ("run", "scoring"): "start_pipeline_execution",
    }

    for command, sent in commands.items():
        outcome = aws.run(*command)
        assert outcome.code == 0, (command, outcome.err)
        assert sent in outcome.err.rpartition("recorded: ")[2].split(), command
