"""What starts a pipeline on AWS, and that one approval, delivery or tick of the clock starts one execution."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from infra.functions import starter
from infra.functions.source import source
from infra.patterns import approval, arrival
from infra.permissions.place import Place
from infra.settings import load
from sagelens.local.events.pattern import parse_pattern

SETTINGS = load()
PLACE = Place(SETTINGS, SETTINGS.environments[0])
PACKAGE = PLACE.sagemaker("model-package/flights/3")
PIPELINES = {"training": "flights-training", "deployment": "flights-deployment"}
SOURCE = f"s3://{PLACE.data_bucket}/flights/"


def changed(*fields: str, event_id: str = "one", **detail: Any) -> dict[str, Any]:
    """The event of a package whose fields were updated; without any, of one that is new."""
    listed = {"UpdatedModelPackageFields": list(fields)} if fields else {}
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "SageMaker Model Package State Change",
        "source": "aws.sagemaker",
        "account": PLACE.environment.account,
        "time": "2026-01-02T03:04:05Z",
        "region": PLACE.environment.region,
        "resources": [PACKAGE],
        "detail": {
            "ModelPackageGroupName": "flights",
            "ModelPackageVersion": 3,
            "ModelPackageArn": PACKAGE,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "LastModifiedTime": "2026-01-02T03:04:05Z",
            **listed,
            **detail,
        },
    }


ARRIVED = {
    "id": "two",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": PLACE.environment.account,
    "detail": {"bucket": {"name": PLACE.data_bucket}, "object": {"key": "flights/2026/_SUCCESS", "size": 0}},
}
TICK = {"id": "three", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


class SageMaker:
    """Starts one execution for a token, as StartPipelineExecution promises."""

    def __init__(self, *, sources: bool = False, approved: str = "Approved") -> None:
        self._approved = approved
        inputs = [{"InputName": "source-raw", "S3Input": {"S3Uri": SOURCE}}] if sources else []
        parameters = ["DataVersion-raw", "EventId"] if sources else ["ModelPackageArn", "DeployedBy", "Reason"]
        steps = [{"Name": "collect", "Type": "Processing", "Arguments": {"ProcessingInputs": inputs}}]
        self._definition = json.dumps({"Parameters": [{"Name": name} for name in parameters], "Steps": steps})
        self.executions: dict[str, Mapping[str, Any]] = {}

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert ModelPackageName == PACKAGE
        return {"ModelApprovalStatus": self._approved, "CreationTime": "then"}

    def describe_pipeline(self, *, PipelineName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert PipelineName in PIPELINES.values()
        return {"PipelineDefinition": self._definition}

    def start_pipeline_execution(self, **request: Any) -> dict[str, Any]:
        assert 32 <= len(request["ClientRequestToken"]) <= 128
        self.executions.setdefault(request["ClientRequestToken"], request)
        return {"PipelineExecutionArn": f"execution of {request['ClientRequestToken']}"}

    def parameters(self) -> list[dict[str, str]]:
        return [{p["Name"]: p["Value"] for p in request["PipelineParameters"]} for request in self.executions.values()]


class S3:
    def __init__(self, *etags: str) -> None:
        self._found = [{"Key": f"flights/{number}", "Size": 1, "ETag": etag} for number, etag in enumerate(etags)]

    def get_paginator(self, operation: str) -> S3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's
        assert (Bucket, Prefix) == (PLACE.data_bucket, "flights/")
        return [{"Contents": self._found}, {}]


def start(event: Mapping[str, Any], sagemaker: SageMaker, s3: S3 | None = None) -> str | None:
    return starter.start(event, pipelines=PIPELINES, sagemaker=sagemaker, s3=s3 or S3())


@pytest.mark.parametrize(
    ("event", "starts"),
    [
        (changed("ModelApprovalStatus"), True),
        (changed("ApprovalDescription", "ModelApprovalStatus"), True),
        (changed(), True),  # registered as approved
        (changed(ModelPackageStatus="InProgress"), False),  # the same, told once more when it is completed
        (changed("ApprovalDescription"), False),
        (changed("CustomerMetadataProperties"), False),
        (changed("ModelLifeCycle"), False),
        (changed("ModelApprovalStatus", ModelApprovalStatus="Rejected"), False),
        (changed("ModelApprovalStatus", ModelApprovalStatus="PendingManualApproval"), False),
        (changed(ModelApprovalStatus="PendingManualApproval"), False),
        (changed("ModelApprovalStatus", ModelPackageGroupName="another"), False),
        (changed("ModelApprovalStatus", ModelPackageGroupName="flights-2"), False),
        ({**changed("ModelApprovalStatus"), "source": "my.program"}, False),
        ({**changed("ModelApprovalStatus"), "account": "999999999999"}, False),
        ({**changed("ModelApprovalStatus"), "detail-type": "SageMaker Model State Change"}, False),
        (ARRIVED, False),
        (TICK, False),
    ],
)
def test_the_rule_on_approvals_is_for_approvals_of_this_group_alone(event: dict[str, Any], starts: bool) -> None:
    assert parse_pattern(json.dumps(approval(PLACE))).matches(event) == starts


@pytest.mark.parametrize(
    ("bucket", "key", "starts"),
    [
        (PLACE.data_bucket, "flights/2026/_SUCCESS", True),
        (PLACE.data_bucket, "flights/2026/part-0.parquet", False),
        (PLACE.data_bucket, "flights/_SUCCESS/part-0.parquet", False),
        (PLACE.bucket, "flights/2026/_SUCCESS", False),
    ],
)
def test_the_rule_on_arrivals_is_for_what_ends_a_delivery(bucket: str, key: str, starts: bool) -> None:
    event = {**ARRIVED, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}

    assert parse_pattern(json.dumps(arrival(PLACE))).matches(event) == starts
    assert not parse_pattern(json.dumps(arrival(PLACE))).matches(changed("ModelApprovalStatus"))


def test_an_approval_deploys_its_package_once_however_often_it_is_told() -> None:
    sagemaker = SageMaker()

    first = start(changed("ModelApprovalStatus"), sagemaker)
    delivered_twice = start(changed("ModelApprovalStatus"), sagemaker)
    told_twice = start(changed("ModelApprovalStatus", event_id="another"), sagemaker)

    assert first == delivered_twice == told_twice
    assert [request["PipelineName"] for request in sagemaker.executions.values()] == ["flights-deployment"]
    assert sagemaker.parameters() == [{"ModelPackageArn": PACKAGE, "Reason": "approved"}]


def test_a_later_approval_of_the_same_package_deploys_it_again() -> None:
    sagemaker = SageMaker()

    start(changed("ModelApprovalStatus"), sagemaker)
    start(changed("ModelApprovalStatus", event_id="later", LastModifiedTime="2026-01-03T00:00:00Z"), sagemaker)

    assert len(sagemaker.executions) == 2


def test_an_approval_that_was_taken_back_meanwhile_starts_nothing() -> None:
    sagemaker = SageMaker(approved="Rejected")

    assert start(changed("ModelApprovalStatus"), sagemaker) is None
    assert sagemaker.executions == {}


@pytest.mark.parametrize("event", [ARRIVED, TICK], ids=["arrived", "scheduled"])
def test_data_and_the_clock_start_one_training_on_the_data_that_there_are(event: dict[str, Any]) -> None:
    sagemaker = SageMaker(sources=True)

    start(event, sagemaker, S3("a", "b"))
    start(event, sagemaker, S3("a", "b"))
    start({**event, "id": "next"}, sagemaker, S3("a", "changed"))

    first, second = sagemaker.parameters()
    assert [request["PipelineName"] for request in sagemaker.executions.values()] == ["flights-training"] * 2
    assert (first["EventId"], second["EventId"]) == (event["id"], "next")
    assert len(first["DataVersion-raw"]) == 64
    assert first["DataVersion-raw"] != second["DataVersion-raw"]


def test_a_source_without_data_starts_nothing_and_is_named() -> None:
    sagemaker = SageMaker(sources=True)

    with pytest.raises(LookupError, match=f"source {SOURCE}: there is no object"):
        start(TICK, sagemaker, S3())
    assert sagemaker.executions == {}


def test_what_the_template_holds_stands_alone_and_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sagemaker, s3 = SageMaker(sources=True), S3("a")
    alone = ModuleType("index")
    exec(compile(source(), "index.py", "exec"), alone.__dict__)
    monkeypatch.setenv("TRAINING", "flights-training")
    monkeypatch.setenv("DEPLOYMENT", "flights-deployment")
    brought = ModuleType("boto3")
    brought.client = {"sagemaker": sagemaker, "s3": s3}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", brought)

    answer = alone.handler(ARRIVED, None)

    assert "import sagelens" not in source()
    assert "from sagelens" not in source()
    assert answer == {"event": "two", "started": start(ARRIVED, sagemaker, s3)}
    assert len(sagemaker.executions) == 1
