"""Which record is looked at, and that being watched does not matter to a deployment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber

from sagelens.cli.deployment_run import deployments_during
from sagelens.cli.deployment_watch import Lookout, Sight, Watching
from sagelens.deployment import Journal, Record
from tests.unit.cli.conftest import Bucket, record_of
from tests.unit.report.example import START
from tests.unit.report.rollouts import NEW

KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
EMPTY: dict[str, Any] = {"MetricDataResults": []}


def connection(bucket: Bucket, **clients: Any) -> Any:
    project = SimpleNamespace(
        name="delays",
        deployment=SimpleNamespace(endpoint="delays", variant="AllTraffic"),
        environment=SimpleNamespace(bucket="bucket"),
    )
    made = SimpleNamespace(get=clients.get)
    return SimpleNamespace(project=project, s3=bucket, clients=made, sagemaker=clients.get("sagemaker"))


def put(bucket: Bucket, record: Record) -> Record:
    Journal(bucket, "bucket", "delays").put(record)
    return record


def test_a_record_of_before_is_not_the_deployment_that_is_watched(bucket: Bucket) -> None:
    put(bucket, record_of())

    lookout = Lookout(connection(bucket), "delays")
    assert lookout.record() is None

    begun = put(bucket, record_of(started=START + 500))
    assert lookout.record() == begun


def test_a_record_that_is_taken_up_again_is_the_deployment_that_is_watched(bucket: Bucket) -> None:
    put(bucket, record_of(outcome="under way", finished=None))
    lookout = Lookout(connection(bucket), "delays")

    resumed = put(bucket, record_of(updated=START + 900))

    assert lookout.record() == resumed


def test_a_look_brings_endpoint_alarms_and_clock_together(bucket: Bucket) -> None:
    sagemaker, cloudwatch = (boto3.client(service, **KEYS) for service in ("sagemaker", "cloudwatch"))
    headers = {"date": "Mon, 24 Nov 2025 16:01:00 GMT", "x-sagelens-clock": "60x"}
    described = {
        "EndpointName": "delays",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/delays",
        "EndpointConfigName": NEW,
        "EndpointStatus": "InService",
        "CreationTime": START,
        "LastModifiedTime": START,
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    ringing = {"AlarmName": f"{NEW}-errors", "StateValue": "ALARM", "StateReason": "too many"}
    with Stubber(sagemaker) as asked, Stubber(cloudwatch) as watched:
        asked.add_response("describe_endpoint", described, {"EndpointName": "delays"})
        watched.add_response("get_metric_data", EMPTY, dict.fromkeys(_METRIC_REQUEST, ANY))
        watched.add_response("describe_alarms", {"MetricAlarms": [ringing]}, dict.fromkeys(_ALARM_REQUEST, ANY))
        lookout = Lookout(connection(bucket, sagemaker=sagemaker, cloudwatch=cloudwatch), "delays")
        put(bucket, record_of())

        sight = lookout.look()

    assert (sight.clock, sight.now) == ("60x", START + 60)
    assert sight.alarms == {f"{NEW}-errors": ("ALARM", "too many")}
    assert sight.state is not None
    assert sight.state.config == NEW


_METRIC_REQUEST = ("MetricDataQueries", "StartTime", "EndTime", "ScanBy")
_ALARM_REQUEST = ("AlarmNames", "AlarmTypes", "MaxRecords")


class Flickering:
    """A lookout whose service does not answer at first."""

    def __init__(self, failures: int) -> None:
        self._left = failures

    def look(self) -> Sight:
        if self._left:
            self._left -= 1
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        return Sight(endpoint="delays", now=START)


def test_what_cannot_be_seen_for_a_while_is_seen_later() -> None:
    seen: list[Sight] = []

    with Watching(Flickering(2), seen.append, pause=0.001):  # type: ignore[arg-type]
        while not seen:
            pass

    assert seen[-1].endpoint == "delays"


def test_the_last_look_comes_after_the_deployment() -> None:
    seen: list[Sight] = []

    with Watching(Flickering(0), seen.append, pause=60):  # type: ignore[arg-type]
        while not seen:
            pass
        before = len(seen)

    assert len(seen) == before + 1


@pytest.mark.parametrize(
    ("started", "finished", "found"),
    [(START - 5, START + 300, True), (START + 100, START + 150, True), (START + 500, START + 600, False)],
)
def test_an_execution_has_the_records_that_were_written_while_it_ran(
    bucket: Bucket, started: float, finished: float, found: bool
) -> None:
    record = put(bucket, record_of())
    document = {"pipeline": "delays-deployment", "started": started, "finished": finished}

    assert deployments_during(connection(bucket), [document]) == ([record] if found else [])
    assert deployments_during(connection(bucket), [{**document, "pipeline": "delays-training"}]) == []
