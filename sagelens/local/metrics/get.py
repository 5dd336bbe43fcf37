"""GetMetricData, GetMetricStatistics and ListMetrics.

Windows begin at StartTime, rounded down: to the whole minute, or for periods below one to a multiple of the period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sagelens.local.metrics.compute import Points
from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.paging import paged
from sagelens.local.metrics.queries import MetricStat, Windows, check_period, metric_of, queries_of
from sagelens.local.metrics.series import AHEAD, KEPT
from sagelens.local.metrics.statistic import Statistic, statistic_of
from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["get_metric_data", "get_metric_statistics", "list_metrics"]

_MOST_COMPUTED = 5_000_000
"""Some seconds's work; an expression of ten parts over three hours by the second computes a hundred thousand."""
_MOST_DATAPOINTS = 100_800
_MOST_STATISTICS_POINTS = 1440
_METRICS_A_PAGE = 500


async def get_metric_data(data: MetricData, request: Request, now: float) -> Document:
    start, end = _span(request, code="ValidationError")
    queries = queries_of(request["MetricDataQueries"])

    def windows(period: int) -> Windows:
        return _kept(_windows(start, end, period), now)

    if queries.cost(windows) > _MOST_COMPUTED:
        raise ApiError(
            "ValidationError",
            f"The expressions compute more than {_MOST_COMPUTED} values. Reduce the time range, or increase the period.",
        )
    answers = await queries.answer_aside(data, windows)
    descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    found = [_Found(query.id, query.label, answers[query.id], descending) for query in queries.returned]
    return _paged(found, request)


def get_metric_statistics(data: MetricData, request: Request) -> Document:
    named, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(named) == bool(extended):
        raise ApiError("InvalidParameterCombination", "Give either Statistics or ExtendedStatistics, and at least one of them.")
    statistics = [statistic_of(name) for name in [*named, *extended]]
    period = check_period(request["Period"], code="InvalidParameterValue")
    windows = _windows(*_span(request, code="InvalidParameterValue"), period)
    if windows.count > _MOST_STATISTICS_POINTS:
        raise ApiError(
            "InvalidParameterCombination",
            f"You have requested up to {windows.count} datapoints, which exceeds the limit of {_MOST_STATISTICS_POINTS}. Reduce "
            "the time range, or increase the period.",
        )
    metric, unit = metric_of(request, code="InvalidParameterValue"), request.get("Unit")
    summaries = MetricStat(metric, statistics[0], unit).summaries(data, windows)
    shown = unit or min(data.units(metric), default="None")
    points = [_datapoint(start, summary, statistics, shown) for start, summary in sorted(summaries.items())]
    return {"Label": metric.name, "Datapoints": [point for point in points if len(point) > 2]}


def list_metrics(data: MetricData, request: Request, now: float) -> Document:
    since = now - KEPT if request.get("RecentlyActive") else 0.0
    found = sorted(metric for metric, fed in data.metrics().items() if fed >= since and _matches(metric, request))
    shown, more = paged(found, request, _METRICS_A_PAGE)
    return {"Metrics": [_described(metric) for metric in shown], **more}


def _span(request: Request, *, code: str) -> tuple[float, float]:
    start, end = request["StartTime"], request["EndTime"]
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise ApiError(code, "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _windows(start: float, end: float, period: int) -> Windows:
    """Those that begin before `end`."""
    whole = min(period, 60)
    first = math.floor(start) // whole * whole
    return Windows(first, period, max(math.ceil((end - first) / period), 1))


def _kept(windows: Windows, now: float) -> Windows:
    """Those of which anything can be known: an expression may fill the others, but not for all eternity."""
    starts = windows.starts
    before = max(math.ceil((now - KEPT - starts.start) / windows.period), 0)
    after = max((starts.stop - int(now + AHEAD)) // windows.period, 0)
    first = starts.start + before * windows.period
    return Windows(first, windows.period, max(windows.count - before - after, 0))


def _datapoint(start: int, summary: Summary, statistics: list[Statistic], unit: str) -> Document:
    values = {statistic: statistic.of(summary) for statistic in statistics}
    named = {statistic.name: value for statistic, value in values.items() if statistic.percent is None}
    extended = {
        statistic.name: value for statistic, value in values.items() if statistic.percent is not None and value is not None
    }
    return {"Timestamp": float(start), "Unit": unit, **named, **({"ExtendedStatistics": extended} if extended else {})}


@dataclass(frozen=True)
class _Found:
    """What a query found; its points in order of time, or against it."""

    id: str
    label: str
    points: Points
    descending: bool

    def part(self, start: int, end: int) -> Document:
        """The result that holds those points of all."""
        moments = sorted(self.points, reverse=self.descending)[max(start, 0) : end]
        return {
            "Id": self.id,
            "Label": self.label,
            "Timestamps": list(map(float, moments)),
            "Values": [self.points[moment] for moment in moments],
            "StatusCode": "PartialData" if moments and end < len(self.points) else "Complete",
        }


def _paged(found: list[_Found], request: Request) -> Document:
    """Results until MaxDatapoints are full; the token counts the datapoints that went before."""
    most = min(request.get("MaxDatapoints", _MOST_DATAPOINTS), _MOST_DATAPOINTS)
    if most < 1:
        raise ApiError("ValidationError", f"MaxDatapoints must be at least 1; it is {most}.")
    shown, more = paged(range(sum(len(each.points) for each in found)), request, most)
    first, after = (shown[0], shown[-1] + 1) if shown else (0, 0)
    results, passed = [], 0
    for each in found:
        count = len(each.points)
        if not count or (passed < after and first < passed + count):
            results.append(each.part(first - passed, after - passed))
        passed += count
    return {"MetricDataResults": results, "Messages": [], **more}


def _matches(metric: MetricId, request: Request) -> bool:
    dimensions = dict(metric.dimensions)
    return (
        request.get("Namespace", metric.namespace) == metric.namespace
        and request.get("MetricName", metric.name) == metric.name
        and all(
            filter_["Name"] in dimensions and filter_.get("Value", dimensions[filter_["Name"]]) == dimensions[filter_["Name"]]
            for filter_ in request.get("Dimensions", ())
        )
    )


def _described(metric: MetricId) -> Document:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
