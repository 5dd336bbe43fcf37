"""EventBridge on the local service: what happens here, and what clients say has happened, starts pipelines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from sagelens.local.events.delivery import Deliveries
from sagelens.local.events.event import Maker, alarm_detail, execution_detail, package_detail
from sagelens.local.events.pattern import BadPattern, parse_pattern
from sagelens.local.events.rules import Rules, pattern_of, targets_of
from sagelens.local.events.strict import json_object
from sagelens.local.events.timetable import Timetable
from sagelens.local.ports import ApiError, Call, Clock, Document, Handler, Metrics, Objects, Request, Resource
from sagelens.local.store import Store

__all__ = ["Events"]

log = logging.getLogger(__name__)

_LARGEST = 262_144  # bytes of an entry
_UNDER_WAY = frozenset({"Executing", "Stopping"})
_RECENT = 50
"""Executions that are looked at when a service begins: whether anybody was told of their end."""


class Events:
    """The default event bus. An event and what it is to start are kept in one transaction, so that neither is lost."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        clock: Clock,
        call: Call,
        metrics: Metrics,
        account: str,
        region: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._maker = Maker(account, region)
        self._bus = f"arn:aws:events:{region}:{account}:event-bus/default"
        self._rules = Rules(store, clock, account=account, region=region, changed=self._plan)
        self._timetable = Timetable(self._rules, clock, self._due)
        self._deliveries = Deliveries(store, objects, clock, call, metrics)
        self._told: dict[str, str] = {}

    def handlers(self) -> dict[str, Handler]:
        rules = self._rules
        return {
            "events.PutEvents": self._put_events,
            "events.TestEventPattern": _test_pattern,
            "events.PutRule": rules.put,
            "events.DescribeRule": rules.describe,
            "events.ListRules": rules.list,
            "events.ListRuleNamesByTarget": rules.list_by_target,
            "events.DeleteRule": rules.delete,
            "events.EnableRule": rules.enable,
            "events.DisableRule": rules.disable,
            "events.PutTargets": rules.put_targets,
            "events.RemoveTargets": rules.remove_targets,
            "events.ListTargetsByRule": rules.list_targets,
            "events.TagResource": rules.tag,
            "events.UntagResource": rules.untag,
            "events.ListTagsForResource": rules.list_tags,
        }

    def watch(self, handlers: dict[str, Handler]) -> None:
        """Put round operations of other rooms what tells of new packages, of changed ones, and of executions that begin."""
        self._watch_packages(handlers)
        start = handlers["sagemaker.StartPipelineExecution"]

        async def started(request: Request) -> Document:
            answer = await start(request)
            self.execution_changed({"execution_arn": answer["PipelineExecutionArn"], "status": "Executing"}, first=True)
            return answer

        handlers["sagemaker.StartPipelineExecution"] = started

    def _watch_packages(self, handlers: dict[str, Handler]) -> None:
        create, update = handlers["sagemaker.CreateModelPackage"], handlers["sagemaker.UpdateModelPackage"]
        describe = handlers["sagemaker.DescribeModelPackage"]

        async def created(request: Request) -> Document:
            with self._store.transaction():  # the registry waits for nothing, so nobody else comes between
                known = {package.arn for package in self._store.query("ModelPackage")}
                answer = await create(request)
                if answer["ModelPackageArn"] not in known:  # a token that was used before is answered with what exists
                    self._publish_package(await describe({"ModelPackageName": answer["ModelPackageArn"]}), ())
            return answer

        async def updated(request: Request) -> Document:
            with self._store.transaction():
                before = await describe({"ModelPackageName": request["ModelPackageArn"]})
                answer = await update(request)
                package = await describe({"ModelPackageName": request["ModelPackageArn"]})
                names = dict.fromkeys([*package, *before])  # one that was taken away has changed, too
                changed = [name for name in names if package.get(name) != before.get(name) and name != "LastModifiedTime"]
                if changed:
                    self._publish_package(package, changed)
            return answer

        handlers["sagemaker.CreateModelPackage"] = created
        handlers["sagemaker.UpdateModelPackage"] = updated

    def execution_changed(self, document: Mapping[str, Any], *, first: bool = False) -> None:
        """To be called with execution.json after each writing; tells of every status once. `first`: only of a new execution."""
        arn, status = document["execution_arn"], document["status"]
        if self._told.get(arn) == status:
            return
        execution = self._store.find(arn)
        if execution is None:
            return
        before = execution.body.get("EventStatus", "")
        if before != status and not (first and before):
            with self._store.transaction():
                self._store.update(arn, modified=execution.modified, body={"EventStatus": status})
                detail = execution_detail(execution, document, before)
                kind = "SageMaker Model Building Pipeline Execution Status Change"
                self._publish("aws.sagemaker", kind, detail, [arn, detail["pipelineArn"]])
        if status in _UNDER_WAY and not first:
            self._told[arn] = status
        else:
            self._told.pop(arn, None)

    def alarm_changed(self, old: Resource, new: Resource) -> None:
        """To be called when the state of an alarm is another one."""
        with self._store.transaction():
            self._publish("aws.cloudwatch", "CloudWatch Alarm State Change", alarm_detail(old, new), [new.arn])

    async def recover(self) -> None:
        await self._deliveries.recover()
        for execution in self._store.query("PipelineExecution", limit=_RECENT):
            if execution.status not in _UNDER_WAY and execution.body.get("EventStatus", execution.status) != execution.status:
                ended = {"execution_arn": execution.arn, "status": execution.status, "finished": execution.body.get("Finished")}
                self.execution_changed(ended)
        self._timetable.plan()

    async def close(self) -> None:
        await self._timetable.close()
        await self._deliveries.close()

    def _plan(self) -> None:
        self._timetable.plan()

    def _publish_package(self, package: Document, changed: Any) -> None:
        arn = package["ModelPackageArn"]
        self._publish("aws.sagemaker", "SageMaker Model Package State Change", package_detail(package, changed), [arn])

    def _publish(self, source: str, detail_type: str, detail: Document, resources: list[str]) -> None:
        self._accept(self._maker.event(source, detail_type, detail, time=self._clock.time(), resources=resources))

    def _due(self, rule: Resource, moment: float, id_: str) -> None:
        event = self._maker.event("aws.events", "Scheduled Event", {}, time=moment, resources=[rule.arn], id_=id_)
        with self._store.transaction():
            self._trigger(event, rule)

    def _accept(self, event: Document) -> None:
        self._match(event, _fitting(event, self._rules.enabled()))

    def _match(self, event: Document, rules: list[Resource]) -> None:
        for rule in rules:
            self._metrics.record("AWS/Events", "MatchedEvents", {"RuleName": rule.name}, 1.0)
            self._trigger(event, rule)

    def _trigger(self, event: Document, rule: Resource) -> None:
        self._metrics.record("AWS/Events", "TriggeredRules", {"RuleName": rule.name}, 1.0)
        for target in targets_of(rule).values():
            self._deliveries.add(event, rule, target)

    async def _put_events(self, request: Request) -> Document:
        answers = []
        for entry in request["Entries"]:
            try:
                event = self._event_of(entry)
            except ApiError as error:
                answers.append({"ErrorCode": error.code, "ErrorMessage": error.message})
                continue
            fitting = await asyncio.to_thread(_fitting, event, self._rules.enabled())  # a client's event may be large
            if fitting and self._deliveries.are_full():
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded. Send the event again later."})
                continue
            with self._store.transaction():
                self._match(event, fitting)
            answers.append({"EventId": event["id"]})
        return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}

    def _event_of(self, entry: Document) -> Document:
        """An entry that is no event is told so beside the others; ApiError with AWS's code."""
        for member in ("Source", "DetailType", "Detail"):
            if not entry.get(member):
                raise ApiError("InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument.")
        if entry.get("EventBusName", "default") not in {"default", self._bus}:
            raise ApiError("InvalidArgument", f"There is no event bus {entry['EventBusName']} here, only the default one.")
        if sum(len(str(entry.get(member, "")).encode()) for member in ("Source", "DetailType", "Detail")) > _LARGEST:
            raise ApiError("InvalidArgument", f"Total size of the entry is more than {_LARGEST} bytes.")
        try:
            detail = json_object(entry["Detail"])
        except ValueError as error:
            raise ApiError("MalformedDetail", f"Detail is malformed: {error}.") from error
        time = entry.get("Time", self._clock.time())
        return self._maker.event(entry["Source"], entry["DetailType"], detail, time=time, resources=entry.get("Resources", ()))


def _fitting(event: Document, rules: list[Resource]) -> list[Resource]:
    """Those of the rules whose pattern the event fits."""
    return [rule for rule in rules if (pattern := pattern_of(rule)) is not None and pattern.matches(event)]


async def _test_pattern(request: Request) -> Document:
    try:
        event = json_object(request["Event"])
        missing = [
            name for name in ("id", "detail-type", "source", "account", "time", "region", "resources") if name not in event
        ]
    except ValueError as error:
        raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: {error}.") from error
    if missing:
        raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: it has no {', '.join(missing)}.")
    try:
        pattern = parse_pattern(request["EventPattern"])
        return {"Result": await asyncio.to_thread(pattern.matches, event)}
    except BadPattern as error:
        raise ApiError("InvalidEventPatternException", str(error)) from error
