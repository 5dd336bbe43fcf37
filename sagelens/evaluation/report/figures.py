"""Figures in the page: SVG as data URIs of images, in which no script runs and from which nothing is fetched."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sagelens.evaluation.report import wording

__all__ = ["FigureView", "figure_views"]

_LENGTH = re.compile(r'\s(width|height)="([0-9.]+)')
_DEFAULT = 1.4
_ORDER = ("roc", "precision_recall", "calibration", "confusion", "cost", "importances", "slices")


@dataclass(frozen=True, kw_only=True)
class FigureView:
    """`aspect` is width through height."""

    title: str
    source: str
    aspect: float


def figure_views(figures: Mapping[str, str]) -> list[FigureView]:
    """In the order in which an evaluation is read, others after them as they come."""
    names = sorted(figures, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    return [_view(name, figures[name]) for name in names]


def _view(name: str, svg: str) -> FigureView:
    encoded = base64.b64encode(svg.encode()).decode()
    return FigureView(title=wording.title(name), source=f"data:image/svg+xml;base64,{encoded}", aspect=_aspect(svg))


def _aspect(svg: str) -> float:
    found: Iterable[tuple[str, str]] = _LENGTH.findall(svg[: svg.find(">", svg.find("<svg")) + 1])
    lengths = {side: float(length) for side, length in found}
    if not lengths.get("width") or not lengths.get("height"):
        return _DEFAULT
    return round(lengths["width"] / lengths["height"], 3)
