"""The graph of steps: layers from left to right, wrapped into rows as lines of text are.

An edge that follows from others is left out (a transitive reduction), so what is drawn reads as the order of work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Box", "Edge", "Layout", "lay_out", "reduced"]

Size = tuple[float, float]
Point = tuple[float, float]

_GAP, _BETWEEN, _GUTTER, _MARGIN, _BEND = 28.0, 16.0, 40.0, 14.0, 8.0
_SWEEPS = 6
_STRIDE = 20.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """`x` and `y` are those of the top left corner."""

    name: str
    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        return self.x + self.width, self.y + self.height / 2


@dataclass(frozen=True, kw_only=True)
class Edge:
    source: str
    target: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


def reduced(depends_on: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What each node waits for, without what its other predecessors wait for already; unknown names are dropped."""
    known = {name: [d for d in dict.fromkeys(needs) if d in depends_on and d != name] for name, needs in depends_on.items()}
    above: dict[str, set[str]] = {}
    for name in _in_order(known):
        above[name] = set(known[name]).union(*(above.get(need, set()) for need in known[name]))
    return {
        name: [need for need in needs if not any(need in above[other] for other in needs if other != need)]
        for name, needs in known.items()
    }


def lay_out(depends_on: Mapping[str, Sequence[str]], sizes: Mapping[str, Size], *, width: float) -> Layout:
    """Place nodes of these sizes; rows are not wider than `width`, unless one layer is."""
    needs = reduced(depends_on)
    layers = _ordered(_layers(needs), needs)
    boxes: dict[str, Box] = {}
    row_of: dict[str, int] = {}
    bottoms, top = [], _MARGIN
    for number, row in enumerate(_wrapped(layers, sizes, width)):
        height = max(_height(layer, sizes) for layer in row)
        x = _MARGIN + (_GAP if number else 0)
        for layer in row:
            y = top + (height - _height(layer, sizes)) / 2
            wide = max(sizes[name][0] for name in layer)
            for name in layer:
                w, h = sizes[name]
                boxes[name] = Box(name=name, x=x + (wide - w) / 2, y=y, width=w, height=h)
                row_of[name] = number
                y += h + _BETWEEN
            x += wide + _GAP
        bottoms.append(top + height)
        top += height + _GUTTER
    right = max((box.x + box.width for box in boxes.values()), default=0.0) + _MARGIN
    wrapped = len(bottoms) > 1
    edges = [
        Edge(source=need, target=name, path=_path(boxes[need], boxes[name], row_of[need], row_of[name], bottoms, right))
        for name, found in needs.items()
        for need in found
    ]
    return Layout(
        boxes=tuple(boxes.values()),
        edges=tuple(edges),
        width=right + (_GAP / 2 if wrapped else 0),
        height=(bottoms[-1] if bottoms else 0.0) + _MARGIN,
    )


def _in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Predecessors first; a node of a cycle, which cannot run, comes where it is met."""
    seen: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in seen or name in above:
            return
        for need in needs[name]:
            visit(need, above | {name})
        seen[name] = None

    for name in needs:
        visit(name, frozenset())
    return list(seen)


def _layers(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depth: dict[str, int] = {}
    for name in _in_order(needs):
        depth[name] = 1 + max((depth.get(need, -1) for need in needs[name]), default=-1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in needs:
        layers[depth[name]].append(name)
    return layers


def _ordered(layers: list[list[str]], needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Fewer crossings: each node towards the mean place of its neighbours, sweeping forth and back."""
    neighbours: tuple[Mapping[str, Sequence[str]], ...] = (needs, _reversed(needs))
    for sweep in range(_SWEEPS):
        places = {name: (i + 0.5) / len(layer) for layer in layers for i, name in enumerate(layer)}
        towards = neighbours[sweep % 2]
        for layer in layers:
            layer.sort(key=lambda name: _mean([places[n] for n in towards[name]], places[name]))
            places |= {name: (i + 0.5) / len(layer) for i, name in enumerate(layer)}
    return layers


def _reversed(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: [other for other, found in needs.items() if name in found] for name in needs}


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _height(layer: Sequence[str], sizes: Mapping[str, Size]) -> float:
    return sum(sizes[name][1] for name in layer) + _BETWEEN * (len(layer) - 1)


def _wrapped(layers: Sequence[list[str]], sizes: Mapping[str, Size], width: float) -> list[list[list[str]]]:
    """Layers filled into as few rows as can be, of about the same width."""
    widths = [max(sizes[name][0] for name in layer) + _GAP for layer in layers]
    widest = width - 2 * _MARGIN - 2 * _GAP
    fewest = len(_filled(layers, widths, widest))
    room = widest
    while room > _STRIDE and len(_filled(layers, widths, room - _STRIDE)) == fewest:
        room -= _STRIDE
    return _filled(layers, widths, room)


def _filled(layers: Sequence[list[str]], widths: Sequence[float], room: float) -> list[list[list[str]]]:
    rows: list[list[list[str]]] = []
    filled = 0.0
    for layer, wide in zip(layers, widths, strict=True):
        if not rows or filled + wide > room:
            rows.append([])
            filled = 0.0
        rows[-1].append(layer)
        filled += wide
    return rows


def _path(source: Box, target: Box, row: int, target_row: int, bottoms: Sequence[float], right: float) -> str:
    if row == target_row:
        return _curve(source.right, target.left)
    return _round_the_corner(source.right, target.left, bottoms[target_row - 1] + _GUTTER / 2, right)


def _curve(start: Point, end: Point) -> str:
    (x1, y1), (x2, y2) = start, end
    if abs(y1 - y2) < 0.5:
        return f"M{x1:.1f} {y1:.1f}H{x2:.1f}"
    reach = max(18.0, (x2 - x1) * 0.45)
    return f"M{x1:.1f} {y1:.1f}C{x1 + reach:.1f} {y1:.1f} {x2 - reach:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


def _round_the_corner(start: Point, end: Point, gutter: float, right: float) -> str:
    """Out to the right, down, back to the left below the row, and down into the next one."""
    left = _MARGIN + _BEND / 2
    corners = [start, (right, start[1]), (right, gutter), (left, gutter), (left, end[1]), end]
    return _rounded([corner for before, corner in pairwise([(-1.0, -1.0), *corners]) if corner != before])


def _rounded(points: Sequence[Point]) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        a, b = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{a[0]:.1f} {a[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {b[0]:.1f} {b[1]:.1f}")
    parts.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy) or 1.0
    reach = min(_BEND, length / 2)
    return corner[0] + dx / length * reach, corner[1] + dy / length * reach
