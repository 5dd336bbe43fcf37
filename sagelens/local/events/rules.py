"""Rules and their targets, as they are kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from sagelens.local.events.paths import is_path, parse_path
from sagelens.local.events.pattern import BadPattern, Pattern, parse_pattern
from sagelens.local.events.schedule import BadSchedule, Schedule, parse_schedule
from sagelens.local.ports import ApiError, Clock, Document, Request, Resource
from sagelens.local.store import Store, page

__all__ = ["KIND", "Rules", "pattern_of", "schedule_of", "targets_of"]

KIND = "EventRule"
log = logging.getLogger(__name__)
ENABLED = "ENABLED"
_BUS = "default"
_MOST_TARGETS = 5
_MOST_RULES = 300  # EventBridge's quota of a bus; each event is compared with all of them
_FIELDS = ("EventPattern", "ScheduleExpression", "Description", "RoleArn")
_PIPELINE = re.compile(r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:pipeline/[A-Za-z0-9\-]{1,256}")
_TARGET_FIELDS = {
    "Id",
    "Arn",
    "RoleArn",
    "Input",
    "InputPath",
    "InputTransformer",
    "SageMakerPipelineParameters",
    "DeadLetterConfig",
    "RetryPolicy",
}
_INPUTS = {"Input", "InputPath", "InputTransformer"}


@lru_cache(maxsize=2 * _MOST_RULES)
def _parsed_pattern(text: str) -> Pattern:
    return parse_pattern(text)


@lru_cache(maxsize=2 * _MOST_RULES)
def _parsed_schedule(text: str) -> Schedule:
    return parse_schedule(text)


def pattern_of(rule: Resource) -> Pattern | None:
    """None too for one that an earlier version took and this one does not: the others go on."""
    text = rule.body.get("EventPattern")
    try:
        return _parsed_pattern(text) if text else None
    except BadPattern as error:
        log.warning("rule %s is passed over: %s", rule.name, error)
        return None


def schedule_of(rule: Resource) -> Schedule | None:
    """None too for one that an earlier version took and this one does not."""
    text = rule.body.get("ScheduleExpression")
    try:
        return _parsed_schedule(text) if text else None
    except BadSchedule as error:
        log.warning("rule %s is passed over: %s", rule.name, error)
        return None


def targets_of(rule: Resource) -> dict[str, Document]:
    """By their ids."""
    targets: dict[str, Document] = rule.body.get("Targets") or {}
    return targets


class Rules:
    """`changed` is called after every change, on which schedules depend. Rules are of the default bus; there is no other."""

    def __init__(self, store: Store, clock: Clock, *, account: str, region: str, changed: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._place = f"{region}:{account}"
        self._changed = changed

    def enabled(self) -> list[Resource]:
        return self._store.query(KIND, status=ENABLED, order_by="name", descending=False)

    def find(self, name: str) -> Resource | None:
        return self._store.get(KIND, name)

    async def put(self, request: Request) -> Document:
        self._check_bus(request)
        _check_when(request)
        name, now, status = request["Name"], self._clock.time(), request.get("State", ENABLED)
        given = {field: request[field] for field in _FIELDS if request.get(field)}
        old = self.find(name)
        if old is None:
            if len(self._store.query(KIND)) >= _MOST_RULES:
                raise ApiError("LimitExceededException", f"There are {_MOST_RULES} rules, no more are allowed. Delete one.")
            arn = f"arn:aws:events:{self._place}:rule/{name}"
            body = {**given, "Anchor": now, "Tags": request.get("Tags", [])}
            self._store.insert(Resource(kind=KIND, arn=arn, name=name, status=status, created=now, modified=now, body=body))
        else:
            arn = old.arn
            same = (old.body.get("ScheduleExpression"), old.status) == (given.get("ScheduleExpression"), status)
            kept = {"Anchor": old.body["Anchor"] if same else now, "Tags": old.body["Tags"], "Targets": targets_of(old)}
            self._store.update(arn, modified=now, status=status, body={**given, **kept}, replace=True)
        self._changed()
        return {"RuleArn": arn}

    async def describe(self, request: Request) -> Document:
        rule = self._found(request["Name"], request)
        return {**_summary(rule), "CreatedBy": self._place.rpartition(":")[2]}

    async def list(self, request: Request) -> Document:
        self._check_bus(request)
        prefix = request.get("NamePrefix", "")
        found = [rule for rule in self._store.query(KIND, order_by="name", descending=False) if rule.name.startswith(prefix)]
        shown, more = page(found, _limited(request))
        return {"Rules": [_summary(rule) for rule in shown], **more}

    async def list_by_target(self, request: Request) -> Document:
        self._check_bus(request)
        wanted = request["TargetArn"]
        rules = self._store.query(KIND, order_by="name", descending=False)
        names = [rule.name for rule in rules if any(target["Arn"] == wanted for target in targets_of(rule).values())]
        shown, more = page(names, _limited(request))
        return {"RuleNames": shown, **more}

    async def delete(self, request: Request) -> Document:
        self._check_bus(request)
        rule = self.find(request["Name"])
        if rule is not None and targets_of(rule):
            raise _invalid("Rule can't be deleted since it has targets. Remove them with RemoveTargets first.")
        if rule is not None:
            self._store.delete(rule.arn)
            self._changed()
        return {}

    async def enable(self, request: Request) -> Document:
        return self._switch(request, ENABLED)

    async def disable(self, request: Request) -> Document:
        return self._switch(request, "DISABLED")

    def _switch(self, request: Request, status: str) -> Document:
        rule = self._found(request["Name"], request)
        if rule.status != status:
            now = self._clock.time()
            self._store.update(rule.arn, modified=now, status=status, body={"Anchor": now})
            self._changed()
        return {}

    async def put_targets(self, request: Request) -> Document:
        rule = self._found(request["Rule"], request)
        for target in request["Targets"]:
            _check_target(target)
        targets = targets_of(rule) | {target["Id"]: target for target in request["Targets"]}
        if len(targets) > _MOST_TARGETS:
            raise ApiError(
                "LimitExceededException", f"Rule {rule.name} would have {len(targets)} targets; {_MOST_TARGETS} are allowed."
            )
        self._store.update(rule.arn, modified=self._clock.time(), body={"Targets": targets})
        return {"FailedEntryCount": 0, "FailedEntries": []}

    async def remove_targets(self, request: Request) -> Document:
        rule = self._found(request["Rule"], request)
        targets = targets_of(rule)
        failed = [
            {"TargetId": id_, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Rule {rule.name} has no target {id_}."}
            for id_ in request["Ids"]
            if id_ not in targets
        ]
        left = {id_: target for id_, target in targets.items() if id_ not in request["Ids"]}
        self._store.update(rule.arn, modified=self._clock.time(), body={"Targets": left})
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    async def list_targets(self, request: Request) -> Document:
        rule = self._found(request["Rule"], request)
        shown, more = page(list(targets_of(rule).values()), _limited(request))
        return {"Targets": shown, **more}

    async def tag(self, request: Request) -> Document:
        rule = self._at(request["ResourceARN"])
        tags = {tag["Key"]: tag["Value"] for tag in (*rule.body["Tags"], *request["Tags"])}
        return self._retag(rule, [{"Key": key, "Value": value} for key, value in tags.items()])

    async def untag(self, request: Request) -> Document:
        rule = self._at(request["ResourceARN"])
        return self._retag(rule, [tag for tag in rule.body["Tags"] if tag["Key"] not in request["TagKeys"]])

    async def list_tags(self, request: Request) -> Document:
        return {"Tags": self._at(request["ResourceARN"]).body["Tags"]}

    def _retag(self, rule: Resource, tags: Iterable[Mapping[str, Any]]) -> Document:
        self._store.update(rule.arn, modified=rule.modified, body={"Tags": list(tags)})
        return {}

    def _at(self, arn: str) -> Resource:
        rule = self._store.find(arn)
        if rule is None or rule.kind != KIND:
            raise ApiError("ResourceNotFoundException", f"Rule {arn} does not exist.")
        return rule

    def _found(self, name: str, request: Request) -> Resource:
        self._check_bus(request)
        rule = self.find(name)
        if rule is None:
            raise ApiError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {_BUS}.")
        return rule

    def _check_bus(self, request: Request) -> None:
        name = request.get("EventBusName", _BUS)
        if name not in {_BUS, f"arn:aws:events:{self._place}:event-bus/{_BUS}"}:
            raise ApiError("ResourceNotFoundException", f"Event bus {name} does not exist. Here there is the default bus alone.")


def _check_when(request: Request) -> None:
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise _invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    try:
        if pattern:
            _parsed_pattern(pattern)
        if schedule:
            _parsed_schedule(schedule)
    except BadPattern as error:
        raise ApiError("InvalidEventPatternException", str(error)) from error
    except BadSchedule as error:
        raise _invalid(f"Parameter ScheduleExpression is not valid: {error}.") from error


def _check_target(target: Document) -> None:
    subject = f"target {target['Id']}"
    if not _PIPELINE.fullmatch(target["Arn"]):
        raise _invalid(
            f"The Arn {target['Arn']} of {subject} is no pipeline's; rules of the local SageMaker start pipelines alone."
        )
    if "RoleArn" not in target:
        raise _invalid(f"RoleArn is required for {subject}, {target['Arn']}.")
    if unknown := sorted(set(target) - _TARGET_FIELDS):
        raise _invalid(f"{', '.join(unknown)} of {subject} is not for pipelines.")
    if len(_INPUTS & set(target)) > 1:
        raise _invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for {subject}.")
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
    names = [parameter["Name"] for parameter in given]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise _invalid(f"The parameter {', '.join(doubled)} of {subject} is given twice.")
    paths = [target["InputPath"]] if target.get("InputPath") else []
    for path in (*paths, *(parameter["Value"] for parameter in given if is_path(parameter["Value"]))):
        try:
            parse_path(path)
        except ValueError as error:
            raise _invalid(f"In {subject} {error}.") from error


def _summary(rule: Resource) -> Document:
    shown = {"Name": rule.name, "Arn": rule.arn, "State": rule.status, "EventBusName": _BUS}
    return {**shown, **{field: rule.body[field] for field in _FIELDS if field in rule.body}}


def _limited(request: Request) -> Request:
    return {"MaxResults": request.get("Limit"), "NextToken": request.get("NextToken")}


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)
