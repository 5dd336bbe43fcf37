"""What follows from counts: summaries, bins, drift between splits, and what a column tells of the target."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from sagelens.data.counting import Counts
from sagelens.data.profile import Bin, Summary

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["bins_by_interval", "bins_by_value", "correlation_of", "drift_of", "information_of", "summary_of"]

INTERVALS = 20
MOST_BINS = 60
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SMALLEST_SHARE = 1e-4
LARGE = 1e140
"""Squares of smaller numbers can be added up: floats end at 1.8e308."""


def summary_of(counts: Counts, split: int, *, numeric: bool) -> Summary:
    import numpy as np

    found = counts.of_split(split)
    present = np.flatnonzero(found)
    total = int(found.sum())
    missing, infinite = counts.missing_in(split), counts.infinite_in(split)
    base = Summary(rows=total + missing + infinite, missing=missing, distinct=len(present), infinite=infinite)
    if not total:
        return base
    ends = [counts.values[present[end]] for end in (0, -1)]
    if not numeric:
        return replace(base, minimum=str(ends[0]), maximum=str(ends[1]))
    values, scale = _scaled(counts.values)
    mean, deviation = (scale * moment for moment in _moments(values, found))
    return replace(
        base,
        minimum=float(ends[0]),
        maximum=float(ends[1]),
        mean=_short(mean),
        deviation=_short(deviation),
        quantiles={str(share): float(value) for share, value in zip(QUANTILES, _quantiles(counts.values, found), strict=True)},
    )


def bins_by_value(counts: Counts, splits: tuple[str, ...]) -> tuple[Bin, ...]:
    """A bin for each value in order; of many values the commonest in training, then the others together."""
    import numpy as np

    if len(counts.values) <= MOST_BINS:
        return tuple(_bin(str(value), counts.matrix[:, index], splits) for index, value in enumerate(counts.values))
    ranked = np.argsort(-counts.of_split(0), kind="stable")
    common = tuple(_bin(str(counts.values[index]), counts.matrix[:, index], splits) for index in ranked[:MOST_BINS])
    return (*common, _bin("others", counts.matrix[:, ranked[MOST_BINS:]].sum(axis=1), splits))


def bins_by_interval(counts: Counts, splits: tuple[str, ...]) -> tuple[Bin, ...]:
    """Equal intervals over the middle 98 % of the training rows; over all of them where those are one value."""
    import numpy as np

    if not counts.of_split(0).any():
        return ()
    low, *_, high = _quantiles(counts.values, counts.of_split(0))
    if low == high:
        low, high = counts.values[0], counts.values[-1]
    if low == high:
        return ()
    _, scale = _scaled(counts.values)
    edges = np.linspace(float(low) / scale, float(high) / scale, INTERVALS + 1) * scale
    places = np.clip(np.searchsorted(edges, counts.values.astype(float), side="right") - 1, 0, INTERVALS - 1)
    matrix = np.stack([np.bincount(places, row, minlength=INTERVALS) for row in counts.matrix])
    return tuple(
        _bin(_interval(edges, index), matrix[:, index], splits, lower=_short(edges[index]), upper=_short(edges[index + 1]))
        for index in range(INTERVALS)
    )


def drift_of(bins: tuple[Bin, ...], missing: dict[str, int]) -> dict[str, float]:
    """The population stability index of each later split against the first; what is `missing`, by split, is a bin of its own."""
    if not bins:
        return {}
    shares = {split: _shares([*(one.counts[split] for one in bins), absent]) for split, absent in missing.items()}
    first, *later = shares
    return {split: _short(_stability(shares[first], shares[split])) for split in later}


def information_of(bins: tuple[Bin, ...]) -> float | None:
    """The information value: how far apart the bins of the two targets lie, in the first split."""
    if len(bins) < 2:
        return None
    first = next(iter(bins[0].counts))
    hits = [one.counts[first] * (one.rate or 0.0) for one in bins]
    rest = [one.counts[first] - hit for one, hit in zip(bins, hits, strict=True)]
    return _short(_stability(_shares(hits), _shares(rest))) if sum(hits) and sum(rest) else None


def correlation_of(counts: Counts) -> float | None:
    """Pearson's correlation with the target in the first split; none where either is constant."""
    (values, _), rows, hits = _scaled(counts.values), counts.of_split(0), counts.matrix[1]
    total, targets = rows.sum(), hits.sum()
    if not 0 < targets < total:
        return None
    mean, deviation = _moments(values, rows)
    rate = float(targets / total)
    covariance = float(((values - mean) * hits).sum() / total)
    return _short(covariance / (deviation * sqrt(rate * (1 - rate)))) if deviation else None


def _bin(label: str, cells: Array, splits: tuple[str, ...], *, lower: float | None = None, upper: float | None = None) -> Bin:
    counts = {split: int(cells[2 * index] + cells[2 * index + 1]) for index, split in enumerate(splits)}
    rows = counts[splits[0]]
    return Bin(label=label, counts=counts, rate=_short(cells[1] / rows) if rows else None, lower=lower, upper=upper)


def _interval(edges: Array, index: int) -> str:
    if index == 0:
        return f"below {edges[1]:.4g}"
    if index == INTERVALS - 1:
        return f"{edges[index]:.4g} or more"
    return f"{edges[index]:.4g} to {edges[index + 1]:.4g}"


def _scaled(values: Array) -> tuple[Array, float]:
    """Numbers whose squares and sums are none beyond all numbers, and by what they have to be multiplied again."""
    import numpy as np

    numbers = values.astype(float)
    largest = float(np.abs(numbers).max(initial=0.0))
    scale = largest if largest > LARGE else 1.0
    return numbers / scale, scale


def _moments(values: Array, rows: Array) -> tuple[float, float]:
    total = rows.sum()
    mean = float((values * rows).sum() / total)
    return mean, sqrt(float((rows * (values - mean) ** 2).sum() / total))


def _quantiles(values: Array, rows: Array) -> list[Any]:
    """The smallest values that at least these shares of the rows do not exceed."""
    import numpy as np

    reached = np.cumsum(rows)
    return [values[np.searchsorted(reached, share * reached[-1], side="left")] for share in QUANTILES]


def _shares(counts: list[Any]) -> list[float]:
    total = sum(counts)
    return [max(count / total, SMALLEST_SHARE) if total else SMALLEST_SHARE for count in counts]


def _stability(expected: list[float], actual: list[float]) -> float:
    from math import log

    return sum((a - e) * log(a / e) for e, a in zip(expected, actual, strict=True))


def _short(value: float) -> float:
    return float(f"{value:.6g}")
