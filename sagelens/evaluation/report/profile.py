"""The profile of the data: its splits, and a line for each column with a small histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report import wording
from sagelens.evaluation.report.material import Material

__all__ = ["ColumnView", "ProfileView", "profile_view"]

_MOST_BARS = 40
_WIDTH, _HEIGHT = 132.0, 30.0
_NOTABLE, _LARGE = 0.1, 0.25  # of the population stability index
_SUPPORT, _STRONG = 0.02, 0.1  # of the information value


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, kw_only=True)
class ColumnView:
    """`bars` are the first split's, `outline` is the path of the last one's."""

    name: str
    kind: str
    type: str
    missing: float
    distinct: int
    middle: str
    range: str
    bars: tuple[Bar, ...]
    outline: str
    drift: float | None
    drift_split: str
    drift_tone: str
    information: float | None
    information_tone: str


@dataclass(frozen=True, kw_only=True)
class ProfileView:
    """`splits`: name, rows, rate of the target."""

    target: str
    splits: tuple[tuple[str, int, float], ...]
    columns: tuple[ColumnView, ...]
    width: float = _WIDTH
    height: float = _HEIGHT


def profile_view(material: Material) -> ProfileView | None:
    found = material.find("target", "rates", "columns", "rows")
    if found is None:
        return None
    splits = [str(name) for name in found.get("splits") or found["rows"]]
    return ProfileView(
        target=str(found["target"]),
        splits=tuple((name, found["rows"][name], found["rates"][name]) for name in splits),
        columns=tuple(_column(column, splits) for column in found["columns"]),
    )


def _column(column: Mapping[str, Any], splits: Sequence[str]) -> ColumnView:
    summaries = [column["summaries"][name] for name in splits if name in column["summaries"]]
    first = summaries[0]
    bins = _shown(column.get("bins") or (), splits[0])
    drift = max((column.get("drift") or {}).items(), key=lambda item: item[1], default=("", None))
    information = column.get("information")
    return ColumnView(
        name=str(column["name"]),
        kind=str(column["kind"]),
        type=str(column["type"]),
        missing=max(s["missing"] / s["rows"] if s["rows"] else 0.0 for s in summaries),
        distinct=int(first["distinct"]),
        middle=_middle(column, first, splits[0]),
        range=_range(first),
        bars=_bars(bins, splits[0]),
        outline=_outline(bins, splits[-1]) if len(splits) > 1 else "",
        drift=drift[1],
        drift_split=drift[0],
        drift_tone=_tone(drift[1], _NOTABLE, _LARGE),
        information=information,
        information_tone="strong" if (information or 0) >= _STRONG else "some" if (information or 0) >= _SUPPORT else "",
    )


def _middle(column: Mapping[str, Any], summary: Mapping[str, Any], split: str) -> str:
    if summary.get("mean") is not None:
        spread = f" ± {_short(summary['deviation'])}" if summary.get("deviation") else ""
        return f"{_short(summary['mean'])}{spread}"
    bins = column.get("bins") or ()
    most = max(bins, key=lambda one: one["counts"].get(split, 0), default=None)
    if most is None or not summary["rows"] or column["kind"] == "time":
        return ""
    return f"{most['label']}, {wording.percent(most['counts'].get(split, 0) / summary['rows'])}"


def _short(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 1000 else f"{number:,.0f}"


def _range(summary: Mapping[str, Any]) -> str:
    low, high = summary.get("minimum"), summary.get("maximum")
    ends = "" if low is None or high is None else f"{_end(low)} to {_end(high)}"
    infinite = f"{summary['infinite']} infinite" if summary.get("infinite") else ""
    return ", ".join(filter(None, (ends, infinite)))


def _end(found: Any) -> str:
    return f"{found:.6g}" if isinstance(found, (int, float)) else str(found)[:16]


def _shown(bins: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """All intervals; of values without an order, the most frequent ones."""
    if len(bins) <= _MOST_BARS:
        return list(bins)
    chosen = sorted(range(len(bins)), key=lambda i: -bins[i]["counts"].get(split, 0))[:_MOST_BARS]
    return [bins[i] for i in sorted(chosen)]


def _shares(bins: Sequence[Mapping[str, Any]], split: str) -> list[float]:
    counts = [one["counts"].get(split, 0) for one in bins]
    total = sum(counts) or 1
    return [number / total for number in counts]


def _top(bins: Sequence[Mapping[str, Any]], split: str) -> float:
    return max(_shares(bins, split), default=0) or 1


def _bars(bins: Sequence[Mapping[str, Any]], split: str) -> tuple[Bar, ...]:
    if not bins:
        return ()
    top, step = _top(bins, split) * 1.15, _WIDTH / len(bins)
    gap = min(1.0, step / 5)
    return tuple(
        Bar(
            x=round(place * step, 2),
            y=round(_HEIGHT * (1 - min(share / top, 1)), 2),
            width=round(step - gap, 2),
            height=round(_HEIGHT * min(share / top, 1), 2),
            says=_bar_says(one, share),
        )
        for place, (one, share) in enumerate(zip(bins, _shares(bins, split), strict=True))
    )


def _bar_says(one: Mapping[str, Any], share: float) -> str:
    rate = f", target {wording.percent(one['rate'])}" if one.get("rate") is not None else ""
    return f"{one['label']}: {wording.percent(share)} of rows{rate}"


def _outline(bins: Sequence[Mapping[str, Any]], split: str) -> str:
    if not bins or not sum(_shares(bins, split)):
        return ""
    first = next(iter(bins[0]["counts"]))
    top, step = _top(bins, first) * 1.15, _WIDTH / len(bins)
    points = [
        f"V{_HEIGHT * (1 - min(share / top, 1)):.1f}H{(place + 1) * step:.1f}" for place, share in enumerate(_shares(bins, split))
    ]
    return "M0 " + f"{_HEIGHT:.0f}" + "".join(points) + f"V{_HEIGHT:.0f}"


def _tone(number: float | None, notable: float, large: float) -> str:
    if number is None or number < notable:
        return ""
    return "bad" if number >= large else "warn"
