"""An interval as a small drawing: places in per cent of its width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report.wording import signed

__all__ = ["IntervalView", "interval_view"]


@dataclass(frozen=True, kw_only=True)
class IntervalView:
    low: float
    estimate: float
    high: float
    zero: float
    good: bool
    text: str


def interval_view(interval: Mapping[str, Any], *, good: bool | None = None) -> IntervalView:
    """Good is what lies wholly above zero, unless a gate has said what is good."""
    low, high, estimate = float(interval["low"]), float(interval["high"]), float(interval["estimate"])
    first, last = min(low, 0.0), max(high, 0.0)
    span = (last - first) or 1.0
    pad = 0.08 * span

    def place(number: float) -> float:
        return round(100 * (number - first + pad) / (span + 2 * pad), 2)

    return IntervalView(
        low=place(low),
        estimate=place(estimate),
        high=place(high),
        zero=place(0.0),
        good=low > 0 if good is None else good,
        text=f"{interval['confidence']:.0%}: {signed(low)} to {signed(high)}".replace("%", " %"),
    )
