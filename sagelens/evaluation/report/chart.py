"""Lines over time as SVG paths: one time axis, and panels of one height each that stand below one another on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Line", "Panel", "Span", "Tick", "TimeAxis", "line", "panel", "points", "steps"]

Point = tuple[float, float]

WIDTH, LEFT, RIGHT = 1180.0, 62.0, 24.0
_TOP, _BOTTOM = 8.0, 6.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 7 * 86400)
_MOST_TICKS = 10


@dataclass(frozen=True, kw_only=True)
class Tick:
    """`at` in pixels of the drawing."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """`look` is one or more classes of the stylesheet; `end` is where the line stops, for a label beside it."""

    path: str
    look: str
    title: str
    end: Point


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time as a bar: `x` and `width` in pixels."""

    x: float
    width: float
    look: str
    label: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    title: str
    note: str
    height: float
    ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class TimeAxis:
    """From `start` to `end`, in seconds since the epoch."""

    start: float
    end: float
    width: float = WIDTH
    left: float = LEFT
    right: float = RIGHT

    @property
    def seconds(self) -> float:
        return max(self.end - self.start, 1e-3)

    def place(self, moment: float) -> float:
        """The x of a moment; those outside are moved to the rim."""
        share = min(max((moment - self.start) / self.seconds, 0.0), 1.0)
        return round(self.left + share * (self.width - self.left - self.right), 2)

    def span(self, begin: float, end: float, look: str, label: str, title: str) -> Span:
        """`label` is cut to what fits into the bar, or left out."""
        x = self.place(begin)
        width = max(self.place(end) - x, 1.5)
        room = int((width - 10) / 6.4)
        shown = label if len(label) <= room else f"{label[: room - 1]}…" if room >= 5 else ""
        return Span(x=x, width=round(width, 2), look=look, label=shown, title=title)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """At round times since the start."""
        step = next((step for step in _STEPS if self.seconds / step <= _MOST_TICKS), _STEPS[-1])
        times = [number * step for number in range(int(self.seconds / step) + 1)]
        return tuple(Tick(at=self.place(self.start + passed), label=_elapsed(passed, step)) for passed in times)


def panel(
    title: str, *, note: str, height: float, top: float, unit: str, lines: Iterable[tuple[Sequence[Sequence[Point]], str, str]]
) -> Panel:
    """`lines` are pieces of (x in pixels, value), look and title; `top` is the largest value that has to fit."""
    values = _values(top)
    scale = values[-1] or 1.0

    def place(value: float) -> float:
        return round(_TOP + (1 - min(value / scale, 1.0)) * (height - _TOP - _BOTTOM), 2)

    placed = [([[(x, place(value)) for x, value in piece] for piece in pieces], look, said) for pieces, look, said in lines]
    return Panel(
        title=title,
        note=note,
        height=height,
        ticks=tuple(Tick(at=place(value), label=f"{value:g}{unit}") for value in values),
        lines=tuple(line(pieces, look, said) for pieces, look, said in placed if any(pieces)),
    )


def line(pieces: Sequence[Sequence[Point]], look: str, title: str) -> Line:
    """A piece of one point becomes a dot: a line of no length with round ends."""
    path = "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in (piece if len(piece) > 1 else [*piece, *piece])) for piece in pieces)
    return Line(path=path, look=look, title=title, end=pieces[-1][-1])


def points(found: Sequence[Point], axis: TimeAxis, period: float) -> list[list[Point]]:
    """Measured values, each in the middle of its period, in pieces: where a period has none the line breaks."""
    pieces: list[list[Point]] = []
    for (moment, value), (before, _) in zip(found, [(-math.inf, 0.0), *found], strict=False):
        if moment - before > 1.5 * period:
            pieces.append([])
        pieces[-1].append((axis.place(moment + period / 2), value))
    return pieces


def steps(found: Sequence[Point], axis: TimeAxis) -> list[list[Point]]:
    """Values that hold from one moment to the next, the last one to the end."""
    if not found:
        return []
    corners = [(axis.place(found[0][0]), found[0][1])]
    for (_, old), (moment, new) in pairwise(found):
        corners += [(axis.place(moment), old), (axis.place(moment), new)]
    return [[*corners, (axis.place(axis.end), found[-1][1])]]


def _values(top: float) -> list[float]:
    """About four round values from zero to one that is not below `top`."""
    if top <= 0 or not math.isfinite(top):
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(top / 4))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= top / 4 * 0.999)
    return [round(number * step, 12) for number in range(math.ceil(top / step - 1e-9) + 1)]


def _elapsed(seconds: int, step: int) -> str:
    """In the largest unit in which all ticks are whole."""
    if step < 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    unit, length = next((unit, length) for unit, length in (("d", 86400), ("h", 3600), ("min", 60)) if step % length == 0)
    return f"{seconds // length} {unit}"
