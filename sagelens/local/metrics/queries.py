"""MetricDataQueries: checked once, then answered over any windows. GetMetricData and alarms share them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from sagelens.local.metrics.compute import Points, Scope, cost_of, ids_of, series_of
from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.expression import Node, parse
from sagelens.local.metrics.statistic import Statistic, statistic_of
from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import ApiError, Document

__all__ = ["MetricStat", "Queries", "Query", "Windows", "check_period", "metric_of", "queries_of", "stat_of"]

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_FINE = (1, 5, 10, 20, 30)
_MOST_QUERIES = 500


@dataclass(frozen=True)
class Windows:
    """`count` windows of `period` seconds, the first one from `start` on."""

    start: int
    period: int
    count: int

    @property
    def starts(self) -> range:
        return range(self.start, self.start + self.period * self.count, self.period)


@dataclass(frozen=True)
class MetricStat:
    """One statistic of one metric, in one unit if that is given."""

    metric: MetricId
    statistic: Statistic
    unit: str | None

    def summaries(self, data: MetricData, windows: Windows) -> dict[int, Summary]:
        starts = windows.starts
        return data.summaries(self.metric, start=starts.start, end=starts.stop, period=windows.period, unit=self.unit)

    def points(self, summaries: Mapping[int, Summary]) -> Points:
        found = {start: self.statistic.of(summary) for start, summary in summaries.items()}
        return {start: value for start, value in sorted(found.items()) if value is not None}


@dataclass(frozen=True, kw_only=True)
class Query:
    """A metric or an expression. The period, in seconds, of an expression is that of the metrics that it needs."""

    id: str
    source: MetricStat | Node
    label: str
    period: int
    returned: bool


@dataclass(frozen=True)
class Queries:
    """`given` as they came, `order` so that each finds what it needs."""

    given: tuple[Query, ...]
    order: tuple[Query, ...]

    @property
    def returned(self) -> tuple[Query, ...]:
        return tuple(query for query in self.given if query.returned)

    def answer(self, data: MetricData, windows: Callable[[int], Windows]) -> dict[str, Points]:
        """The points of every query, by the beginnings of the windows that `windows` gives for a period."""
        results: dict[str, Points] = {}
        for query in self.order:
            results[query.id] = self._points(query, data, windows(query.period), results)
        return results

    async def answer_aside(self, data: MetricData, windows: Callable[[int], Windows]) -> dict[str, Points]:
        """The same, without keeping anybody waiting: expressions are computed in a thread."""
        results: dict[str, Points] = {}
        for query in self.order:
            how = (query, data, windows(query.period), results)
            metric = isinstance(query.source, MetricStat)
            results[query.id] = self._points(*how) if metric else await asyncio.to_thread(self._points, *how)
            await asyncio.sleep(0)
        return results

    def _points(self, query: Query, data: MetricData, over: Windows, results: Mapping[str, Points]) -> Points:
        if isinstance(query.source, MetricStat):
            return query.source.points(query.source.summaries(data, over))
        return series_of(query.source, Scope(results, _metrics(self.given), over.starts))

    def cost(self, windows: Callable[[int], Windows]) -> int:
        """How many values the expressions compute, at most."""
        metrics = _metrics(self.given)
        expressions = [(query.period, query.source) for query in self.given if not isinstance(query.source, MetricStat)]
        return sum(windows(period).count * cost_of(node, metrics) for period, node in expressions)


def queries_of(documents: Sequence[Document]) -> Queries:
    """Check and parse what a request calls MetricDataQueries, or Metrics; ApiError ValidationError for what does not hold."""
    if not 1 <= len(documents) <= _MOST_QUERIES:
        raise _invalid(f"There must be 1 to {_MOST_QUERIES} queries; there are {len(documents)}.")
    given = [_query(document) for document in documents]
    by_id = {query.id: query for query in given}
    if len(by_id) < len(given):
        raise _invalid("The ids of the queries must differ.")
    order: list[Query] = []
    for name in _sorted({query.id: _needs(query, given) for query in given}):
        order.append(_timed(by_id[name], _needs(by_id[name], given), order))
    _try(order, _metrics(given))
    timed = {query.id: query for query in order}
    return Queries(tuple(timed[query.id] for query in given), tuple(order))


def stat_of(document: Document, statistic: str) -> MetricStat:
    """The statistic of the metric that a document with Namespace, MetricName, Dimensions and Unit names."""
    return MetricStat(metric_of(document), statistic_of(statistic, code="ValidationError"), document.get("Unit"))


def metric_of(document: Document, *, code: str = "ValidationError") -> MetricId:
    """The metric in a document with Namespace, MetricName and Dimensions; ApiError with `code` if it names none."""
    for member in ("Namespace", "MetricName"):
        if member not in document:
            raise ApiError(code, f"The parameter {member} is required to name a metric.")
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in document.get("Dimensions", ())}
    if len(dimensions) < len(document.get("Dimensions", ())):
        raise ApiError(code, f"A dimension of the metric {document['MetricName']} is given twice.")
    return MetricId.of(document["Namespace"], document["MetricName"], dimensions)


def check_period(period: int, *, code: str = "ValidationError") -> int:
    """The period, in seconds, if it is one of CloudWatch's."""
    if period not in _FINE and (period < 60 or period % 60):
        allowed = ", ".join(map(str, _FINE))
        raise ApiError(code, f"The period {period} is not valid. It must be {allowed} seconds or a multiple of 60.")
    return period


