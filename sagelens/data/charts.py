"""The figures of a profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagelens.data.figures import INK, MUTED, PALETTE, SHADE, new_figure, style, to_svg
from sagelens.data.profile import ColumnKind, ColumnProfile, Profile
from sagelens.values import Figures

__all__ = ["draw"]

PANELS = 6
GROUP = 0.8  # height of the bars of one column together
MOST_BARS = 20
BAR_MARGINS = (1.3, 0.3, 0.15, 0.3)
LARGEST = 1e300  # of a number on an axis: Matplotlib adds margins to it
NOTABLE, LARGE, FARTHEST = 0.1, 0.25, 0.5  # of the population stability index


def draw(profile: Profile) -> Figures:
    """The target over time and by value, what is missing, distributions, drift, correlations; those that the data has."""
    drawn: dict[str, Callable[[Profile], Any]] = {
        "target_rate_over_time": _over_time,
        "target_rate_by_value": _by_value,
        "distributions": _distributions,
        "missing_values": _missing,
        "drift_between_splits": _drift,
        "correlation_with_target": _correlations,
    }
    figures = {name: chart(profile) for name, chart in drawn.items()}
    return Figures({name: to_svg(figure) for name, figure in figures.items() if figure is not None})


def _over_time(profile: Profile) -> Any:
    if not profile.days:
        return None
    figure = new_figure(7.5, 2.6, margins=(0.45, 0.3, 0.1, 0.3))
    axes = figure.subplots()
    days = {day: index for index, day in enumerate(dict.fromkeys(day.day for day in profile.days))}
    for color, split in zip(PALETTE, profile.splits, strict=False):
        found = [day for day in profile.days if day.split == split]
        places = [days[day.day] for day in found]
        axes.plot(places, [day.rate for day in found], color=color, alpha=0.25, linewidth=0.7)
        axes.plot(places, _smooth([day.rate for day in found]), color=color, linewidth=1.6, label=split)
    starts = {day[:7]: index for day, index in days.items() if day.endswith("-01")}
    axes.set_xticks(list(starts.values()), list(starts))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False, ncols=3, labelcolor=INK)
    style(axes, title=f"Share of {profile.target} by day, and its mean over seven days")
    return figure


def _by_value(profile: Profile) -> Any:
    told = sorted((c for c in profile.columns if c.information), key=lambda column: -(column.information or 0))[:PANELS]
    if not told:
        return None
    figure = _panel_figure(len(told))
    base = profile.rates[profile.splits[0]]
    for axes, column in _panels(figure, told):
        bins = sorted(column.bins, key=_rows, reverse=True)[:MOST_BARS] if column.kind is ColumnKind.CATEGORICAL else column.bins
        if column.kind is ColumnKind.CATEGORICAL:
            bins = sorted(bins, key=lambda one: -(one.rate or 0))
        axes.stairs([one.rate or 0 for one in bins], [place - 0.5 for place in range(len(bins) + 1)], color=PALETTE[0], fill=True)
        axes.axhline(base, color=PALETTE[1], linewidth=1)
        labels = [one.label if one.lower is None else f"{one.lower:.4g}" for one in bins]
        step = max(1, len(bins) // 5)
        axes.set_xticks(range(0, len(bins), step), labels[::step])
        style(axes, title=f"{column.name} ({column.information:.2f})")
    figure.suptitle(
        f"Share of {profile.target} by value in training, for the columns that tell most of it (information value)",
        fontsize=8,
        color=MUTED,
        x=0.01,
        ha="left",
    )
    return figure


def _distributions(profile: Profile) -> Any:
    columns = [c for c in profile.columns if c.kind is ColumnKind.QUANTITATIVE and c.bins and _fits(c)]
    chosen = sorted(columns, key=lambda column: -max(column.drift.values(), default=0.0))[: PANELS // 2]
    if not chosen:
        return None
    figure = _panel_figure(len(chosen))
    for axes, column in _panels(figure, chosen):
        edges = [*(one.lower for one in column.bins), column.bins[-1].upper]
        for color, split in zip(PALETTE, profile.splits, strict=False):
            total = sum(one.counts[split] for one in column.bins) or 1
            shares = [one.counts[split] / total for one in column.bins]
            axes.stairs(shares, edges, color=color, linewidth=1.2, label=split)
        style(axes, title=column.name)
    figure.axes[0].legend(fontsize=6, frameon=False, labelcolor=INK)
    figure.suptitle("Distribution by split, for the numbers that drift most", fontsize=8, color=MUTED, x=0.01, ha="left")
    return figure


def _fits(column: ColumnProfile) -> bool:
    return all(abs(edge) <= LARGEST for one in column.bins for edge in (one.lower, one.upper) if edge is not None)


def _missing(profile: Profile) -> Any:
    columns = [c for c in profile.columns if any(s.missing for s in c.summaries.values())]
    rows = {c.name: {split: c.summaries[split].missing_share for split in profile.splits} for c in columns}
    return _grouped_bars(rows, "Share of missing values") if rows else None


def _drift(profile: Profile) -> Any:
    rows = {c.name: {split: c.drift[split] for split in profile.splits[1:]} for c in profile.columns if c.drift}
    if not rows:
        return None
    figure = _grouped_bars(rows, "Drift against training: population stability index", shift=1)
    axes = figure.axes[0]
    axes.set_xlim(0, FARTHEST)
    for place, name in enumerate(sorted(rows, key=lambda name: -max(rows[name].values()))):
        for index, value in enumerate(rows[name].values()):
            if value > FARTHEST:
                middle = _place_of_bar(place, index, len(rows[name]))
                axes.text(FARTHEST, middle, f"{value:.3g} ", fontsize=6, color="white", ha="right", va="center_baseline")
    for limit, text in ((NOTABLE, "worth a look"), (LARGE, "another population")):
        axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle="--")
        axes.text(limit, -0.9, f" {text}", fontsize=6, color=MUTED)
    return figure


def _correlations(profile: Profile) -> Any:
    found = {c.name: c.correlation for c in profile.columns if c.correlation is not None}
    if not found:
        return None
    rows = sorted(found.items(), key=lambda item: abs(item[1]))
    figure = new_figure(6.0, 0.6 + 0.19 * len(rows), margins=BAR_MARGINS)
    axes = figure.subplots()
    colors = [PALETTE[0] if value >= 0 else PALETTE[1] for _, value in rows]
    axes.barh([name for name, _ in rows], [value for _, value in rows], color=colors, height=0.7)
    axes.axvline(0, color=SHADE, linewidth=1)
    style(axes, title=f"Correlation with {profile.target} in training", grid="x")
    return figure


def _grouped_bars(rows: dict[str, dict[str, float]], title: str, *, shift: int = 0) -> Any:
    """Horizontal bars by column, largest first; one colour a split, `shift` colours on."""
    order = sorted(rows, key=lambda name: -max(rows[name].values()))
    splits = list(rows[order[0]])
    height = GROUP / len(splits)
    figure = new_figure(6.0, 0.7 + 0.26 * len(order), margins=BAR_MARGINS)
    axes = figure.subplots()
    for index, (color, split) in enumerate(zip(PALETTE[shift:], splits, strict=False)):
        places = [_place_of_bar(place, index, len(splits)) for place in range(len(order))]
        axes.barh(places, [rows[name][split] for name in order], height=height, color=color, label=split)
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    axes.legend(fontsize=7, frameon=False, loc="lower right", labelcolor=INK)
    style(axes, title=title, grid="x")
    return figure


def _place_of_bar(row: int, index: int, bars: int) -> float:
    return row + (index - (bars - 1) / 2) * GROUP / bars


def _panel_figure(panels: int) -> Any:
    rows = (panels + 2) // 3
    return new_figure(7.5, 0.4 + 1.6 * rows, margins=(0.45, 0.3, 0.1, 0.55))


def _panels(figure: Any, columns: list[ColumnProfile]) -> Any:
    """A pair of axes for each column, three in a row."""
    grid = figure.subplots((len(columns) + 2) // 3, 3, squeeze=False).ravel()
    for axes in grid[len(columns) :]:
        axes.remove()
    for axes in grid:
        axes.locator_params(nbins=4)
    return zip(grid, columns, strict=False)


def _rows(one: Any) -> int:
    return int(sum(one.counts.values()))


def _smooth(values: list[float], width: int = 7) -> list[float]:
    """The mean of each value and those up to three places before and after it."""
    half = width // 2
    windows = (values[max(0, index - half) : index + half + 1] for index in range(len(values)))
    return [sum(window) / len(window) for window in windows]
