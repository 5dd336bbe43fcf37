"""Computes a profile: one pass over all columns, then one small count for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.data.binning import bins_by_interval, bins_by_value, correlation_of, drift_of, information_of, summary_of
from sagelens.data.counting import MOST_VALUES, Splits
from sagelens.data.profile import Bin, ColumnKind, ColumnProfile, Day, Profile, Summary
from sagelens.data.table import Table
from sagelens.errors import BadData

__all__ = ["profile"]

FEW_VALUES = 31


def profile(splits: Mapping[str, Table], *, target: str, time: str) -> Profile:
    """Profile the splits, training first. `target` is a column of 0 and 1, `time` one of times or dates."""
    for name, table in splits.items():
        absent = [column for column in (target, time) if column not in table.columns]
        if absent:
            raise BadData(f"The {name} split has no column {', '.join(absent)}. It has: {', '.join(table.columns)}.")
    together = Splits.of(splits, target)
    overview = together.overview()
    columns = tuple(_column(together, name, kind, *overview[name]) for name, kind in together.types().items())
    days = together.days(time)
    totals, targets = together.totals()
    return Profile(
        target=target,
        splits=together.names,
        rows=dict(zip(splits, totals, strict=True)),
        rates={name: round(hits / rows, 6) if rows else 0.0 for name, rows, hits in zip(splits, totals, targets, strict=True)},
        columns=columns,
        days=tuple(
            Day(day=day, split=together.names[split], rows=count, rate=round(found / count, 6))
            for day, split, count, found in days
        ),
    )


def _column(splits: Splits, name: str, type_: Any, distinct: int, low: Any, high: Any) -> ColumnProfile:
    kind = _kind(type_, distinct, low, high)
    counts = splits.count(name, distinct=distinct, low=low, high=high)
    numeric = type_.is_numeric() and not type_.is_boolean()
    summaries = {split: summary_of(counts, index, numeric=numeric) for index, split in enumerate(splits.names)}
    bins = _bins(kind, counts, splits.names, many=distinct > MOST_VALUES)
    return ColumnProfile(
        name=name,
        type=str(type_),
        kind=kind,
        summaries=_with_estimates(summaries, distinct) if distinct > MOST_VALUES else summaries,
        bins=bins,
        drift=drift_of(bins, {split: summary.missing + summary.infinite for split, summary in summaries.items()}),
        correlation=correlation_of(counts) if numeric else None,
        information=information_of(bins),
    )


def _kind(type_: Any, distinct: int, low: Any, high: Any) -> ColumnKind:
    if type_.is_temporal():
        return ColumnKind.TIME
    if type_.is_boolean() or (type_.is_integer() and distinct <= 2 and (low, high) == (0, 1)):
        return ColumnKind.BOOLEAN
    if type_.is_integer() and distinct <= FEW_VALUES:
        return ColumnKind.ORDINAL
    return ColumnKind.QUANTITATIVE if type_.is_numeric() else ColumnKind.CATEGORICAL


def _bins(kind: ColumnKind, counts: Any, splits: tuple[str, ...], *, many: bool) -> tuple[Bin, ...]:
    if kind is ColumnKind.QUANTITATIVE:
        return bins_by_interval(counts, splits)
    return () if kind is ColumnKind.TIME or many else bins_by_value(counts, splits)


def _with_estimates(summaries: dict[str, Summary], distinct: int) -> dict[str, Summary]:
    """Where values were not counted one by one, DuckDB's estimate for all splits together stands for each."""
    from dataclasses import replace

    return {split: replace(summary, distinct=distinct) for split, summary in summaries.items()}
