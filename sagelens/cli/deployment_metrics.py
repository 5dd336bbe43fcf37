"""What CloudWatch tells of a deployment: both fleets over time or just now, and the changes of its alarms.

Once a deployment has ended it is kept, so that its page can be drawn when the data are gone: in
`s3://<bucket>/deployments-observed/<endpoint>/`, under the name that its record has in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.cli.objects import read_json_or_none
from sagelens.deployment import Record, Release
from sagelens.deployment.alarms import alarm_name
from sagelens.deployment.trial_configs import new_variant_name
from sagelens.values.grammar import alarms_of
from sagelens.values.guard import SAGEMAKER, Guard

__all__ = ["Fleets", "Source", "fleets_of", "guards_of", "latest", "observe", "observed_of"]

_STATISTICS = {
    "Invocations": ("Invocations", "Sum"),
    "Invocation4XXErrors": ("Invocation4XXErrors", "Sum"),
    "Invocation5XXErrors": ("Invocation5XXErrors", "Sum"),
    "ModelLatency p50": ("ModelLatency", "p50"),
    "ModelLatency p99": ("ModelLatency", "p99"),
}
_PERIODS = (1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
_MOST_POINTS = 150
_MINUTE = 60
_DETAILED = 2.5 * 3600
"""How long periods below a minute can be asked for; CloudWatch keeps them for three hours."""

Series = dict[str, list[list[float]]]


@dataclass(frozen=True)
class Source:
    """One variant of one endpoint config, of which CloudWatch counts apart."""

    config: str
    variant: str


@dataclass(frozen=True, kw_only=True)
class Fleets:
    """The old and the new model's instances, each under all the configs that they served with while this deployment ran."""

    endpoint: str
    old: tuple[Source, ...]
    new: tuple[Source, ...]


def fleets_of(record: Record, variant: str) -> Fleets:
    """`variant` is the production variant that is deployed to."""
    new = _new_variant(record)
    before = () if record.previous_config in {None, record.config} else (Source(str(record.previous_config), variant),)
    trials = record.trial_configs
    return Fleets(
        endpoint=record.endpoint,
        old=(*before, *(Source(config, variant) for config in trials)),
        new=(Source(record.config, variant), *(Source(config, name) for config in trials for name in (new, f"{new}-shadow"))),
    )


def guards_of(record: Record) -> dict[str, Guard]:
    """What its alarms watch, by the alarms' names."""
    guards = alarms_of(record.alarms).guards if record.alarms else ()
    return {alarm_name(guard, config): guard for config in (record.config, *record.trial_configs) for guard in guards}


def latest(fleets: Fleets, *, now: float, cloudwatch: Any) -> dict[str, dict[str, float]]:
    """By fleet (`old`, `new`) and statistic, the last whole minute, or what there is of this one; nothing for older data."""
    this = now // _MINUTE * _MINUTE
    series = _series(fleets, start=this - _MINUTE, end=now + 1, period=_MINUTE, cloudwatch=cloudwatch)
    found = {}
    for fleet, statistics in series.items():
        times = {time for values in statistics.values() for time, _ in values if time >= this - _MINUTE}
        shown = min(times, default=None)
        found[fleet] = {name: value for name, values in statistics.items() for time, value in values if time == shown}
    return found


def observed_of(record: Record, *, bucket: str, variant: str, clock: str, cloudwatch: Any, s3: Any) -> dict[str, Any]:
    """What was kept of an ended deployment; else what CloudWatch tells now, which is kept then."""
    key = f"deployments-observed/{record.endpoint}/{record.key.rpartition('/')[2]}"
    kept = read_json_or_none(s3, f"s3://{bucket}/{key}")
    if kept is not None:
        return dict(kept)
    found = observe(record, variant=variant, clock=clock, cloudwatch=cloudwatch)
    if record.finished is not None:
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(found).encode(), ContentType="application/json")
    return found


def observe(record: Record, *, variant: str, clock: str, cloudwatch: Any) -> dict[str, Any]:
    """As `sagelens.evaluation.report.Deployment.observed` wants it."""
    end = record.finished or record.updated or record.started
    start, stop = record.started - 1, end + 1
    fleets = fleets_of(record, variant)
    period = _period(stop - start)
    series = _series(fleets, start=start, end=stop, period=period, cloudwatch=cloudwatch)
    if period < _MINUTE and not any(values for found in series.values() for values in found.values()):
        # An endpoint on AWS has a point a minute; only the local service counts more finely.
        period = _MINUTE
        series = _series(fleets, start=start, end=stop, period=period, cloudwatch=cloudwatch)
    return {
        "version": 1,
        "clock": clock,
        "period": period,
        "fleets": series,
        "alarms": {
            name: {"watches": str(guard), "changes": list(_changes(name, record.started, stop, cloudwatch))}
            for name, guard in guards_of(record).items()
        },
    }