def _query(document: Document) -> Query:
    name = document["Id"]
    if not _ID.fullmatch(name):
        raise _invalid(f"The id '{name}' of a query must begin with a small letter and consist of letters, digits and _.")
    if document.get("AccountId"):
        raise _invalid(
            f"The query '{name}' names an AccountId; metrics of other accounts are not offered by the local SageMaker."
        )
    stat, expression = document.get("MetricStat"), document.get("Expression")
    if (stat is None) == (expression is None):
        raise _invalid(f"The query '{name}' must have either a MetricStat or an Expression.")
    if stat is not None:
        source: MetricStat | Node = stat_of({**stat["Metric"], "Unit": stat.get("Unit")}, stat["Stat"])
        label, period = stat["Metric"]["MetricName"], check_period(stat["Period"])
    else:
        source, label, period = (
            parse(str(expression)),
            name,
            check_period(document.get("Period", 60)) if "Period" in document else 0,
        )
    return Query(
        id=name, source=source, label=document.get("Label", label), period=period, returned=document.get("ReturnData", True)
    )


def _needs(query: Query, given: Sequence[Query]) -> set[str]:
    if isinstance(query.source, MetricStat):
        return set()
    needs = ids_of(query.source, _metrics(given))
    unknown = sorted(needs - {other.id for other in given})
    if unknown:
        raise _invalid(f"The expression '{query.id}' refers to {', '.join(unknown)}, which no query has as its id.")
    return needs


def _sorted(needs: Mapping[str, set[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise _invalid(f"The expressions {', '.join(sorted(set(error.args[1])))} refer to one another in a circle.") from None


def _timed(query: Query, needs: set[str], before: Sequence[Query]) -> Query:
    """The query with the period of what it needs."""
    if isinstance(query.source, MetricStat):
        return query
    periods = {other.period for other in before if other.id in needs} | ({query.period} if query.period else set())
    if len(periods) > 1:
        shown = ", ".join(map(str, sorted(periods)))
        raise _invalid(
            f"The expression '{query.id}' mixes the periods {shown}. All that one expression needs must have one period."
        )
    return replace(query, period=periods.pop() if periods else 60)


def _try(order: Sequence[Query], metrics: Sequence[str]) -> None:
    """Compute everything with one point for each metric: what does not fit together shows."""
    results: dict[str, Points] = {}
    for query in order:
        if isinstance(query.source, MetricStat):
            results[query.id] = {0: 1.0}
            continue
        try:
            results[query.id] = series_of(query.source, Scope(results, metrics, (0,)))
        except ValueError as error:
            raise _invalid(f"Error in expression '{query.id}': {error}.") from error


def _metrics(given: Sequence[Query]) -> list[str]:
    """The ids that METRICS() stands for."""
    return [query.id for query in given if isinstance(query.source, MetricStat)]


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
