"""Figures in the page: SVG as data URIs of images, in which no script runs and from which nothing is fetched."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sagelens.evaluation.report import wording

__all__ = ["FigureView", "figure_views"]

_LENGTH = re.compile(r'\s(width|height)="([0-9]+(?:[.][0-9]+)?)')
_DEFAULT = (420.0, 300.0)  # points
_POINTS_TO_PIXELS = 96 / 72
_ORDER = (
    "target_rate_over_time",
    "target_rate_by_value",
    "distributions",
    "missing_values",
    "drift_between_splits",
    "correlation_with_target",
    "roc",
    "precision_recall",
    "calibration",
    "confusion",
    "cost",
    "importances",
    "slices",
)


@dataclass(frozen=True, kw_only=True)
class FigureView:
    """`width` in pixels as it was drawn; `aspect` is width through height."""

    title: str
    source: str
    width: int
    aspect: float


def figure_views(figures: Mapping[str, str]) -> list[FigureView]:
    """In the order in which they are best read, others after them as they come."""
    names = sorted(figures, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    return [_view(name, figures[name]) for name in names]


def _view(name: str, svg: str) -> FigureView:
    width, height = _size(svg)
    return FigureView(
        title=wording.title(name),
        source=f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}",
        width=round(width * _POINTS_TO_PIXELS),
        aspect=round(width / height, 3),
    )


def _size(svg: str) -> tuple[float, float]:
    """Width and height in points, as Matplotlib says them."""
    start = max(svg.find("<svg"), 0)
    lengths = {side: float(length) for side, length in _LENGTH.findall(svg[start : svg.find(">", start) + 1])}
    if not lengths.get("width") or not lengths.get("height"):
        return _DEFAULT
    return lengths["width"], lengths["height"]
