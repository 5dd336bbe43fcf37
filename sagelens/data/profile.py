"""A profile of the splits: what is in each column, how it moves between the splits, and how it goes with the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Bin", "ColumnKind", "ColumnProfile", "Day", "Profile", "Summary"]


class ColumnKind(StrEnum):
    """`boolean` and `ordinal` are numbers with few values: they are counted by value, not by interval."""

    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    ORDINAL = "ordinal"
    QUANTITATIVE = "quantitative"
    TIME = "time"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One column in one split; what a kind of column does not have is missing.

    `infinite` counts the numbers that are infinite; every other figure but `rows` is that of the finite ones.
    """

    rows: int
    missing: int
    distinct: int
    infinite: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 0.0


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A value, or an interval of values from `lower` to below `upper`, of which the first and the last one are open.

    `rate` is the target's in the first split, training.
    """

    label: str
    counts: Mapping[str, int]
    rate: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """`drift` is the population stability index against training: from 0.1 worth a look, from 0.25 another population.

    `correlation` is Pearson's with the target, and `information` how much the bins tell of it (information value), in training.
    """

    name: str
    type: str
    kind: ColumnKind
    summaries: Mapping[str, Summary]
    bins: tuple[Bin, ...] = ()
    drift: Mapping[str, float] = field(default_factory=dict)
    correlation: float | None = None
    information: float | None = None


@dataclass(frozen=True, kw_only=True)
class Day:
    day: str
    split: str
    rows: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """`splits` are in order, training first; `rows` and `rates` (of the target) are by split.

    Rows without a target are not counted.
    """

    target: str
    splits: tuple[str, ...]
    rows: Mapping[str, int]
    rates: Mapping[str, float]
    columns: tuple[ColumnProfile, ...]
    days: tuple[Day, ...] = ()
