"""Metric math, computed: numbers, series (by the beginning of a window) and lists of series.

A window in which an operand is missing, a divisor is 0 or the result beyond all numbers, is missing in the result.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sagelens.local.metrics.expression import Array, Binary, Call, Id, Metrics, Negative, Node, Number, Word

__all__ = ["Points", "Scope", "cost_of", "ids_of", "series_of"]

Points = dict[int, float]
Plain = float | Points
Value = Plain | list[Points]

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


@dataclass(frozen=True)
class Scope:
    """What an expression sees: the results so far by id, the ids that are metrics, and the beginnings of all windows."""

    results: Mapping[str, Points]
    metrics: Sequence[str]
    windows: Sequence[int]


def ids_of(node: Node, metrics: Sequence[str]) -> set[str]:
    """The ids that an expression needs; `metrics` are those that METRICS() stands for."""
    match node:
        case Binary():
            first, others = _chain(node)
            return set().union(ids_of(first, metrics), *(ids_of(other.right, metrics) for other in others))
        case Id(name):
            return {name}
        case Metrics(part):
            return {name for name in metrics if part in name}
        case Negative(inner):
            return ids_of(inner, metrics)
        case Array(items) | Call(_, items):
            return set().union(*(ids_of(item, metrics) for item in items))
    return set()


def cost_of(node: Node, metrics: Sequence[str]) -> int:
    """How many values an expression computes for each window, at most."""
    count, widest, ahead = 0, 1, [node]
    while ahead:
        node = ahead.pop()
        count += 1
        match node:
            case Negative(inner):
                ahead.append(inner)
            case Binary(_, left, right):
                ahead += (left, right)
            case Metrics():
                widest = max(widest, len(metrics))
            case Array(items):
                widest = max(widest, len(items))
                ahead += items
            case Call(_, arguments):
                ahead += arguments
    return count * widest


def series_of(node: Node, scope: Scope) -> Points:
    """The series that an expression gives. ValueError says which part does not take, or give, what it should."""
    value = _compute(node, scope)
    if isinstance(value, dict):
        return value
    given = "a single number" if isinstance(value, float) else "several time series, to be folded with SUM, AVG, MIN or MAX"
    raise ValueError(f"one time series is needed, and it gives {given}")


def _compute(node: Node, scope: Scope) -> Value:  # noqa: PLR0911  one for each kind of node
    match node:
        case Number(value):
            return value
        case Id(name):
            return scope.results[name]
        case Metrics(part):
            return [scope.results[name] for name in scope.metrics if part in name]
        case Array(items):
            return [_series(_compute(item, scope), "an array") for item in items]
        case Negative(inner):
            return _combine(operator.sub, 0.0, _compute(inner, scope))
        case Binary():
            return _chained(node, scope)
        case Call("FILL", (filled, filler)):
            return _fill(_series(_compute(filled, scope), "FILL"), filler, scope)
        case Call("IF", arguments):
            return _choose([_plain(_compute(argument, scope), "IF") for argument in arguments])
        case Call(function, arguments):
            return _fold(_FOLDS[function], _compute(arguments[0], scope))
    raise ValueError(f"{node.name} can only be an argument of FILL")


def _chain(node: Binary) -> tuple[Node, list[Binary]]:
    """What `a + b + c ...` begins with, and the operations on it in order: a chain may be longer than calls may be nested."""
    others, first = [node], node.left
    while isinstance(first, Binary):
        others.append(first)
        first = first.left
    return first, others[::-1]


def _chained(node: Binary, scope: Scope) -> Value:
    first, others = _chain(node)
    value = _compute(first, scope)
    for other in others:
        value = _combine(_OPERATORS[other.operator], value, _compute(other.right, scope))
    return value


def _combine(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Both sides, window by window; a number goes with every window, and a list gives a list."""
    if isinstance(left, list):
        other = _plain(right, "a list beside it")
        return [_each(operation, points, other) for points in left]
    if isinstance(right, list):
        return [_each(operation, left, points) for points in right]
    if isinstance(left, float) and isinstance(right, float):
        result = float(operation(left, right))
        return result if math.isfinite(result) else {}
    return _each(operation, left, right)


def _each(operation: Callable[[float, float], float], left: Plain, right: Plain) -> Points:
    results: Points = {}
    for moment in left if isinstance(left, dict) else right if isinstance(right, dict) else ():
        one, other = _at(left, moment), _at(right, moment)
        if one is not None and other is not None and math.isfinite(result := float(operation(one, other))):
            results[moment] = result
    return results


def _fold(fold: Callable[[Sequence[float]], float], value: Value) -> Value:
    """A list becomes a series, a series a number; one without any point becomes 0."""
    if isinstance(value, float):
        return value
    if isinstance(value, dict):
        folded = float(fold(list(value.values()))) if value else 0.0
        return folded if math.isfinite(folded) else {}
    moments = sorted(set().union(*value))
    series = {moment: float(fold([points[moment] for points in value if moment in points])) for moment in moments}
    return {moment: folded for moment, folded in series.items() if math.isfinite(folded)}


def _fill(points: Points, filler: Node, scope: Scope) -> Points:
    filling = {} if isinstance(filler, Word) else _plain(_compute(filler, scope), "FILL")
    filled: Points = {}
    last: float | None = None
    for moment in scope.windows:
        last = points.get(moment, last if isinstance(filler, Word) else _at(filling, moment))
        if last is not None:
            filled[moment] = last
    return filled


def _choose(values: Sequence[Plain]) -> Value:
    """IF: without a third argument, windows in which the condition does not hold are missing."""
    condition, *branches = values
    branches.append({})
    if isinstance(condition, float):
        return branches[0] if condition else branches[1]
    chosen = {moment: _at(branches[0] if holds else branches[1], moment) for moment, holds in condition.items()}
    return {moment: value for moment, value in chosen.items() if value is not None}


def _at(value: Plain, moment: int) -> float | None:
    return value if isinstance(value, float) else value.get(moment)


def _plain(value: Value, taker: str) -> Plain:
    if isinstance(value, list):
        raise ValueError(f"{taker} takes numbers and series, not a list of series")  # noqa: TRY004  a mistake of the expression's
    return value


def _series(value: Value, taker: str) -> Points:
    if not isinstance(value, dict):
        kind = "a number" if isinstance(value, float) else "a list of series"
        raise ValueError(f"{taker} takes series, not {kind}")  # noqa: TRY004  a mistake of the expression's
    return value
