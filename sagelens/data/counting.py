"""Counts the values of columns by split and target: one small GROUP BY a column, from which everything else follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import TYPE_CHECKING, Any

from sagelens.data.connection import materialise
from sagelens.data.table import Table

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Counts", "Splits"]

CELL = "__cell"
MOST_VALUES = 20_000
"""Numbers with more distinct values are counted in as many narrow steps; texts with more are not counted by value."""


@dataclass(frozen=True)
class Counts:
    """How often each of the sorted `values` occurs: one row of `matrix` for each split and target, target 0 before 1.

    `missing` and `infinite` have one number for each of those rows: of values that are not there (NaN is none), and of those that
    are no finite number, which `values` leaves out.
    """

    values: np.ndarray[Any, Any]
    matrix: np.ndarray[Any, Any]
    missing: np.ndarray[Any, Any]
    infinite: np.ndarray[Any, Any]

    def of_split(self, index: int) -> np.ndarray[Any, Any]:
        both: np.ndarray[Any, Any] = self.matrix[2 * index : 2 * index + 2].sum(axis=0)
        return both

    def missing_in(self, index: int) -> int:
        return int(self.missing[2 * index] + self.missing[2 * index + 1])

    def infinite_in(self, index: int) -> int:
        return int(self.infinite[2 * index] + self.infinite[2 * index + 1])


@dataclass(frozen=True)
class Splits:
    """All splits in one table in memory, with a small number for split and target (2 x split + target)."""

    table: Table
    names: tuple[str, ...]
    target: str

    @classmethod
    def of(cls, splits: Mapping[str, Table], target: str) -> Splits:
        import ibis

        parts = [
            table.filter(table[target].notnull()).mutate(**{CELL: (table[target].cast("int8") + 2 * index).cast("int16")})
            for index, table in enumerate(splits.values())
        ]
        return cls(materialise(ibis.union(*parts)), tuple(splits), target)

    def types(self) -> dict[str, Any]:
        return {name: kind for name, kind in self.table.schema().items() if name not in {CELL, self.target}}

    def overview(self) -> dict[str, tuple[int, Any, Any]]:
        """Distinct values (an estimate), minimum and maximum of every column, in one pass: of floats, those that are finite."""
        types = self.types()
        names = list(types)
        kept = {name: f" FILTER (isfinite({_quoted(name)}))" if types[name].is_floating() else "" for name in names}
        select = ", ".join(
            f"approx_count_distinct({_quoted(n)}), min({_quoted(n)}){kept[n]}, max({_quoted(n)}){kept[n]}" for n in names
        )
        row = self._rows.aggregate(select).fetchall()[0]
        return {name: row[3 * index : 3 * index + 3] for index, name in enumerate(names)}

    def count(self, column: str, *, distinct: int, low: Any, high: Any) -> Counts:
        """The values of one column; `distinct`, `low` and `high` are from the overview."""
        value = _quoted(column)
        if distinct > MOST_VALUES:
            value = _stepped(value, low, high) if isinstance(low, (int, float)) else f"if({value} IS NULL, NULL, '')"
        found = self._rows.aggregate(f"{CELL} AS cell, {value} AS value, count(*) AS n", "cell, value")
        return _counts(found.fetchnumpy(), 2 * len(self.names))

    def totals(self) -> tuple[list[int], list[int]]:
        """Rows and targets of each split."""
        cells = dict(self._rows.aggregate(f"{CELL} AS cell, count(*)", "cell").fetchall())
        hits = [cells.get(2 * index + 1, 0) for index in range(len(self.names))]
        return [hit + cells.get(2 * index, 0) for index, hit in enumerate(hits)], hits

    def days(self, time: str) -> list[tuple[str, int, int, int]]:
        """Day, index of the split, rows and targets, by day."""
        days = self._rows.project(f"{_quoted(time)}::DATE::VARCHAR AS day, {CELL} // 2 AS split, {CELL} % 2 AS target")
        found = days.filter("day IS NOT NULL").aggregate("day, split, count(*), sum(target)", "day, split")
        return [(day, int(split), int(rows), int(hits)) for day, split, rows, hits in found.order("day, split").fetchall()]

    @property
    def _rows(self) -> Any:
        return self.table.get_backend().con.table(self.table.get_name())


def _counts(found: dict[str, Any], cells: int) -> Counts:
    import numpy as np

    absent = np.ma.getmaskarray(found["value"]) if np.ma.isMaskedArray(found["value"]) else _empty(found["value"])
    cell, rows = np.asarray(found["cell"]), np.asarray(found["n"])
    missing = np.bincount(cell[absent], rows[absent], minlength=cells).astype(np.int64)
    boundless = ~absent & _infinite(np.ma.getdata(found["value"]))
    infinite = np.bincount(cell[boundless], rows[boundless], minlength=cells).astype(np.int64)
    counted = ~absent & ~boundless
    values, places = np.unique(np.ma.getdata(found["value"])[counted], return_inverse=True)
    matrix = np.zeros((cells, len(values)), dtype=np.int64)
    matrix[cell[counted], places] = rows[counted]
    return Counts(values, matrix, missing, infinite)


def _infinite(values: Any) -> Any:
    import numpy as np

    return np.isinf(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _empty(values: Any) -> Any:
    import numpy as np

    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _stepped(value: str, low: float, high: float) -> str:
    width = (high - low) / MOST_VALUES
    if isinf(width):  # their difference is beyond all numbers, so that steps are counted in halves
        half = high / 2 / MOST_VALUES - low / 2 / MOST_VALUES
        return f"2 * ({low / 2!r} + round({value} / 2 / {half!r} - {low / 2 / half!r}) * {half!r})"
    return f"{low!r} + round(({value} - {low!r}) / {width!r}) * {width!r}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
