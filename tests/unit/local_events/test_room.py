"""Events that start pipelines: data that arrives, the clock, approvals, executions, alarms."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_events.conftest import Played
from tests.unit.local_events.world import ROLE, World, definition

ARRIVAL = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"object": {"key": [{"suffix": "_SUCCESS"}]}}}


def put_data(world: World, name: str, text: str) -> None:
    world.jobs.put(f"s3://arrivals/raw/{name}", text.encode())


def test_data_that_has_not_changed_is_not_read_again_and_data_that_has_is(play: Played) -> None:
    async def script(world: World) -> None:
        put_data(world, "a.csv", "1")
        pipeline = await world.pipeline("flow", definition("EventId", sources={"flights": "s3://arrivals/raw"}))
        await world.rule("arrived", pipeline, EventPattern=ARRIVAL)

        await world.arrived()
        await world.settled()
        await world.arrived()
        await world.settled()
        put_data(world, "b.csv", "2")
        answer = await world.arrived()
        await world.settled()

        first, same, new = world.executions()
        assert [run.status for run in (first, same, new)] == ["Succeeded"] * 3
        assert world.jobs.started == ["collect", "collect"]
        versions = [run.body["Values"]["DataVersion-flights"] for run in (first, same, new)]
        assert versions[0] == versions[1] != versions[2]
        assert new.body["Values"]["EventId"] == answer["Entries"][0]["EventId"]

    play(script)


def test_a_parameter_takes_what_its_path_names_in_the_event(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition("Key", "Size", "Who", "Whole"))
        given = {"Key": "$.detail.object.key", "Size": "$.detail.sizes[1]", "Who": "me", "Whole": "$.detail.object"}
        await world.rule("arrived", pipeline, EventPattern=ARRIVAL, parameters=given)

        await world.put("aws.s3", "Object Created", {"object": {"key": "raw/_SUCCESS"}, "sizes": [1, 25]})
        await world.settled()

        (run,) = world.executions()
        assert run.body["Values"] == {"Key": "raw/_SUCCESS", "Size": "25", "Who": "me", "Whole": '{"key":"raw/_SUCCESS"}'}
        assert "rule arrived" in run.body["PipelineExecutionDescription"]

    play(script)


def test_what_cannot_start_a_pipeline_is_kept_with_its_reason(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition("Key", sources={"flights": "s3://arrivals/none"}))
        gone = pipeline.replace("flow", "gone")
        await world.rule("lost", gone, EventPattern=ARRIVAL)
        await world.rule("nothing", pipeline, EventPattern=ARRIVAL)
        await world.call(
            "events.PutTargets",
            Rule="lost",
            Targets=[
                {
                    "Id": "p",
                    "Arn": pipeline,
                    "RoleArn": ROLE,
                    "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Key", "Value": "$.detail.kee"}]},
                }
            ],
        )

        await world.arrived()
        await world.settled()

        reasons = {
            f"{delivery.body['Rule']} {delivery.body['Target']['Id']}": delivery.body["Reason"] for delivery in world.deliveries()
        }
        assert {delivery.status for delivery in world.deliveries()} == {"Failed"}
        assert "the event has nothing at $.detail.kee" in reasons["lost p"]
        assert "gone" in reasons["lost start"]
        assert "s3://arrivals/none: there is no object below that prefix" in reasons["nothing start"]
        assert not world.executions()

    play(script)


def test_only_rules_that_are_enabled_and_fit_are_triggered(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        await world.rule("arrived", pipeline, EventPattern=ARRIVAL)
        await world.rule("other", pipeline, EventPattern={"source": ["aws.ec2"]})
        await world.call("events.DisableRule", Name="arrived")
        await world.arrived()
        await world.arrived("raw/a.csv")
        await world.call("events.EnableRule", Name="arrived")
        await world.arrived("raw/a.csv")
        await world.settled()
        assert not world.deliveries()

        await world.arrived()
        await world.settled()
        assert [delivery.body["Rule"] for delivery in world.deliveries()] == ["arrived"]

    play(script)


def test_a_schedule_runs_on_the_services_clock_and_unchanged_data_are_not_read_again(play: Played) -> None:
    async def script(world: World) -> None:
        put_data(world, "a.csv", "1")
        pipeline = await world.pipeline("flow", definition(sources={"flights": "s3://arrivals/raw"}))
        await world.rule("nightly", pipeline, ScheduleExpression="cron(0 3 * * ? *)")

        await world.clock.advance(2 * 3600)
        assert not world.deliveries()
        await world.clock.advance(3600)
        await world.settled()
        await world.clock.advance(24 * 3600)
        await world.settled()

        event = world.deliveries()[0].body["Event"]
        assert (event["detail-type"], event["time"]) == ("Scheduled Event", "2026-01-01T03:00:00Z")
        assert len(world.executions()) == 2
        assert world.jobs.started == ["collect"]

    play(script)


def test_a_rule_that_is_changed_is_due_by_its_new_schedule(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        await world.rule("often", pipeline, ScheduleExpression="rate(1 hour)")
        await world.clock.advance(1800)
        await world.call("events.PutRule", Name="often", ScheduleExpression="rate(10 minutes)")
        await world.clock.advance(601)
        await world.settled()
        assert [delivery.body["Event"]["time"] for delivery in world.deliveries()] == ["2026-01-01T00:40:00Z"]

        await world.call("events.RemoveTargets", Rule="often", Ids=["start"])
        await world.call("events.DeleteRule", Name="often")
        await world.clock.advance(3600)
        assert len(world.deliveries()) == 1

    play(script)


APPROVED = {
    "source": ["aws.sagemaker"],
    "detail-type": ["SageMaker Model Package State Change"],
    "detail": {
        "ModelPackageGroupName": ["flights"],
        "ModelApprovalStatus": ["Approved"],
        "UpdatedModelPackageFields": ["ModelApprovalStatus"],
    },
}


async def package(world: World, **more: Any) -> str:
    if not world.store.query("ModelPackageGroup"):
        await world.call("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="flights")
    made = await world.call("sagemaker.CreateModelPackage", ModelPackageGroupName="flights", **more)
    return str(made["ModelPackageArn"])


def test_an_approval_deploys_once_and_no_other_change_of_the_package_does(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition("ModelPackageArn"))
        await world.rule("approved", pipeline, EventPattern=APPROVED, parameters={"ModelPackageArn": "$.detail.ModelPackageArn"})
        arn = await package(world)

        async def update(**changes: Any) -> None:
            await world.call("sagemaker.UpdateModelPackage", ModelPackageArn=arn, **changes)

        await update(ModelApprovalStatus="Approved", ApprovalDescription="good")
        await update(CustomerMetadataProperties={"seen": "yes"})
        await update(ModelApprovalStatus="Approved", ApprovalDescription="very good")
        await world.settled()
        assert [run.body["Values"] for run in world.executions()] == [{"ModelPackageArn": arn}]

        await update(ModelApprovalStatus="Rejected")
        await update(ModelApprovalStatus="Approved")
        await world.settled()
        assert len(world.executions()) == 2

    play(script)


def test_a_package_that_was_registered_as_approved_is_no_approval(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition("ModelPackageArn"))
        await world.rule("approved", pipeline, EventPattern=APPROVED)
        every = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
        await world.rule("every", pipeline, EventPattern=every)

        for _ in range(2):
            await package(world, ModelApprovalStatus="Approved", ClientToken="the-same-one")
        await world.settled()

        (told,) = world.deliveries()
        assert told.body["Rule"] == "every"
        assert "UpdatedModelPackageFields" not in told.body["Event"]["detail"]

    play(script)


def test_each_status_of_an_execution_is_told_once(play: Played) -> None:
    async def script(world: World) -> None:
        await world.pipeline("first", definition())
        flow = await world.pipeline("flow", definition("Status"))
        kind = "SageMaker Model Building Pipeline Execution Status Change"
        pattern = {"detail-type": [kind], "detail": {"pipelineArn": [{"suffix": "/first"}]}}
        await world.rule("after", flow, EventPattern=pattern, parameters={"Status": "$.detail.currentPipelineExecutionStatus"})

        await world.call("sagemaker.StartPipelineExecution", PipelineName="first", ClientRequestToken="a" * 32)
        await world.call("sagemaker.StartPipelineExecution", PipelineName="first", ClientRequestToken="a" * 32)
        await world.settled()

        details = [delivery.body["Event"]["detail"] for delivery in world.deliveries()]
        statuses = [(d.get("previousPipelineExecutionStatus"), d["currentPipelineExecutionStatus"]) for d in details]
        assert statuses == [(None, "Executing"), ("Executing", "Succeeded")]
        assert "executionEndTime" in details[1]
        assert [run.body["Values"]["Status"] for run in world.executions()] == ["Executing", "Succeeded"]

    play(script)


def test_an_alarm_that_changes_its_state_is_told_with_what_it_watches(play: Played) -> None:
    async def script(world: World) -> None:
        flow = await world.pipeline("flow", definition("Alarm"))
        pattern = {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}
        await world.rule("rings", flow, EventPattern=pattern, parameters={"Alarm": "$.detail.alarmName"})
        alarm = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
        await world.call("cloudwatch.PutMetricAlarm", AlarmName="late", ComparisonOperator="GreaterThanThreshold", **alarm)

        for state in ("OK", "ALARM", "ALARM", "OK"):
            await world.call("cloudwatch.SetAlarmState", AlarmName="late", StateValue=state, StateReason=f"now {state}")
        await world.settled()

        (told,) = world.deliveries()
        detail = told.body["Event"]["detail"]
        assert (detail["previousState"]["value"], detail["state"]["reason"]) == ("OK", "now ALARM")
        assert detail["configuration"]["metrics"][0]["metricStat"]["metric"] == {"namespace": "n", "name": "m", "dimensions": {}}
        assert [run.body["Values"]["Alarm"] for run in world.executions()] == ["late"]

    play(script)


def test_rules_and_deliveries_survive_the_service_and_nothing_is_started_twice(tmp_path: Path) -> None:
    async def run() -> None:
        world = await World(tmp_path).open()
        pipeline = await world.pipeline("flow", definition("EventId"))
        await world.rule("arrived", pipeline, EventPattern=ARRIVAL)
        await world.rule("hourly", pipeline, ScheduleExpression="rate(1 hour)")
        await world.arrived()
        await world.settled()
        delivered = world.deliveries()[0]
        # As if the service had been killed after the execution had begun, and before that was noted.
        world.store.update(delivered.arn, modified=0.0, status="Pending")
        await world.close()

        world = await world.again()
        await world.settled()
        assert len(world.executions()) == 1
        assert {delivery.status for delivery in world.deliveries()} == {"Delivered"}

        await world.arrived()
        await world.clock.advance(3600)
        await world.settled()
        assert len(world.executions()) == 3
        await world.close()

    asyncio.run(run())


def test_a_time_that_passed_while_no_service_ran_is_not_made_up_for(tmp_path: Path) -> None:
    async def run() -> None:
        world = await World(tmp_path).open()
        await world.rule("hourly", await world.pipeline("flow", definition()), ScheduleExpression="rate(1 hour)")
        await world.close()
        await world.clock.advance(5.5 * 3600)

        world = await world.again()
        await world.clock.advance(1801)
        await world.settled()

        assert [delivery.body["Event"]["time"] for delivery in world.deliveries()] == ["2026-01-01T06:00:00Z"]
        await world.close()

    asyncio.run(run())


def test_an_execution_that_ended_with_the_service_is_told_by_the_next(tmp_path: Path) -> None:
    async def run() -> None:
        world = await World(tmp_path).open()
        await world.pipeline("first", definition())
        flow = await world.pipeline("flow", definition())
        pattern = {"detail": {"pipelineArn": [{"suffix": "/first"}], "currentPipelineExecutionStatus": ["Failed"]}}
        await world.rule("failed", flow, EventPattern=pattern)
        world.jobs.held.add("collect")
        await world.call("sagemaker.StartPipelineExecution", PipelineName="first", ClientRequestToken="a" * 32)
        await world.until(lambda: world.jobs.running)
        world.store.close()  # killed

        world = await world.again()
        await world.settled()

        assert [delivery.body["Event"]["detail"]["currentPipelineExecutionStatus"] for delivery in world.deliveries()] == [
            "Failed"
        ]
        await world.close()

    asyncio.run(run())


def test_entries_that_are_no_events_are_told_beside_those_that_are(play: Played) -> None:
    async def script(world: World) -> None:
        right = {"Source": "mine", "DetailType": "done", "Detail": "{}"}
        answer = await world.call(
            "events.PutEvents",
            Entries=[
                right,
                {**right, "Detail": "{"},
                {**right, "Detail": "[]"},
                {**right, "Detail": '{"a":' * 300 + "1" + "}" * 300},
                {"Source": "mine", "Detail": "{}"},
                {**right, "EventBusName": "other"},
                {**right, "Detail": json.dumps({"a": "b" * 262_144})},
            ],
        )

        assert answer["FailedEntryCount"] == 6
        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        assert codes == [None, "MalformedDetail", "MalformedDetail", "MalformedDetail", *["InvalidArgument"] * 3]

    play(script)


def test_rules_are_described_listed_and_deleted(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        arn = await world.rule("arrived", pipeline, EventPattern=ARRIVAL, Description="data")
        await world.rule("nightly", pipeline, ScheduleExpression="rate(1 day)", State="DISABLED")

        described = await world.call("events.DescribeRule", Name="arrived")
        assert (described["Arn"], described["State"], described["Description"]) == (arn, "ENABLED", "data")
        assert json.loads(described["EventPattern"]) == ARRIVAL
        first = await world.call("events.ListRules", Limit=1)
        second = await world.call("events.ListRules", Limit=1, NextToken=first["NextToken"])
        assert [rule["Name"] for page in (first, second) for rule in page["Rules"]] == ["arrived", "nightly"]
        assert (await world.call("events.ListRules", NamePrefix="n"))["Rules"][0]["State"] == "DISABLED"
        assert (await world.call("events.ListRuleNamesByTarget", TargetArn=pipeline))["RuleNames"] == ["arrived", "nightly"]
        (target,) = (await world.call("events.ListTargetsByRule", Rule="arrived"))["Targets"]
        assert (target["Id"], target["Arn"]) == ("start", pipeline)

        with pytest.raises(ApiError, match="it has targets"):
            await world.call("events.DeleteRule", Name="arrived")
        failed = await world.call("events.RemoveTargets", Rule="arrived", Ids=["start", "none"])
        assert [entry["TargetId"] for entry in failed["FailedEntries"]] == ["none"]
        await world.call("events.DeleteRule", Name="arrived")
        await world.call("events.DeleteRule", Name="arrived")
        with pytest.raises(ApiError, match="Rule arrived does not exist on EventBus default") as gone:
            await world.call("events.DescribeRule", Name="arrived")
        assert gone.value.code == "ResourceNotFoundException"

    play(script)


_INVALID, _ABSENT = "ValidationException", "ResourceNotFoundException"
TARGET = {"Id": "p", "Arn": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/flow", "RoleArn": ROLE}


@pytest.mark.parametrize(
    ("operation", "given", "code", "said"),
    [
        ("PutRule", {"Name": "r"}, _INVALID, "EventPattern or ScheduleExpression must be specified"),
        ("PutRule", {"Name": "r", "EventPattern": "{"}, "InvalidEventPatternException", "Event pattern is not valid"),
        ("PutRule", {"Name": "r", "ScheduleExpression": "daily"}, _INVALID, "ScheduleExpression is not valid"),
        ("PutRule", {"Name": "r", "ScheduleExpression": "rate(1 day)", "EventBusName": "b"}, _ABSENT, "bus b"),
        ("PutTargets", {"Rule": "none", "Targets": [TARGET]}, _ABSENT, "Rule none does not exist"),
        ("PutTargets", {"Targets": [{**TARGET, "Arn": "arn:aws:sqs:x:123456789012:q"}]}, _INVALID, "no pipeline's"),
        ("PutTargets", {"Targets": [{"Id": "p", "Arn": TARGET["Arn"]}]}, _INVALID, "RoleArn is required"),
        ("PutTargets", {"Targets": [{**TARGET, "SqsParameters": {"MessageGroupId": "m"}}]}, _INVALID, "SqsParameters of"),
        ("PutTargets", {"Targets": [{**TARGET, "Input": "{}", "InputPath": "$.a"}]}, _INVALID, "Only one of Input"),
        ("PutTargets", {"Targets": [{**TARGET, "InputPath": "$.a..b"}]}, _INVALID, "$.a..b is no path"),
        ("PutTargets", {"Targets": [{**TARGET, "Id": str(n)} for n in range(6)]}, "LimitExceededException", "5 are allowed"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_in_awss_words(play: Played, operation: str, given: Any, code: str, said: str) -> None:
    async def script(world: World) -> None:
        await world.call("events.PutRule", Name="known", ScheduleExpression="rate(1 day)")
        known = {"Rule": "known"} if operation == "PutTargets" else {}

        with pytest.raises(ApiError) as refused:
            await world.call(f"events.{operation}", **{**known, **given})

        assert refused.value.code == code
        assert said in refused.value.message

    play(script)


def test_a_pattern_can_be_tried(play: Played) -> None:
    async def script(world: World) -> None:
        event = {"id": "1", "account": "1", "source": "aws.s3", "time": "t", "region": "r", "resources": [], "detail-type": "d"}

        for source, fits in (("aws.s3", True), ("aws.ec2", False)):
            pattern = json.dumps({"source": [source]})
            answer = await world.call("events.TestEventPattern", EventPattern=pattern, Event=json.dumps(event))
            assert answer["Result"] is fits
        with pytest.raises(ApiError, match="it has no id"):
            await world.call("events.TestEventPattern", EventPattern='{"a": ["b"]}', Event="{}")

    play(script)


def test_rules_have_tags(play: Played) -> None:
    async def script(world: World) -> None:
        arn = (await world.call("events.PutRule", Name="r", ScheduleExpression="rate(1 day)", Tags=[{"Key": "a", "Value": "1"}]))[
            "RuleArn"
        ]
        await world.call("events.TagResource", ResourceARN=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
        await world.call("events.UntagResource", ResourceARN=arn, TagKeys=["b"])

        assert await world.call("events.ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "a", "Value": "2"}]}

    play(script)
