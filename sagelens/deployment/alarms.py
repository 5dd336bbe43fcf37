"""The alarms of a rollout: made for the new fleet alone, watched, and removed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.deployment.plan import name_prefix
from sagelens.errors import NotFound, Refused
from sagelens.values import CloudWatchClient
from sagelens.values.guard import ExistingAlarm, Guard, MetricGuard

__all__ = [
    "Fleet",
    "alarm_name",
    "alarm_request",
    "check_quiet",
    "create_alarms",
    "remove_alarms",
    "states_of",
    "why_rung",
]

_MOST_NAMES = 100
_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The instances of one variant of one config: what a green-only alarm looks at."""

    endpoint: str
    config: str
    variant: str

    def dimensions(self) -> dict[str, str]:
        return {"EndpointName": self.endpoint, "VariantName": self.variant, "EndpointConfigName": self.config}


def alarm_name(guard: Guard, config: str) -> str:
    return guard.name if isinstance(guard, ExistingAlarm) else f"{config}-{guard.what}"


def alarm_request(guard: MetricGuard, fleet: Fleet) -> dict[str, Any]:
    """PutMetricAlarm's request. Data of this config begin when it first gets traffic, so missing ones do not breach."""
    name = alarm_name(guard, fleet.config)
    if len(name) > _LONGEST_NAME:
        raise Refused(f"The alarm's name '{name}' is longer than {_LONGEST_NAME} characters. Shorten the alarm's name.")
    chosen = guard.dimensions or fleet.dimensions()
    percentile = guard.statistic.startswith("p")
    request: dict[str, Any] = {
        "AlarmName": name,
        "AlarmDescription": _owner(fleet.endpoint, fleet.config),
        "Namespace": guard.namespace,
        "MetricName": guard.metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in chosen.items()],
        "ExtendedStatistic" if percentile else "Statistic": guard.statistic,
        "Period": guard.period,
        "EvaluationPeriods": guard.evaluation_periods,
        "Threshold": guard.threshold,
        "ComparisonOperator": "GreaterThanThreshold" if guard.above else "LessThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    if guard.datapoints:
        request["DatapointsToAlarm"] = guard.datapoints
    return request


def create_alarms(guards: Iterable[Guard], fleet: Fleet, *, cloudwatch: CloudWatchClient) -> list[str]:
    """Make what has to be made; the names of all that are to be watched."""
    names = []
    for guard in guards:
        if isinstance(guard, MetricGuard):
            cloudwatch.put_metric_alarm(**alarm_request(guard, fleet))
        names.append(alarm_name(guard, fleet.config))
    return names


def check_quiet(names: Sequence[str], *, force: bool, cloudwatch: CloudWatchClient) -> None:
    """Raises NotFound for an alarm that does not exist, Refused for one that rings already (unless forced)."""
    states = states_of(names, cloudwatch=cloudwatch)
    if unknown := [name for name in names if name not in states]:
        raise NotFound(f"CloudWatch has no alarm named {', '.join(unknown)}. Correct deployment.alarms, or create it.")
    ringing = [name for name, (state, _) in states.items() if state == "ALARM"]
    if ringing and not force:
        raise Refused(
            f"The alarm {', '.join(ringing)} is in ALARM already, so the deployment would be undone at its first bake: "
            f"{states[ringing[0]][1]} Wait until it is quiet, or force the deployment (deployment.force)."
        )


def states_of(names: Sequence[str], *, cloudwatch: CloudWatchClient) -> dict[str, tuple[str, str]]:
    """State (OK, ALARM, INSUFFICIENT_DATA) and reason by name; those that do not exist are left out."""
    if not names:
        return {}
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = cloudwatch.describe_alarms(AlarmNames=list(names), AlarmTypes=kinds, MaxRecords=_MOST_NAMES)
    found = (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ()))
    return {alarm["AlarmName"]: (alarm["StateValue"], alarm.get("StateReason", "")) for alarm in found}


def remove_alarms(endpoint: str, *, keep: Collection[str] = (), cloudwatch: CloudWatchClient) -> list[str]:
    """Remove every alarm that a deployment to this endpoint made, but those of the configs in `keep`; their names."""
    doomed = [
        alarm["AlarmName"]
        for alarm in _alarms_below(name_prefix(endpoint), cloudwatch)
        if (config := _config_of(alarm, endpoint)) and config not in keep
    ]
    for first in range(0, len(doomed), _MOST_NAMES):
        cloudwatch.delete_alarms(AlarmNames=doomed[first : first + _MOST_NAMES])
    return doomed


def why_rung(names: Sequence[str], *, since: float, cloudwatch: CloudWatchClient) -> str:
    """Which of these alarms went to ALARM since then, and why, as CloudWatch's history tells; empty if none did."""
    found = [_rung(name, since, cloudwatch) for name in names]
    return "; ".join(filter(None, found))


def _rung(name: str, since: float, cloudwatch: CloudWatchClient) -> str:
    answer = cloudwatch.describe_alarm_history(
        AlarmName=name,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        HistoryItemType="StateUpdate",
        StartDate=datetime.fromtimestamp(since, UTC),
        ScanBy="TimestampAscending",
    )
    for item in answer.get("AlarmHistoryItems", ()):
        state, reason = _new_state(item)
        if state == "ALARM":
            return f"alarm {name} rang at {item['Timestamp'].astimezone(UTC):%H:%M:%S} UTC: {reason}"
    return ""


def _new_state(item: Mapping[str, Any]) -> tuple[str, str]:
    """From an AlarmHistoryItem, whose HistoryData is JSON; its summary says "Alarm updated from OK to ALARM"."""
    summary = str(item.get("HistorySummary", ""))
    try:
        new = json.loads(item.get("HistoryData", ""))["newState"]
        return str(new["stateValue"]), str(new.get("stateReason") or summary)
    except (ValueError, KeyError, TypeError):
        return ("ALARM" if summary.endswith("to ALARM") else ""), summary


def _alarms_below(prefix: str, cloudwatch: CloudWatchClient) -> Iterable[Mapping[str, Any]]:
    request: dict[str, Any] = {"AlarmNamePrefix": prefix, "AlarmTypes": ["MetricAlarm"], "MaxRecords": _MOST_NAMES}
    while True:
        page = cloudwatch.describe_alarms(**request)
        yield from page.get("MetricAlarms", ())
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _owner(endpoint: str, config: str) -> str:
    return f"Guards the deployment of {config} on endpoint {endpoint}. Made by sagelens, which removes it at the end."


def _config_of(alarm: Mapping[str, Any], endpoint: str) -> str:
    """The config whose deployment made this alarm; empty for an alarm of anybody else."""
    said = str(alarm.get("AlarmDescription", ""))
    config = said.removeprefix("Guards the deployment of ").partition(" ")[0]
    ours = said == _owner(endpoint, config) and str(alarm["AlarmName"]).startswith(f"{config}-")
    return config if ours else ""
