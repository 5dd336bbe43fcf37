"""DescribeAlarms, DescribeAlarmsForMetric and DescribeAlarmHistory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sagelens.local.metrics.alarm import COMPOSITE, METRIC, Alarm
from sagelens.local.metrics.book import AlarmBook
from sagelens.local.metrics.condition import Condition
from sagelens.local.metrics.paging import paged
from sagelens.local.metrics.queries import MetricStat, metric_of
from sagelens.local.metrics.rule import Rule
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["describe_alarm_history", "describe_alarms", "describe_alarms_for_metric"]

_PAGE = 50
_HISTORY_PAGE = 100
_KIN = ("ChildrenOfAlarmName", "ParentsOfAlarmName")
_FILTERS = ("AlarmNames", "AlarmNamePrefix", "StateValue", "ActionPrefix", "AlarmTypes")


def describe_alarms(book: AlarmBook, request: Request) -> Document:
    """Metric alarms only, unless AlarmTypes asks for others, as CloudWatch does."""
    kin = [member for member in _KIN if member in request]
    if kin:
        _check_alone(request, kin)
        found = _relatives(book, kin[0], request[kin[0]])
    else:
        if "AlarmNames" in request and "AlarmNamePrefix" in request:
            raise _invalid("AlarmNames and AlarmNamePrefix cannot be combined.")
        kinds = request.get("AlarmTypes") or [METRIC]
        found = [alarm for alarm in book if alarm.resource.kind in kinds and _passes(alarm, request)]
    shown, more = paged(found, request, request.get("MaxRecords", _PAGE))
    return {
        "MetricAlarms": [_described(alarm) for alarm in shown if alarm.resource.kind == METRIC],
        "CompositeAlarms": [_described(alarm) for alarm in shown if alarm.resource.kind == COMPOSITE],
        **more,
    }


def describe_alarms_for_metric(book: AlarmBook, request: Request) -> Document:
    """The alarms on that very metric, those on an expression that uses it included."""
    metric = metric_of(request)
    statistic = request.get("ExtendedStatistic", request.get("Statistic"))

    def watches(source: MetricStat, period: int) -> bool:
        return (
            source.metric == metric
            and statistic in {None, source.statistic.name}
            and request.get("Period", period) == period
            and request.get("Unit", source.unit) == source.unit
        )

    return {"MetricAlarms": [_described(alarm) for alarm in book if _has_source(alarm, watches)]}


def describe_alarm_history(book: AlarmBook, request: Request) -> Document:
    kinds = request.get("AlarmTypes") or [METRIC]
    found = book.history.items(
        alarm=request.get("AlarmName"),
        item=request.get("HistoryItemType"),
        start=request.get("StartDate"),
        end=request.get("EndDate"),
        newest_first=request.get("ScanBy", "TimestampDescending") == "TimestampDescending",
    )
    items = [item for item in found if item["AlarmType"] in kinds]
    shown, more = paged(items, request, request.get("MaxRecords", _HISTORY_PAGE))
    return {"AlarmHistoryItems": shown, **more}


def _check_alone(request: Request, kin: list[str]) -> None:
    others = [member for member in (*kin[1:], *_FILTERS) if member in request]
    if others:
        raise _invalid(f"{kin[0]} cannot be combined with {', '.join(others)}.")


def _relatives(book: AlarmBook, member: str, name: str) -> list[Alarm]:
    alarm = book.get(name)
    if alarm is None:
        raise _invalid(f"{member}: there is no alarm '{name}'.")
    if member == "ParentsOfAlarmName":
        return book.dependants(name)
    children = alarm.check.alarms if isinstance(alarm.check, Rule) else ()
    return [child for child in map(book.get, children) if child is not None]


def _passes(alarm: Alarm, request: Request) -> bool:
    body = alarm.resource.body
    actions: Iterable[str] = [*body["OKActions"], *body["AlarmActions"], *body["InsufficientDataActions"]]
    return (
        alarm.name in request.get("AlarmNames", (alarm.name,))
        and alarm.name.startswith(request.get("AlarmNamePrefix", ""))
        and request.get("StateValue", alarm.state) == alarm.state
        and ("ActionPrefix" not in request or any(action.startswith(request["ActionPrefix"]) for action in actions))
    )


def _has_source(alarm: Alarm, watches: Callable[[MetricStat, int], bool]) -> bool:
    return isinstance(alarm.check, Condition) and any(
        isinstance(query.source, MetricStat) and watches(query.source, query.period) for query in alarm.check.queries.given
    )


def _described(alarm: Alarm) -> Document:
    return {**alarm.resource.body, "AlarmName": alarm.name, "AlarmArn": alarm.resource.arn, "StateValue": alarm.state}


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
