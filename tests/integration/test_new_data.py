"""New data retrain: what lies in S3 is read again when it has changed, whoever starts the run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from tests.integration.conftest import Workspace, workspace_at

PIPELINE = """\
from sagelens.pipeline import Parameter, Pipeline, Step
from sagelens.project import Project
from sagelens.values import Phase
from steps.collection import collect
from steps.arrivals import count


def arrivals(project: Project) -> Pipeline:
    return Pipeline(
        "arrivals",
        Step(collect, gives=("airlines", "collection"), sources={"airlines": project.collection.sources["airlines"]}),
        Step(count, gives=("metrics",), phase=Phase.PREPARATION),
        parameters=(Parameter("EventId", "nobody"),),
    )
"""
STEP = """\
from sagelens.data import Table
from sagelens.values import Metrics


def count(airlines: Table) -> Metrics:
    return Metrics(rows=float(airlines.count().to_pyarrow().as_py()))
"""
ARRIVAL = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"bucket": {"name": ["arrivals"]}, "object": {"key": [{"suffix": "_SUCCESS"}]}},
}


class Arrivals:
    """A project with one source in the local service's S3."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        aws = workspace.aws()
        session = boto3.session.Session(
            aws["AWS_ACCESS_KEY_ID"], aws["AWS_SECRET_ACCESS_KEY"], region_name=aws["AWS_DEFAULT_REGION"]
        )
        self.s3 = session.client("s3", endpoint_url=aws["AWS_ENDPOINT_URL_S3"])
        self.sagemaker = session.client("sagemaker", endpoint_url=aws["AWS_ENDPOINT_URL_SAGEMAKER"])
        self.events = session.client("events", endpoint_url=aws["AWS_ENDPOINT_URL_EVENTBRIDGE"])

    def put(self, name: str, *rows: str) -> None:
        body = "\n".join(["carrier,name", *rows, ""])
        self.s3.put_object(Bucket="arrivals", Key=f"airlines/{name}", Body=body.encode())

    def arrived(self) -> str:
        detail = {"bucket": {"name": "arrivals"}, "object": {"key": "airlines/_SUCCESS"}}
        entry = {"Source": "aws.s3", "DetailType": "Object Created", "Detail": json.dumps(detail)}
        return str(self.events.put_events(Entries=[entry])["Entries"][0]["EventId"])

    def rows(self) -> float:
        """What the step of the last run counted."""
        found = self.s3.list_objects_v2(Bucket="sagelens-flights", Prefix="flights-arrivals/")["Contents"]
        last = max((item for item in found if item["Key"].endswith("/metrics.json")), key=lambda item: item["LastModified"])
        return float(json.loads(self.s3.get_object(Bucket="sagelens-flights", Key=last["Key"])["Body"].read())["rows"])

    def run_number(self, number: int) -> dict[str, Any]:
        """The execution with this number, from 1, once it has ended: whether its steps were reused, and what it was given."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            listed = self.sagemaker.list_pipeline_executions(PipelineName="flights-arrivals", SortOrder="Ascending")
            summaries = listed["PipelineExecutionSummaries"]
            if len(summaries) >= number and summaries[number - 1]["PipelineExecutionStatus"] not in {"Executing", "Stopping"}:
                return self._told(summaries[number - 1])
            time.sleep(0.1)
        raise AssertionError(f"There is no execution {number} after a minute.")

    def _told(self, summary: dict[str, Any]) -> dict[str, Any]:
        arn = summary["PipelineExecutionArn"]
        steps = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        given = self.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
        return {
            "status": summary["PipelineExecutionStatus"],
            "reused": {step["StepName"] for step in steps if "CacheHitResult" in step},
            "parameters": {parameter["Name"]: parameter["Value"] for parameter in given},
        }


@pytest.fixture
def arrivals(tmp_path: Path) -> Iterator[Arrivals]:
    workspace = workspace_at(tmp_path)
    (tmp_path / "pipelines" / "arrivals.py").write_text(PIPELINE)
    (tmp_path / "steps" / "arrivals.py").write_text(STEP)
    config = tmp_path / "configs" / "flights.yaml"
    project = yaml.safe_load(config.read_text())
    project["collection"]["sources"]["airlines"] |= {"uri": "s3://arrivals/airlines", "format": "csv"}
    config.write_text(yaml.safe_dump(project))
    workspace.run("local", "start")
    made = Arrivals(workspace)
    made.s3.create_bucket(Bucket="arrivals")
    made.put("a.csv", "AA,American")
    yield made
    workspace.run("local", "stop")


def test_unchanged_data_are_reused_and_changed_data_are_read_by_rules_and_by_commands(arrivals: Arrivals) -> None:
    first = arrivals.workspace.run("run", "arrivals", "--json")
    assert first.code == 0, first.err
    assert not arrivals.run_number(1)["reused"]
    pipeline = arrivals.sagemaker.describe_pipeline(PipelineName="flights-arrivals")
    arrivals.events.put_rule(Name="arrived", EventPattern=json.dumps(ARRIVAL))
    role = "arn:aws:iam::000000000000:role/events"
    arrivals.events.put_targets(Rule="arrived", Targets=[{"Id": "run", "Arn": pipeline["PipelineArn"], "RoleArn": role}])

    arrivals.arrived()
    same = arrivals.run_number(2)
    arrivals.put("b.csv", "UA,United")
    event = arrivals.arrived()
    changed = arrivals.run_number(3)
    again = arrivals.workspace.run("run", "arrivals", "--json")

    assert same["reused"] == {"collect", "count"}
    assert (changed["status"], changed["reused"]) == ("Succeeded", set())
    assert changed["parameters"]["EventId"] == event
    assert changed["parameters"]["DataVersion-airlines"] != same["parameters"]["DataVersion-airlines"]
    assert {name for name, step in again.steps().items() if step["cache"] == "hit"} == {"collect", "count"}
    assert arrivals.rows() == 2
    assert (
        arrivals.sagemaker.describe_pipeline(PipelineName="flights-arrivals")["PipelineDefinition"]
        == (pipeline["PipelineDefinition"])
    )


def test_a_run_that_is_told_no_version_is_refused(arrivals: Arrivals) -> None:
    assert arrivals.workspace.run("run", "arrivals").code == 0

    with pytest.raises(arrivals.sagemaker.exceptions.ClientError, match="DataVersion-airlines has no default and was not given"):
        arrivals.sagemaker.start_pipeline_execution(PipelineName="flights-arrivals", ClientRequestToken="t" * 32)
