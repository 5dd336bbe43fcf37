"""The command gathers through S3 what a run left, and puts the page in place in one go."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagelens.cli.commands.report import deployments_of, report_path
from tests.unit.report.example import PACKAGE, START, SVG, deployment, evaluation, training
from tests.unit.report.rollouts import NEW, journal, observed


@dataclass
class Bucket:
    """Objects in memory behind the part of boto3's S3 client that the command needs."""

    objects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        uri = f"s3://{Bucket}/{Key}"
        self.asked.append(uri)
        if uri not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "GetObject")  # type: ignore[typeddict-item]
        return {"Body": io.BytesIO(self.objects[uri].encode())}

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        yield self.list_objects_v2(Bucket=Bucket, Prefix=Prefix)

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        keys = [uri.removeprefix(f"s3://{Bucket}/") for uri in self.objects]
        return {"Contents": [{"Key": key} for key in keys if key.startswith(Prefix)]}


class Executions:
    """Executions of the deployment pipeline, as boto3 lists them: the newest first."""

    def list_endpoints(self, *, MaxResults: int) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"Endpoints": []}

    def get_paginator(self, name: str) -> Executions:
        assert name == "list_pipeline_executions"
        return self

    def paginate(self, *, PipelineName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        arn = f"arn:aws:sagemaker:us-east-1:0:pipeline/{PipelineName}/execution/"
        started = {"run3": START + 500, "run2": START + 10, "run0": START - 500}
        yield {
            "PipelineExecutionSummaries": [
                {"PipelineExecutionArn": arn + id_, "StartTime": datetime.fromtimestamp(at, UTC)} for id_, at in started.items()
            ]
        }


@pytest.fixture
def bucket() -> Bucket:
    """What the steps of a training run and of a deployment left."""
    found = Bucket()
    for execution in (training(), deployment()):
        for step in execution.document["steps"]:
            record = execution.evidence.get(step["name"])
            if record is None:
                continue
            step["evidence"] = f"s3://bucket/{execution.id}/{step['name']}/evidence.json"
            found.objects[step["evidence"]] = json.dumps(record)
            for output in record["outputs"]:
                step["outputs"][output["name"]] = uri = f"s3://bucket/{execution.id}/{step['name']}/{output['name']}"
                if output["kind"] == "json":
                    found.objects[f"{uri}/value.json"] = json.dumps(execution.values[output["name"]])
                for title, svg in execution.figures.get(output["name"], {}).items():
                    found.objects[f"{uri}/{title}.svg"] = svg
        found.objects[f"s3://documents/{execution.id}"] = json.dumps(execution.document)
    return found


@pytest.fixture
def documents(bucket: Bucket) -> list[dict[str, Any]]:
    return [json.loads(bucket.objects[f"s3://documents/{id_}"]) for id_ in ("run1", "run2")]


@pytest.fixture
def connection(bucket: Bucket, tmp_path: Any) -> Any:
    environment = SimpleNamespace(bucket="bucket", name="local")
    settings = SimpleNamespace(endpoint="delays", variant="AllTraffic")
    project = SimpleNamespace(name="delays", root=tmp_path, environment=environment, deployment=settings)
    return SimpleNamespace(s3=bucket, sagemaker=Executions(), project=project, clients={}, follower=None)


def test_the_page_is_written_where_reports_are(connection: Any, documents: list[dict[str, Any]], tmp_path: Any) -> None:
    path = report_path(connection, documents)

    assert path == tmp_path / ".sagelens" / "reports" / "run1.html"
    assert [file.name for file in path.parent.glob("[!.]*")] == ["run1.html"]
    assert list(path.parent.glob(".*.part")) == []
    text = path.read_text(encoding="utf-8")
    assert "0.6884" in text
    assert "delays-0a1b" in text
    assert text.count("data:image/svg+xml;base64,") == 3


def test_the_journal_of_the_deployment_is_drawn_with_what_was_observed_of_it(
    connection: Any, documents: list[dict[str, Any]], bucket: Bucket
) -> None:
    name = f"{datetime.fromtimestamp(START, UTC):%Y%m%dT%H%M%SZ}-{NEW}.json"
    bucket.objects[f"s3://bucket/deployments/delays/{name}"] = json.dumps(journal())
    bucket.objects[f"s3://bucket/deployments-observed/delays/{name}"] = json.dumps(observed())

    text = report_path(connection, documents).read_text(encoding="utf-8")

    assert '<section id="deployment">' in text
    assert "on a clock 60 times as fast as the wall" in text


def test_a_page_is_replaced(connection: Any, documents: list[dict[str, Any]]) -> None:
    first = report_path(connection, documents).read_text(encoding="utf-8")
    documents[0]["status"] = "Stopped"

    assert report_path(connection, documents).read_text(encoding="utf-8") != first


def test_each_object_is_asked_for_once(connection: Any, documents: list[dict[str, Any]], bucket: Bucket) -> None:
    report_path(connection, documents)

    assert len(bucket.asked) == len(set(bucket.asked))


def test_a_reused_step_is_read_where_the_document_says(connection: Any, documents: list[dict[str, Any]], bucket: Bucket) -> None:
    elsewhere = evaluation() | {"label": "much-too-late"}
    step = next(step for step in documents[0]["steps"] if step["name"] == "evaluate")
    step["outputs"]["evaluation"] = "s3://bucket/earlier/evaluation"
    bucket.objects["s3://bucket/earlier/evaluation/value.json"] = json.dumps(elsewhere)

    assert "much-too-late" in report_path(connection, documents).read_text(encoding="utf-8")


def test_what_is_gone_is_left_out(connection: Any, documents: list[dict[str, Any]], bucket: Bucket) -> None:
    for uri in [uri for uri in bucket.objects if uri.startswith("s3://bucket/run1/evaluate")]:
        del bucket.objects[uri]

    text = report_path(connection, documents).read_text(encoding="utf-8")

    assert 'id="evaluation"' not in text
    assert 'data-step="evaluate"' in text
    assert SVG not in text


@pytest.mark.parametrize(("package", "found"), [(PACKAGE, ["run2"]), (PACKAGE + "0", [])])
def test_the_deployment_of_the_package_that_a_run_registered_is_found(
    connection: Any, documents: list[dict[str, Any]], bucket: Bucket, package: str, found: list[str]
) -> None:
    documents[1]["parameters"]["ModelPackageArn"] = package
    for id_ in ("run0", "run2", "run3"):
        document = documents[1] | {"execution_id": id_}
        bucket.objects[f"s3://bucket/delays-deployment/{id_}/execution.json"] = json.dumps(document)

    assert [document["execution_id"] for document in deployments_of(connection, documents[0])] == found


def test_a_deployment_has_none_that_followed(connection: Any, documents: list[dict[str, Any]]) -> None:
    assert list(deployments_of(connection, documents[1])) == []
