"""PutMetricData."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.queries import metric_of
from sagelens.local.metrics.series import AHEAD, KEPT
from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["put_metric_data"]

_MOST_DATA = 1000
_MOST_VALUES = 150
_AT_ONCE = 100
"""Data that are taken in one turn of the loop."""
_LARGEST = 2.0**360
_KINDS = ("Value", "StatisticValues", "Values")


@dataclass(frozen=True)
class _Observation:
    metric: MetricId
    unit: str
    moment: int
    add: Callable[[Summary], None]


async def put_metric_data(data: MetricData, request: Request, now: float) -> None:
    """Take all the data of a request, or none if anything is wrong with one. Others have a turn in between."""
    namespace = request["Namespace"]
    if namespace.startswith("AWS/"):
        raise _value(f"The value {namespace} for parameter Namespace is invalid: AWS/ is reserved for AWS's own metrics.")
    if request.get("EntityMetricData"):
        raise _value("EntityMetricData is not offered by the local SageMaker. Put the data in MetricData.")
    given = request.get("MetricData")
    if not given:
        raise ApiError("MissingParameter", "The parameter MetricData is required.")
    if len(given) > _MOST_DATA:
        raise _value(f"The collection MetricData must not have a size greater than {_MOST_DATA}; it has {len(given)}.")
    observations = [_observation(namespace, datum, f"MetricData.member.{n}", now) for n, datum in enumerate(given, start=1)]
    for number, observation in enumerate(observations, start=1):
        series = data.series(observation.metric, observation.unit)
        series.fed = int(now)
        observation.add(series.at(observation.moment))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)


def _observation(namespace: str, datum: Document, path: str, now: float) -> _Observation:
    resolution = datum.get("StorageResolution", 60)
    if resolution not in {1, 60}:
        raise _value(f"The value {resolution} for parameter {path}.StorageResolution is invalid: it must be 1 or 60.")
    moment = int(_time(datum.get("Timestamp", now), path, now))
    return _Observation(
        metric=metric_of({"Namespace": namespace, **datum}, code="InvalidParameterValue"),
        unit=datum.get("Unit", "None"),
        moment=moment - moment % int(resolution),
        add=_values(datum, path),
    )


def _time(moment: float, path: str, now: float) -> float:
    if not now - KEPT < moment <= now + AHEAD:
        raise _value(
            f"The parameter {path}.Timestamp must be within the last {KEPT // 3600} hours, for which the local SageMaker keeps "
            f"metrics, or the next {AHEAD // 3600}, on the service's clock."
        )
    return moment


def _values(datum: Document, path: str) -> Callable[[Summary], None]:
    kinds = [kind for kind in _KINDS if kind in datum]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none of them"
        raise ApiError(
            "InvalidParameterCombination", f"{path} must have exactly one of Value, StatisticValues and Values; it has {given}."
        )
    if "StatisticValues" in datum:
        return _statistic_set(datum["StatisticValues"], f"{path}.StatisticValues")
    values = [datum["Value"]] if "Value" in datum else datum["Values"]
    counts = datum.get("Counts", [1.0] * len(values))
    if len(counts) != len(values):
        raise ApiError("InvalidParameterCombination", f"{path}: Values and Counts must have the same length.")
    if not 1 <= len(values) <= _MOST_VALUES:
        raise _value(f"The collection {path}.Values must have 1 to {_MOST_VALUES} members; it has {len(values)}.")
    _check(f"{path}.Value", *values)
    _check(f"{path}.Counts", *counts, positive=True)

    def add(summary: Summary) -> None:
        summary.add_counted(values, counts)

    return add


def _statistic_set(given: Document, path: str) -> Callable[[Summary], None]:
    count, total, low, high = (given[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
    _check(path, total, low, high)
    _check(f"{path}.SampleCount", count, positive=True)
    if low > high:
        raise _value(f"{path}: Minimum is {low:g}, greater than Maximum, {high:g}.")

    def add(summary: Summary) -> None:
        summary.add_set(count, total, low, high)

    return add


def _check(path: str, *numbers: float, positive: bool = False) -> None:
    for number in numbers:
        if not math.isfinite(number) or abs(number) > _LARGEST:
            raise _value(f"The value {number} for parameter {path} is invalid: it must be finite and between -2^360 and 2^360.")
        if positive and number <= 0:
            raise _value(f"The value {number:g} for parameter {path} is invalid: it must be greater than 0.")


def _value(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)
