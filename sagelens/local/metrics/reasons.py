"""Why an alarm is in its state, in CloudWatch's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sagelens.local.metrics.condition import ALARM, OPERATORS, Condition, Datapoint
from sagelens.local.metrics.queries import MetricStat

__all__ = ["CREATED", "crossed", "insufficient", "reason_data", "treated"]

CREATED = "Unchecked: Initial alarm creation"

_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
_LONGEST = 1023


def crossed(condition: Condition, real: Sequence[Datapoint], missing: int, state: str) -> str:
    """`real` are the datapoints that counted, oldest first; `missing` how many more would have."""
    breaching = state == ALARM
    told = [datapoint for datapoint in reversed(real) if condition.breached_by(datapoint) == breaching]
    shown = ", ".join(f"{datapoint.value!r} ({_moment(datapoint.start)})" for datapoint in told)
    _, comparison = OPERATORS[condition.comparison_operator]
    needed = condition.datapoints_to_alarm if breaching else condition.evaluation_periods - condition.datapoints_to_alarm + 1
    verb = "was" if len(told) == 1 else "were"
    negation, transition = ("", "OK -> ALARM") if breaching else ("not ", "ALARM -> OK")
    treatment = _TREATED.get(condition.treat_missing_data)
    filled = f" and {_count(missing)} {_were(missing)} treated as [{treatment}]" if missing and treatment else ""
    reason = (
        f"Threshold Crossed: {len(told)} out of the last {len(real) + missing} datapoints [{shown}] {verb} {negation}"
        f"{comparison} the threshold ({condition.threshold!r}){filled} "
        f"(minimum {needed} datapoint{'s' if needed > 1 else ''} for {transition} transition)."
    )
    return reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 1]}…"


def treated(missing: int, as_what: str) -> str:
    periods = "1 period" if missing == 1 else f"{missing} periods"
    return (
        f"Threshold Crossed: no datapoints were received for {periods} and {_count(missing)} {_were(missing)} treated as "
        f"[{_TREATED[as_what]}]."
    )


def insufficient(missing: int) -> str:
    return f"Insufficient Data: {missing} datapoint{'' if missing == 1 else 's'} {_were(missing)} unknown."


def reason_data(condition: Condition, datapoints: Sequence[Datapoint | None], now: float) -> str:
    """StateReasonData: the same for programs."""
    real = [datapoint for datapoint in datapoints if datapoint is not None][-condition.evaluation_periods :]
    source = condition.watched.source
    document = {
        "version": "1.0",
        "queryDate": _iso(now),
        **({"startDate": _iso(real[0].start)} if real else {}),
        **({"statistic": source.statistic.name} if isinstance(source, MetricStat) else {}),
        "period": condition.period,
        "recentDatapoints": [datapoint.value for datapoint in real],
        "threshold": condition.threshold,
        "evaluatedDatapoints": [
            {"timestamp": _iso(datapoint.start), "sampleCount": datapoint.samples, "value": datapoint.value}
            for datapoint in reversed(real)
        ],
    }
    written = json.dumps(document)
    return written if len(written) <= 4000 else json.dumps({**document, "recentDatapoints": [], "evaluatedDatapoints": []})


def _count(missing: int) -> str:
    return "1 missing datapoint" if missing == 1 else f"{missing} missing datapoints"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _moment(start: int) -> str:
    return datetime.fromtimestamp(start, UTC).strftime("%d/%m/%y %H:%M:%S")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
