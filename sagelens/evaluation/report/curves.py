"""The course of training: each curve that a step recorded, over its rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sagelens.evaluation.report.material import Material
from sagelens.evaluation.report.wording import figure

__all__ = ["CurveView", "curve_views"]

WIDTH, HEIGHT = 560.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 10.0, 10.0
_MOST_POINTS = 500  # about as many as there are pixels


@dataclass(frozen=True, kw_only=True)
class CurveView:
    """`path` in pixels of a drawing of WIDTH by HEIGHT; `ticks` are its y and label from the highest value to the lowest.

    `rounds` is how many there were; `last` the value after the last of them.
    """

    name: str
    step: str
    path: str
    ticks: tuple[tuple[float, str], ...]
    rounds: int
    last: str


def curve_views(material: Material) -> tuple[CurveView, ...]:
    """In the order of the steps. One without a number draws nothing."""
    return tuple(
        _view(name, step, points, len(values))
        for _, step, evidence in material.evidence()
        for name, values in (evidence.get("curves") or {}).items()
        if (points := [(number, float(value)) for number, value in enumerate(values) if value is not None])
    )


def _view(name: str, step: str, points: Sequence[tuple[int, float]], rounds: int) -> CurveView:
    low, high = min(value for _, value in points), max(value for _, value in points)
    span = (high - low) or 1.0

    def place(number: int, value: float) -> tuple[float, float]:
        x = _LEFT + number / max(rounds - 1, 1) * (WIDTH - _LEFT - _RIGHT)
        return x, _TOP + (high - value) / span * (HEIGHT - _TOP - _BOTTOM)

    values = (high, (high + low) / 2, low) if high > low else (high,)
    return CurveView(
        name=name,
        step=step,
        path="".join(_pieces([place(number, value) for number, value in _thinned(points)])),
        ticks=tuple((round(place(0, value)[1], 1), figure(value)) for value in values),
        rounds=rounds,
        last=figure(points[-1][1]),
    )


def _thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Every so many, so that no page grows with the number of rounds; first and last are among them."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every <= 1 else [*points[:-1:every], points[-1]]


def _pieces(points: Sequence[tuple[float, float]]) -> Iterator[str]:
    """One round alone becomes a dot: a line of no length with round ends."""
    for number, (x, y) in enumerate(points if len(points) > 1 else [*points, *points]):
        yield f"{'L' if number else 'M'}{x:.1f} {y:.1f}"