def _new_variant(record: Record) -> str:
    release = Release(
        endpoint=record.endpoint,
        config_name=record.config,
        variant={},
        digest=record.model_digest,
        model_uri=record.model_uri,
        version=record.model_version,
    )
    return new_variant_name(release)


def _period(seconds: float) -> int:
    """The shortest with which the span has not too many points."""
    allowed = [period for period in _PERIODS if seconds <= _DETAILED or period >= _MINUTE]
    return next((period for period in allowed if seconds / period <= _MOST_POINTS), allowed[-1])


def _series(fleets: Fleets, *, start: float, end: float, period: int, cloudwatch: Any) -> dict[str, Series]:
    named = [
        (fleet, statistic, _query(fleets.endpoint, source, statistic, period))
        for fleet, sources in (("old", fleets.old), ("new", fleets.new))
        for source in sources
        for statistic in _STATISTICS
    ]
    answers = _answers([query | {"Id": f"q{n}"} for n, (_, _, query) in enumerate(named)], start, end, cloudwatch)
    found: dict[str, Series] = {"old": {}, "new": {}}
    for number, (fleet, statistic, _) in enumerate(named):
        values = found[fleet].setdefault(statistic, [])
        found[fleet][statistic] = _merged([*values, *answers.get(f"q{number}", [])], summed="Latency" not in statistic)
    return found


def _query(endpoint: str, source: Source, statistic: str, period: int) -> dict[str, Any]:
    metric, stat = _STATISTICS[statistic]
    named = {"EndpointName": endpoint, "VariantName": source.variant, "EndpointConfigName": source.config}
    dimensions = [{"Name": name, "Value": value} for name, value in named.items()]
    return {
        "MetricStat": {
            "Metric": {"Namespace": SAGEMAKER, "MetricName": metric, "Dimensions": dimensions},
            "Period": period,
            "Stat": stat,
        }
    }


def _answers(queries: Sequence[Mapping[str, Any]], start: float, end: float, cloudwatch: Any) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {}
    request = {
        "MetricDataQueries": queries,
        "StartTime": datetime.fromtimestamp(start, UTC),
        "EndTime": datetime.fromtimestamp(end, UTC),
        "ScanBy": "TimestampAscending",
    }
    while True:
        page = cloudwatch.get_metric_data(**request)
        for result in page["MetricDataResults"]:
            times = (moment.timestamp() for moment in result["Timestamps"])
            pairs = [[time, float(value)] for time, value in zip(times, result["Values"], strict=True)]
            found.setdefault(result["Id"], []).extend(pairs)
        if not page.get("NextToken"):
            return found
        request["NextToken"] = page["NextToken"]


def _merged(values: Iterable[list[float]], *, summed: bool) -> list[list[float]]:
    """Of several configs: counts of one time add up; of latencies, which cannot be merged, the larger one counts."""
    found: dict[float, float] = {}
    for time, value in values:
        found[time] = value if time not in found else found[time] + value if summed else max(found[time], value)
    return [[time, value] for time, value in sorted(found.items())]


def _changes(name: str, since: float, until: float, cloudwatch: Any) -> Iterator[list[Any]]:
    """Time, state and reason of each change of an alarm's state; the history outlives the alarm. First, the state before."""
    answer = cloudwatch.describe_alarm_history(
        AlarmName=name,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        HistoryItemType="StateUpdate",
        StartDate=datetime.fromtimestamp(since - 1, UTC),
        EndDate=datetime.fromtimestamp(until, UTC),
        ScanBy="TimestampAscending",
    )
    items = answer.get("AlarmHistoryItems", ())
    for place, item in enumerate(items):
        data = _data(item)
        if place == 0 and (before := data.get("oldState", {}).get("stateValue")):
            yield [since, before, ""]
        new = data.get("newState", {})
        state = new.get("stateValue") or str(item.get("HistorySummary", "")).rpartition(" to ")[2]
        yield [item["Timestamp"].timestamp(), state, new.get("stateReason", "")]


def _data(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(item.get("HistoryData", "")))
    except (ValueError, TypeError):
        return {}
