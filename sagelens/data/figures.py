"""How figures look: one style, SVG with text as text, the same bytes for the same data. No pyplot, no global state."""

from __future__ import annotations

import io
from typing import Any

__all__ = ["INK", "MUTED", "PALETTE", "SHADE", "make_room", "new_figure", "style", "to_svg", "warm"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours: distinct for every kind of colour vision. Blue, vermilion, green, purple, orange, sky."""

INK, MUTED, SHADE = "#22303C", "#66737F", "#E3E8EC"
SVG_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "sagelens", "path.simplify": True}


def new_figure(width: float = 7.0, height: float = 3.2, *, margins: tuple[float, float, float, float] | None = None) -> Any:
    """An empty figure; sizes are in inches. Add axes with `subplots`, and pass each to `style`.

    `margins` (left, bottom, right, top) spare measuring every text for the layout, which takes half of the time to draw.
    """
    from matplotlib.figure import Figure

    if margins is None:
        return Figure(figsize=(width, height), layout="tight", facecolor="white")
    figure = Figure(figsize=(width, height), facecolor="white")
    left, bottom, right, top = margins
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.25, hspace=0.6)
    return figure


def make_room(figure: Any, axes: Any) -> None:
    """Set the left margin by the longest label beside the vertical axis: its letters are counted, not drawn to be measured."""
    labels = [label.get_text() for label in axes.get_yticklabels()]
    longest = max((len(line) for text in labels for line in text.splitlines()), default=0)
    inches = 0.3 + 0.06 * longest + (0.15 if axes.get_ylabel() else 0)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left=inches / width, bottom=0.5 / height, top=1 - 0.35 / height)


def style(axes: Any, *, title: str = "", x: str = "", y: str = "", grid: str = "y") -> None:
    """The house style on one pair of axes: light grid, no box, quiet ticks, title at the left."""
    axes.set_title(title, loc="left", fontsize=9, color=INK, fontweight="bold")
    axes.set_xlabel(x, fontsize=8, color=MUTED)
    axes.set_ylabel(y, fontsize=8, color=MUTED)
    axes.tick_params(labelsize=7, colors=MUTED, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SHADE)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=SHADE, linewidth=0.6)


def to_svg(figure: Any) -> str:
    """The figure as an SVG element, without the XML prologue, so that it can stand in a page."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(SVG_SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def warm() -> None:
    """Draw a little of everything, so that fonts and glyphs are known before a fork."""
    figure = new_figure(3, 2, margins=(0.6, 0.5, 0.2, 0.35))
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), label="line")
    axes.bar((0, 1), (1, 2), label="bars")
    axes.legend()
    style(axes, title="Title", x="x", y="y", grid="both")
    to_svg(figure)
