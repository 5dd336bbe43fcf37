"""Every operation, asked by an unmodified boto3 client over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_metrics.conftest import World

START = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS: dict[str, Any] = {
    "MetricName": "Invocation5XXErrors",
    "Namespace": "AWS/SageMaker",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 2.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture(params=["json", "smithy-rpc-v2-cbor", "query"])
def spoken(world: World, request: pytest.FixtureRequest) -> Iterator[Any]:
    client = world.client(request.param)
    assert client.meta.service_model.resolved_protocol == request.param
    yield client
    client.close()


def between(minutes: float, **more: Any) -> dict[str, Any]:
    return {"StartTime": START, "EndTime": START + timedelta(minutes=minutes), **more}


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def state(client: Any, name: str) -> str:
    answer = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (alarm,) = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return str(alarm["StateValue"])


def test_every_protocol_carries_data_both_ways(spoken: Any) -> None:
    datum = {"MetricName": "Rows", "Dimensions": [{"Name": "Table", "Value": "a<b & c"}], "Unit": "Count"}
    spoken.put_metric_data(
        Namespace="Flights",
        MetricData=[
            {**datum, "Value": 4.0, "Timestamp": START},
            {**datum, "Values": [1.0, 2.5], "Counts": [2.0, 1.0], "StorageResolution": 1},
            {**datum, "StatisticValues": {"SampleCount": 2, "Sum": 14.0, "Minimum": 7, "Maximum": 7}},
        ],
    )
    asked = {"Namespace": "Flights", "MetricName": "Rows", "Dimensions": datum["Dimensions"], "Period": 60}
    (point,) = spoken.get_metric_statistics(**asked, **between(1), Statistics=["SampleCount", "Sum", "Average"])["Datapoints"]
    assert point == {"Timestamp": START, "SampleCount": 6.0, "Sum": 22.5, "Average": 3.75, "Unit": "Count"}

    (point,) = spoken.get_metric_statistics(**asked, **between(1), ExtendedStatistics=["p50", "p0", "p99.9"])["Datapoints"]
    assert point["ExtendedStatistics"] == {"p0": 1.0, "p50": 2.5, "p99.9": 7.0}

    (metric,) = spoken.list_metrics(Namespace="Flights", Dimensions=[{"Name": "Table"}])["Metrics"]
    assert metric == {"Namespace": "Flights", "MetricName": "Rows", "Dimensions": datum["Dimensions"]}


def test_every_protocol_names_errors_as_clients_expect(spoken: Any) -> None:
    with pytest.raises(spoken.exceptions.InvalidParameterValueException) as error:
        spoken.put_metric_data(Namespace="AWS/Mine", MetricData=[{"MetricName": "m", "Value": 1}])
    assert code_of(error) == "InvalidParameterValue"
    assert error.value.response["Error"]["Type"] == "Sender"
    with pytest.raises(spoken.exceptions.ResourceNotFound) as error:
        spoken.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="r")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError) as error:
        spoken.put_metric_alarm(AlarmName="a", EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="Nonsense")
    assert code_of(error) == "ValidationError"
    assert "comparisonOperator" in error.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as error:
        spoken.list_dashboards()
    assert "ListDashboards is not offered" in error.value.response["Error"]["Message"]


def test_every_protocol_carries_alarms(spoken: Any) -> None:
    spoken.put_metric_alarm(AlarmName="errors", **ERRORS, AlarmActions=["arn:aws:sns:eu-west-1:000000000000:t"])
    spoken.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand", StateReasonData='{"a": 1}')
    (alarm,) = spoken.describe_alarms()["MetricAlarms"]
    shown = {"AlarmName", "StateValue", "StateReason", "Threshold", "Dimensions", "ActionsEnabled", "AlarmActions", "OKActions"}
    assert {name: alarm[name] for name in shown} == {
        "AlarmName": "errors",
        "StateValue": "ALARM",
        "StateReason": "by hand",
        "Threshold": 2.0,
        "Dimensions": ERRORS["Dimensions"],
        "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:sns:eu-west-1:000000000000:t"],
        "OKActions": [],
    }
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:errors"
    assert alarm["StateUpdatedTimestamp"] == START


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor", "query"])
def test_large_requests_come_compressed(world: World, protocol: str) -> None:
    client = world.client(protocol)
    compressed = []
    client.meta.events.register("before-send", lambda request, **_: compressed.append(request.headers.get("Content-Encoding")))
    client.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m" * 200, "Value": 1.0} for _ in range(100)])
    assert compressed in (["gzip"], [b"gzip"])
    (metric,) = client.list_metrics()["Metrics"]
    assert metric["MetricName"] == "m" * 200
    client.close()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({}, "InvalidParameterCombination"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterCombination"),
        ({"Value": 2.0**361}, "InvalidParameterValue"),
        ({"Value": 1.0, "StorageResolution": 5}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": START - timedelta(hours=3)}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": START + timedelta(hours=2, seconds=1)}, "InvalidParameterValue"),
        ({"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}}, "InvalidParameterValue"),
    ],
)
def test_bad_data_is_refused_and_so_is_the_good_beside_it(cloudwatch: Any, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        cloudwatch.put_metric_data(
            Namespace="N", MetricData=[{"MetricName": "good", "Value": 1.0}, {"MetricName": "bad", **request_}]
        )
    assert code_of(error) == code
    assert "MetricData.member.2" in error.value.response["Error"]["Message"]
    assert cloudwatch.list_metrics()["Metrics"] == []


def test_data_is_required(cloudwatch: Any) -> None:
    with pytest.raises(cloudwatch.exceptions.MissingRequiredParameterException):
        cloudwatch.put_metric_data(Namespace="N")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p1"]}, "InvalidParameterCombination"),
        ({}, "InvalidParameterCombination"),
        ({"ExtendedStatistics": ["tm90"]}, "InvalidParameterValue"),
        ({"ExtendedStatistics": ["p101"]}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "Period": 61}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "EndTime": START}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "Period": 1, "EndTime": START + timedelta(hours=1)}, "InvalidParameterCombination"),
    ],
)
def test_statistics_that_cannot_be_had_are_refused(cloudwatch: Any, change: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        cloudwatch.get_metric_statistics(**{"Namespace": "N", "MetricName": "m", "Period": 60, **between(1), **change})
    assert code_of(error) == code


def test_what_the_service_records_is_seen_in_any_period(world: World, cloudwatch: Any) -> None:
    world.record("ModelLatency", 100.0, 300.0, EndpointName="e")
    world.advance(10)
    world.record("ModelLatency", 500.0, EndpointName="e")
    world.advance(110)
    asked = {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": [{"Name": "EndpointName", "Value": "e"}]}
    for period, averages in ((10, [200.0, 500.0]), (60, [300.0])):
        points = cloudwatch.get_metric_statistics(**asked, **between(2), Period=period, Statistics=["Average"])["Datapoints"]
        assert [point["Average"] for point in points] == averages
    units = cloudwatch.get_metric_statistics(**asked, **between(2), Period=60, Statistics=["Average"], Unit="Microseconds")
    assert units["Datapoints"][0]["Unit"] == "Microseconds"


def metric(name: str, identity: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": "e"}]
    named = {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}
    return {"Id": identity, "MetricStat": {"Metric": named, "Period": 60, "Stat": stat}, **more}


def test_metric_data_of_several_queries(world: World, cloudwatch: Any) -> None:
    for errors in (0.0, 1.0):
        world.record("Invocations", 1.0, 1.0, EndpointName="e")
        world.record("Invocation5XXErrors", errors, 1.0, EndpointName="e")
        world.advance(60)
    queries = [
        {"Id": "rate", "Expression": "100 * failed / all", "Label": "failing"},
        metric("Invocations", "all", ReturnData=False),
        metric("Invocation5XXErrors", "failed"),
    ]
    rate, failed = cloudwatch.get_metric_data(MetricDataQueries=queries, **between(2), ScanBy="TimestampAscending")[
        "MetricDataResults"
    ]
    assert (rate["Label"], rate["Values"], rate["StatusCode"]) == ("failing", [50.0, 100.0], "Complete")
    assert rate["Timestamps"] == [START, START + timedelta(minutes=1)]
    assert failed["Values"] == [1.0, 2.0]

    pages = list(cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **between(2), MaxDatapoints=3))
    assert [[result["StatusCode"] for result in page["MetricDataResults"]] for page in pages] == [
        ["Complete", "PartialData"],
        ["Complete"],
    ]
    assert [value for page in pages for result in page["MetricDataResults"] for value in result["Values"]] == [100, 50, 2, 1]


def test_filling_does_not_take_for_ever(cloudwatch: Any) -> None:
    queries = [metric("Invocations", "m1"), {"Id": "filled", "Expression": "FILL(m1, 0)"}]
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=0, EndTime=START + timedelta(days=365))
    assert len(answer["MetricDataResults"][1]["Values"]) == 5 * 60  # three hours back, two ahead


def test_metrics_are_listed_in_pages(cloudwatch: Any) -> None:
    for start in (0, 1000):
        data = [{"MetricName": f"m{number}", "Value": 1.0} for number in range(start, start + 501)]
        cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="N", RecentlyActive="PT3H"))
    assert [len(page["Metrics"]) for page in pages] == [500, 500, 2]
    with pytest.raises(ClientError) as error:
        cloudwatch.list_metrics(NextToken="nonsense")
    assert code_of(error) == "InvalidNextToken"


def test_alarms_are_found_by_every_filter(cloudwatch: Any) -> None:
    for name in ("blue-errors", "green-errors", "green-latency"):
        actions = [f"arn:aws:sns:eu-west-1:000000000000:{name}"]
        cloudwatch.put_metric_alarm(
            AlarmName=name, **{**ERRORS, "Period": 30 if name == "green-latency" else 60}, OKActions=actions
        )
    cloudwatch.put_composite_alarm(AlarmName="green", AlarmRule="ALARM(green-errors) OR ALARM('green-latency')")
    cloudwatch.set_alarm_state(AlarmName="green-errors", StateValue="ALARM", StateReason="test")

    def names(**filters: Any) -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(**filters, PaginationConfig={"PageSize": 2})
        return sorted(alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] + page["CompositeAlarms"])

    assert names() == ["blue-errors", "green-errors", "green-latency"]
    assert names(AlarmTypes=["CompositeAlarm", "MetricAlarm"], AlarmNamePrefix="green") == [
        "green",
        "green-errors",
        "green-latency",
    ]
    assert names(StateValue="ALARM") == ["green-errors"]
    assert names(ActionPrefix="arn:aws:sns:eu-west-1:000000000000:blue") == ["blue-errors"]
    assert names(ChildrenOfAlarmName="green") == ["green-errors", "green-latency"]
    assert names(ParentsOfAlarmName="green-errors") == ["green"]
    with pytest.raises(ClientError, match="cannot be combined"):
        names(AlarmNames=["a"], AlarmNamePrefix="b")
    on = {name: ERRORS[name] for name in ("MetricName", "Namespace", "Dimensions")}
    found = cloudwatch.describe_alarms_for_metric(**on, Period=30, Statistic="Sum")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["green-latency"]


def test_deleting_is_for_all_or_none(cloudwatch: Any) -> None:
    for name in ("a", "b"):
        cloudwatch.put_metric_alarm(AlarmName=name, **ERRORS)
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(a) AND ALARM(b)")
    for names, message in ((["a", "none"], "no alarm 'none'"), (["b"], "depending on it: both")):
        with pytest.raises(ClientError, match=message):
            cloudwatch.delete_alarms(AlarmNames=names)
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 2

    cloudwatch.delete_alarms(AlarmNames=["both", "a", "b"])
    assert cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm", "MetricAlarm"])["MetricAlarms"] == []
    summaries = [item["HistorySummary"] for item in cloudwatch.describe_alarm_history(AlarmName="a")["AlarmHistoryItems"]]
    assert summaries == ['Alarm "a" deleted', 'Alarm "a" created']


def test_history_tells_who_changed_when(world: World, cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(AlarmName="a", **ERRORS)
    world.advance(5)
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="the same again")
    cloudwatch.put_metric_alarm(AlarmName="a", **{**ERRORS, "Threshold": 9.0})
    (item,) = cloudwatch.describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert (item["HistorySummary"], item["Timestamp"]) == (
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        START + timedelta(seconds=5),
    )
    assert json.loads(item["HistoryData"])["newState"] == {"stateValue": "ALARM", "stateReason": "test"}
    assert state(cloudwatch, "a") == "ALARM"
    later = cloudwatch.describe_alarm_history(StartDate=START + timedelta(seconds=1), ScanBy="TimestampAscending", MaxRecords=1)
    assert [item["HistoryItemType"] for item in later["AlarmHistoryItems"]] == ["StateUpdate"]
    assert later["NextToken"]


def test_actions_are_stored_switched_and_tagged(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(AlarmName="a", **ERRORS, Tags=[{"Key": "team", "Value": "ml"}])
    cloudwatch.disable_alarm_actions(AlarmNames=["a", "unknown"])
    (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["a"])
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is True

    arn = alarm["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "env", "Value": "x"}, {"Key": "team", "Value": "ops"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["env"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ops"}]
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.list_tags_for_resource(ResourceARN=arn + "2")
