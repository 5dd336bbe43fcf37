"""Events as EventBridge has them, and those that the service itself sends."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.local.ports import Document, Resource

__all__ = ["Maker", "alarm_detail", "execution_detail", "moment", "package_detail"]

_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic")


@dataclass(frozen=True)
class Maker:
    """Makes events of one account and region."""

    account: str
    region: str

    def event(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        *,
        time: float,
        resources: Sequence[str] = (),
        id_: str = "",
    ) -> Document:
        """`id_` where the same event must get the same id again."""
        return {
            "version": "0",
            "id": id_ or str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self.account,
            "time": moment(time),
            "region": self.region,
            "resources": list(resources),
            "detail": dict(detail),
        }


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def execution_detail(execution: Resource, document: Mapping[str, Any], before: str) -> Document:
    """Of "SageMaker Model Building Pipeline Execution Status Change"."""
    detail: Document = {
        "pipelineArn": execution.body["PipelineArn"],
        "pipelineExecutionArn": execution.arn,
        "pipelineExecutionDisplayName": execution.body.get("PipelineExecutionDisplayName"),
        "pipelineExecutionDescription": execution.body.get("PipelineExecutionDescription"),
        "currentPipelineExecutionStatus": document["status"],
        "previousPipelineExecutionStatus": before or None,
        "executionStartTime": moment(execution.created),
        "executionEndTime": moment(document["finished"]) if document.get("finished") else None,
    }
    return {name: value for name, value in detail.items() if value is not None}


def package_detail(package: Mapping[str, Any], changed: Sequence[str]) -> Document:
    """Of "SageMaker Model Package State Change": what Describe answers, and, of one that was updated, which fields changed."""
    shown = {name: _plain(value) for name, value in package.items() if value is not None}
    return {**shown, **({"UpdatedModelPackageFields": list(changed)} if changed else {})}


def alarm_detail(old: Resource, new: Resource) -> Document:
    """Of "CloudWatch Alarm State Change"."""
    return {
        "alarmName": new.name,
        "state": _state(new),
        "previousState": _state(old),
        "configuration": _configuration(new.body),
    }


def _state(alarm: Resource) -> Document:
    state = {"value": alarm.status, "reason": alarm.body["StateReason"], "timestamp": moment(alarm.body["StateUpdatedTimestamp"])}
    data = alarm.body.get("StateReasonData")
    return {**state, **({"reasonData": data} if data else {})}


def _configuration(body: Mapping[str, Any]) -> Document:
    described = {"description": body["AlarmDescription"]} if body.get("AlarmDescription") else {}
    if "AlarmRule" in body:
        return {**described, "alarmRule": body["AlarmRule"]}
    if "MetricName" not in body:
        return {**described, "metrics": body.get("Metrics", [])}
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in body.get("Dimensions", ())}
    metric = {"namespace": body["Namespace"], "name": body["MetricName"], "dimensions": dimensions}
    stat = {"metric": metric, "period": body["Period"], "stat": body.get("Statistic") or body.get("ExtendedStatistic")}
    return {**described, "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]}


def _plain(value: Any) -> Any:
    """Times as texts: an answer has them as numbers."""
    return moment(value) if isinstance(value, float) and value > 1e8 else value
