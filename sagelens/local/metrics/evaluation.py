"""When an alarm changes its state: CloudWatch's rules, missing data included, as a pure function.

Of the evaluation range the most recent real datapoints count, as many as there are evaluation periods, even from further back.
Only if there are fewer is what is missing filled in, as TreatMissingData says. CloudWatch documents this with two tables, which
the tests hold. Where the tables say nothing, we chose: while all datapoints breach, but they are too few and too young for
ALARM, the state stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sagelens.local.metrics.condition import ALARM, INSUFFICIENT_DATA, OK, Condition, Datapoint
from sagelens.local.metrics.queries import MetricStat
from sagelens.local.metrics.reasons import crossed, insufficient, treated

__all__ = ["Verdict", "evaluate"]


class Verdict(NamedTuple):
    state: str
    reason: str


@dataclass(frozen=True)
class _Seen:
    """The datapoints that count, oldest first, how many of them breach, and how many are filled in."""

    real: Sequence[Datapoint]
    breaching: int
    missing: int


def evaluate(condition: Condition, datapoints: Sequence[Datapoint | None]) -> Verdict | None:
    """The state that follows from the datapoints of the evaluation range, oldest first, None where one is missing.

    No verdict means that the state, whatever it is, stays.
    """
    real = [datapoint for datapoint in datapoints if datapoint is not None][-condition.evaluation_periods :]
    seen = _Seen(real, sum(map(condition.breached_by, real)), condition.evaluation_periods - len(real))
    if _insignificant(condition, real):
        return None
    found = _decide(condition, datapoints, seen)
    if found is None:
        return None
    if found == INSUFFICIENT_DATA:
        return Verdict(found, insufficient(seen.missing))
    if not real:
        return Verdict(found, treated(seen.missing, condition.treat_missing_data))
    return Verdict(found, crossed(condition, real, seen.missing, found))


def _decide(condition: Condition, datapoints: Sequence[Datapoint | None], seen: _Seen) -> str | None:
    needed = condition.datapoints_to_alarm
    filled = seen.missing if condition.treat_missing_data == "breaching" else 0
    if seen.breaching + filled >= needed:
        return ALARM
    if not seen.missing or condition.treat_missing_data in {"breaching", "notBreaching"}:
        return OK
    if not seen.real:
        return INSUFFICIENT_DATA if condition.treat_missing_data == "missing" else None
    if seen.breaching < len(seen.real):
        return OK
    return ALARM if condition.treat_missing_data == "missing" and _age_of_oldest(datapoints) >= needed else None


def _age_of_oldest(datapoints: Sequence[Datapoint | None]) -> int:
    """In periods; 1 for the newest window."""
    oldest = next(place for place, datapoint in enumerate(datapoints) if datapoint is not None)
    return len(datapoints) - oldest


def _insignificant(condition: Condition, real: Sequence[Datapoint]) -> bool:
    """Whether a percentile comes from too few samples, and such are to be ignored."""
    source = condition.watched.source
    if condition.low_samples != "ignore" or not isinstance(source, MetricStat):
        return False
    return any(datapoint.samples < source.statistic.significant for datapoint in real)
