"""An alarm as it is kept, and how a request makes one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sagelens.local.metrics.condition import OPERATORS, Condition
from sagelens.local.metrics.queries import MetricStat, Queries, Query, Windows, queries_of, stat_of
from sagelens.local.metrics.rule import Rule, parse_rule
from sagelens.local.metrics.series import KEPT
from sagelens.local.ports import ApiError, Document, Resource

__all__ = ["COMPOSITE", "METRIC", "Alarm", "check"]

METRIC = "MetricAlarm"
COMPOSITE = "CompositeAlarm"

_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_LOW_SAMPLES = ("evaluate", "ignore")
_MOST_METRICS = 10
_MOST_QUERIES = 50
_MOST_COMPUTED = 50_000
"""Values that an evaluation computes: some milliseconds, in which nobody else has a turn."""
_FINE = (10, 20, 30)
_NOT_OFFERED = (
    "ActionConfiguration",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ThresholdMetricId",
    "WarmUpConfiguration",
)
_SINGLE = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit")


@dataclass(frozen=True)
class Alarm:
    """`resource` is what is kept, its status the alarm's state; `check` what follows from its body."""

    resource: Resource
    check: Condition | Rule

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def state(self) -> str:
        return self.resource.status

    @property
    def reason(self) -> str:
        return str(self.resource.body["StateReason"])


def check(kind: str, request: Document) -> Condition | Rule:
    """What a request of PutMetricAlarm or PutCompositeAlarm asks for; ApiError ValidationError for what does not hold."""
    for member in _NOT_OFFERED:
        if member in request:
            raise _invalid(f"{member} is not offered by the local SageMaker. Leave it out.")
    if "WallClockWindow" in request.get("EvaluationWindow", {}):
        raise _invalid("EvaluationWindow.WallClockWindow is not offered by the local SageMaker; windows are sliding.")
    return parse_rule(request["AlarmRule"]) if kind == COMPOSITE else _condition(request)


def _condition(request: Document) -> Condition:
    for member in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if member not in request:
            raise _invalid(f"The parameter {member} is required.")
    operator, periods = str(request["ComparisonOperator"]), int(request["EvaluationPeriods"])
    needed = int(request.get("DatapointsToAlarm", periods))
    if operator not in OPERATORS:
        raise _invalid(
            f"ComparisonOperator {operator} is for anomaly detection, which is not offered by the local SageMaker. Offered are "
            f"{', '.join(OPERATORS)}."
        )
    if needed > periods:
        raise _invalid(f"DatapointsToAlarm, {needed}, must not be greater than EvaluationPeriods, {periods}.")
    if not math.isfinite(request["Threshold"]):
        raise _invalid(f"Threshold must be a finite number, not {request['Threshold']}.")
    queries = _queries(request)
    period = _alarm_period(queries)
    if period * periods > KEPT:
        raise _invalid(
            f"Period times EvaluationPeriods is {period * periods} seconds; the local SageMaker keeps metrics for {KEPT} seconds."
        )
    condition = Condition(
        queries=queries,
        evaluation_periods=periods,
        datapoints_to_alarm=needed,
        comparison_operator=operator,
        threshold=request["Threshold"],
        treat_missing_data=_choice(request, "TreatMissingData", _MISSING, "missing"),
        low_samples=_low_samples(request),
    )
    if queries.cost(lambda _: Windows(0, period, condition.range)) > _MOST_COMPUTED:
        raise _invalid(f"The expressions compute more than {_MOST_COMPUTED} values at each evaluation. Simplify them.")
    return condition


def _queries(request: Document) -> Queries:
    if "Metrics" not in request:
        return _single(request)
    both = [member for member in _SINGLE if member in request]
    if both:
        raise _invalid(f"Metrics cannot be combined with {', '.join(both)}, which are for an alarm on a single metric.")
    if len(request["Metrics"]) > _MOST_QUERIES:
        raise _invalid(f"Metrics may have at most {_MOST_QUERIES} elements; it has {len(request['Metrics'])}.")
    queries = queries_of(request["Metrics"])
    if len(queries.returned) != 1:
        returned = ", ".join(query.id for query in queries.returned) or "none"
        raise _invalid(f"Exactly one element of Metrics must have ReturnData true; these have: {returned}.")
    if sum(isinstance(query.source, MetricStat) for query in queries.given) > _MOST_METRICS:
        raise _invalid(f"Metrics may name at most {_MOST_METRICS} metrics.")
    return queries


def _single(request: Document) -> Queries:
    statistics = [request[member] for member in ("Statistic", "ExtendedStatistic") if member in request]
    if len(statistics) != 1:
        raise _invalid("Exactly one of Statistic and ExtendedStatistic is required, unless Metrics is given.")
    if "Period" not in request:
        raise _invalid("The parameter Period is required, unless Metrics is given.")
    stat = stat_of(request, statistics[0])
    query = Query(id="m1", source=stat, label=stat.metric.name, period=int(request["Period"]), returned=True)
    return Queries((query,), (query,))


def _alarm_period(queries: Queries) -> int:
    period = queries.returned[0].period
    if period not in _FINE and (period < 60 or period % 60):
        raise _invalid(f"The period {period} is not valid for an alarm. It must be 10, 20 or 30 seconds, or a multiple of 60.")
    return period


def _low_samples(request: Document) -> str:
    if "EvaluateLowSampleCountPercentile" in request and "ExtendedStatistic" not in request:
        raise _invalid("EvaluateLowSampleCountPercentile goes with an ExtendedStatistic only.")
    return _choice(request, "EvaluateLowSampleCountPercentile", _LOW_SAMPLES, "evaluate")


def _choice(request: Document, member: str, allowed: Sequence[str], default: str) -> str:
    chosen = str(request.get(member, default))
    if chosen not in allowed:
        raise _invalid(f"{member} must be one of {', '.join(allowed)}, not '{chosen}'.")
    return chosen


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
