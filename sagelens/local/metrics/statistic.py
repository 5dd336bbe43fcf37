"""The statistics of CloudWatch: five by name, and percentiles."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagelens.local.metrics.summary import Summary
from sagelens.local.ports import ApiError

__all__ = ["NAMES", "Statistic", "statistic_of"]

NAMES = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

_PERCENTILE = re.compile(r"p(\d{1,3}(\.\d{1,10})?)")


@dataclass(frozen=True)
class Statistic:
    """`percent` is set for a percentile, 0 to 100."""

    name: str
    percent: float | None = None

    def of(self, summary: Summary) -> float | None:  # noqa: PLR0911  one for each statistic
        """Its value; None where there is no observation, or only statistic sets and a percentile is asked for."""
        if not summary.count:
            return None
        if self.percent is not None:
            return summary.percentile(self.percent)
        match self.name:
            case "SampleCount":
                return summary.count
            case "Average":
                return summary.total / summary.count
            case "Sum":
                return summary.total
            case "Minimum":
                return summary.minimum
        return summary.maximum

    @property
    def significant(self) -> float:
        """How many samples make it significant, as CloudWatch counts: 10 / (1 - p) from the median on, below it 10 / p."""
        if self.percent is None:
            return 0.0
        share = self.percent / 100
        rarer = 1 - share if share >= 0.5 else share
        return 10 / rarer if rarer > 0 else 0.0


def statistic_of(text: str, *, code: str = "InvalidParameterValue") -> Statistic:
    """The statistic of that name; ApiError with `code` for any other."""
    if text in NAMES:
        return Statistic(text)
    found = _PERCENTILE.fullmatch(text)
    if found and float(found[1]) <= 100:
        return Statistic(text, float(found[1]))
    raise ApiError(
        code,
        f"The statistic '{text}' is not offered by the local SageMaker. Offered are {', '.join(NAMES)} and percentiles from p0 "
        "to p100, such as p90 or p99.9; trimmed and winsorized statistics and percentile ranks are not.",
    )
