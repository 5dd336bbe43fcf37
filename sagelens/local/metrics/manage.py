"""PutMetricAlarm, PutCompositeAlarm, SetAlarmState, DeleteAlarms, Enable- and DisableAlarmActions, and tags of alarms."""

from __future__ import annotations

import json

from sagelens.local.metrics.alarm import COMPOSITE, Alarm, check
from sagelens.local.metrics.book import AlarmBook
from sagelens.local.metrics.condition import INSUFFICIENT_DATA
from sagelens.local.metrics.reasons import CREATED
from sagelens.local.metrics.rule import Rule
from sagelens.local.ports import ApiError, Request, Resource

__all__ = ["alarm_at", "delete", "enable_actions", "put", "set_state", "tag", "untag"]

_MOST_ALARMS = 5000
_ACTIONS = {"ActionsEnabled": True, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": []}
_KEPT_WITH_STATE = ("StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp", "Tags")


def put(book: AlarmBook, kind: str, request: Request, *, place: str, now: float) -> None:
    """Create or reconfigure an alarm. One that exists keeps its state and its tags."""
    name, old = request["AlarmName"], book.get(request["AlarmName"])
    checked = check(kind, request)
    if old is not None and old.resource.kind != kind:
        raise _invalid(f"'{name}' is the name of a {old.resource.kind}. Choose another, or delete that alarm first.")
    if old is None and len(book) >= _MOST_ALARMS:
        raise ApiError("LimitExceeded", f"There are {_MOST_ALARMS} alarms already, which is the most. Delete some first.")
    if isinstance(checked, Rule):
        _check_rule(book, name, checked)
    before = {
        "StateReason": CREATED,
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
        "Tags": request.get("Tags", []),
    }
    if old is not None:
        before = {member: old.resource.body[member] for member in _KEPT_WITH_STATE if member in old.resource.body}
    resource = Resource(
        kind=kind,
        arn=f"{place}{name}",
        name=name,
        status=INSUFFICIENT_DATA if old is None else old.state,
        created=now if old is None else old.resource.created,
        modified=now,
        body={
            **_ACTIONS,
            **({"Dimensions": []} if "MetricName" in request else {}),
            **request,
            **before,
            "AlarmConfigurationUpdatedTimestamp": now,
        },
    )
    book.put(Alarm(resource, checked), new=old is None)


def set_state(book: AlarmBook, request: Request) -> None:
    name, data = request["AlarmName"], request.get("StateReasonData")
    _known(book, name)
    if data is not None:
        try:
            json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ApiError("InvalidFormat", f"StateReasonData is not JSON: {error}") from error
    book.set_state(name, request["StateValue"], request["StateReason"], data)


def delete(book: AlarmBook, names: list[str]) -> None:
    """Delete all of these alarms, or none."""
    names = list(dict.fromkeys(names))
    composites = [name for name in names if _known(book, name).resource.kind == COMPOSITE]
    if len(composites) > 1:
        raise _invalid(f"Only one composite alarm can be deleted at a time, not {', '.join(composites)}.")
    for name in names:
        left = [alarm.name for alarm in book.dependants(name) if alarm.name not in names]
        if left:
            raise _invalid(f"Cannot delete {name} as there are composite alarm(s) depending on it: {', '.join(left)}.")
    book.delete(names)


def enable_actions(book: AlarmBook, names: list[str], *, enabled: bool) -> None:
    """Names that no alarm has are passed over, as CloudWatch does."""
    for name in names:
        if book.get(name) is not None:
            book.change(name, ActionsEnabled=enabled)


def tag(book: AlarmBook, arn: str, tags: list[dict[str, str]]) -> None:
    alarm = alarm_at(book, arn)
    kept = {entry["Key"]: entry["Value"] for entry in [*alarm.resource.body.get("Tags", ()), *tags]}
    if len(kept) > 50:
        raise ApiError("InvalidParameterValue", f"An alarm can have 50 tags; '{alarm.name}' would have {len(kept)}.")
    book.change(alarm.name, Tags=[{"Key": key, "Value": value} for key, value in kept.items()])


def untag(book: AlarmBook, arn: str, keys: list[str]) -> None:
    alarm = alarm_at(book, arn)
    book.change(alarm.name, Tags=[entry for entry in alarm.resource.body.get("Tags", ()) if entry["Key"] not in keys])


def alarm_at(book: AlarmBook, arn: str) -> Alarm:
    """The alarm of that ARN; ApiError ResourceNotFoundException."""
    alarm = next((alarm for alarm in book if alarm.resource.arn == arn), None)
    if alarm is None:
        raise ApiError("ResourceNotFoundException", f"No alarm has the ARN '{arn}'.", ResourceType="Alarm", ResourceId=arn)
    return alarm


def _check_rule(book: AlarmBook, name: str, rule: Rule) -> None:
    missing = [alarm for alarm in rule.alarms if book.get(alarm) is None and alarm != name]
    if missing:
        raise _invalid(f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist.")
    ahead, seen = list(rule.alarms), set[str]()
    while ahead:
        alarm = ahead.pop()
        if alarm == name:
            raise _invalid(f"The AlarmRule of '{name}' comes back to '{name}' itself. Break the circle.")
        found = book.get(alarm)
        if alarm not in seen and found is not None and isinstance(found.check, Rule):
            ahead.extend(found.check.alarms)
        seen.add(alarm)


def _known(book: AlarmBook, name: str) -> Alarm:
    alarm = book.get(name)
    if alarm is None:
        raise ApiError("ResourceNotFound", f"There is no alarm '{name}'.", status=404)
    return alarm


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
