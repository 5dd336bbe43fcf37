"""What may not stop the service, and what may not be lost, however the rules are and whatever events say."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from sagelens.local.events import delivery
from sagelens.local.ports import ApiError, Document, Request
from tests.unit.local_events.conftest import Played
from tests.unit.local_events.world import ROLE, World, definition

ARRIVAL = {"source": ["aws.s3"]}
PACKAGES = {"detail-type": ["SageMaker Model Package State Change"]}


def test_there_are_300_rules_and_no_more(play: Played) -> None:
    async def script(world: World) -> None:
        for number in range(300):
            await world.call("events.PutRule", Name=f"r{number}", EventPattern='{"a": ["b"]}')

        with pytest.raises(ApiError, match="300 rules") as refused:
            await world.call("events.PutRule", Name="more", EventPattern='{"a": ["b"]}')
        assert refused.value.code == "LimitExceededException"
        await world.call("events.PutRule", Name="r7", EventPattern='{"a": ["c"]}')

    play(script)


def test_a_rule_that_an_earlier_version_took_keeps_no_other_from_its_events(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        old = await world.rule("a-old", pipeline, EventPattern=ARRIVAL)
        late = await world.rule("b-old", pipeline, ScheduleExpression="rate(1 hour)")
        await world.rule("new", pipeline, EventPattern=ARRIVAL)
        world.store.update(old, modified=0.0, body={"EventPattern": '{"a": [{"numeric": ["!=", 1]}]}'})
        world.store.update(late, modified=0.0, body={"ScheduleExpression": "daily"})

        await world.arrived()
        await world.rule("hourly", pipeline, ScheduleExpression="rate(1 hour)")
        await world.clock.advance(3601)
        await world.settled()

        assert [told.body["Rule"] for told in world.deliveries()] == ["new", "hourly"]

    play(script)


def test_a_time_that_has_come_is_not_lost_when_rules_change_at_that_moment(play: Played) -> None:
    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        await world.rule("hourly", pipeline, ScheduleExpression="rate(1 hour)")
        await asyncio.sleep(0)
        world.clock._now += 3601  # the time has come, and nobody has been woken yet

        await world.call("events.PutRule", Name="other", ScheduleExpression="cron(0 * * * ? *)")
        await world.until(world.deliveries)
        await world.settled()

        assert [told.body["Rule"] for told in world.deliveries()] == ["hourly"]

    play(script)


def test_a_field_that_was_taken_from_a_package_is_a_change(play: Played) -> None:
    async def script(world: World) -> None:
        await world.rule("every", await world.pipeline("flow", definition()), EventPattern=PACKAGES)
        await world.call("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="flights")
        made = await world.call("sagemaker.CreateModelPackage", ModelPackageGroupName="flights")

        arn = made["ModelPackageArn"]
        await world.settled()
        await world.call("sagemaker.UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"a": "1"})
        await world.settled()
        await world.call("sagemaker.UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["a"])
        await world.settled()

        changed = [told.body["Event"]["detail"].get("UpdatedModelPackageFields") for told in world.deliveries()]
        assert changed == [None, ["CustomerMetadataProperties"], ["CustomerMetadataProperties"]]

    play(script)


def test_an_event_of_a_change_that_was_undone_starts_nothing(play: Played) -> None:
    async def script(world: World) -> None:
        await world.rule("every", await world.pipeline("flow", definition()), EventPattern=PACKAGES)

        await world.call("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="flights")

        with suppress(RuntimeError), world.store.transaction():
            await world.call("sagemaker.CreateModelPackage", ModelPackageGroupName="flights")
            raise RuntimeError
        await asyncio.sleep(0.05)

        assert not world.executions()

    play(script)


def test_clients_are_told_to_wait_while_too_many_events_are_under_way(play: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_MOST_PENDING", 3)

    async def script(world: World) -> None:
        await world.rule("arrived", await world.pipeline("flow", definition()), EventPattern=ARRIVAL)
        entry = {"Source": "aws.s3", "DetailType": "d", "Detail": "{}"}
        other = {**entry, "Source": "mine"}

        answer = await world.call("events.PutEvents", Entries=[entry] * 6 + [other])
        await world.until(lambda: not world.store.query("EventDelivery", status="Pending"))

        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        assert codes[:3] == [None] * 3
        assert codes[-1] is None
        assert len(world.executions()) == codes.count(None) - 1

    play(script)


@pytest.mark.parametrize(("policy", "tries"), [({"MaximumRetryAttempts": 0}, 1), ({"MaximumRetryAttempts": 2}, 3), ({}, 4)])
def test_a_target_is_tried_again_as_often_as_it_asks_for(
    play: Played, policy: Document, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_PAUSES", (0.0, 0.0, 0.0))

    async def script(world: World) -> None:
        pipeline = await world.pipeline("flow", definition())
        await world.call("events.PutRule", Name="arrived", EventPattern=json.dumps(ARRIVAL))
        target = {"Id": "p", "Arn": pipeline, "RoleArn": ROLE, "RetryPolicy": policy}
        await world.call("events.PutTargets", Rule="arrived", Targets=[target])
        asked: list[Request] = []

        async def fails(request: Request) -> Document:
            asked.append(request)
            raise ApiError("InternalFailure", "the disk is full", status=500)

        world.handlers["sagemaker.StartPipelineExecution"] = fails
        await world.arrived()
        await world.settled()

        assert len(asked) == tries
        assert [(told.status, told.body["Reason"]) for told in world.deliveries()] == [("Failed", "the disk is full")]

    play(script)


@pytest.mark.parametrize("detail", ['{"a": 1e999}', '{"a": "\\ud800"}', '{"a": NaN}'])
def test_what_could_not_be_stored_is_no_event(play: Played, detail: str) -> None:
    async def script(world: World) -> None:
        await world.rule("arrived", await world.pipeline("flow", definition()), EventPattern=ARRIVAL)

        answer = await world.call("events.PutEvents", Entries=[{"Source": "aws.s3", "DetailType": "d", "Detail": detail}])

        assert answer["Entries"][0]["ErrorCode"] == "MalformedDetail"

    play(script)
