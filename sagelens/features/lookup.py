"""A small reference table that travels with the model and is joined to each row by a key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from sagelens.errors import BadConfig, BadData
from sagelens.features.batch import Batch, Coded, Column

__all__ = ["Lookup"]


class Lookup:
    """`on` is the column of the rows that holds the key. A key that the table lacks gives missing values.

    Each column of the table ends with one more, missing value, which row number -1 picks.
    """

    def __init__(self, name: str, on: str, keys: Sequence[str], columns: Mapping[str, Column]) -> None:
        self.name = name
        self.on = on
        self.keys = tuple(keys)
        self.columns = dict(columns)
        self._rows = {key: row for row, key in enumerate(self.keys)}
        if len(self._rows) != len(self.keys):
            twice = next(key for row, key in enumerate(self.keys) if self._rows[key] != row)
            raise BadData(f"Key '{twice}' occurs more than once in table '{name}'. Remove the duplicates before it is joined.")
        self._numbers = [name for name, column in self.columns.items() if not isinstance(column, Coded)]
        self._text = {name: column.values for name, column in self.columns.items() if isinstance(column, Coded)}
        self._number_block = np.array([[*self.columns[name], np.nan] for name in self._numbers], dtype=np.float64)
        self._code_block = np.array(
            [[*column.codes, -1] for column in self.columns.values() if isinstance(column, Coded)], np.int32
        )

    @classmethod
    def of(cls, name: str, table: Batch, *, on: str, key: str, columns: Mapping[str, str]) -> Lookup:
        """`columns` says under which name each column of the table is joined; rows without a key are left out."""
        missing = [column for column in (key, *columns) if column not in table]
        if missing:
            raise BadConfig(f"Table '{name}' has no column {', '.join(missing)}. It has: {', '.join(table)}.")
        keys = table.text(key)
        present = np.flatnonzero(keys.codes >= 0)
        return cls(
            name,
            on,
            [keys.values[code] for code in keys.codes[present].tolist()],
            {given: _rows_of(table.column(column), present) for column, given in columns.items()},
        )

    @property
    def gives(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def only(self, names: Collection[str]) -> Lookup:
        """The same table with just these of its columns."""
        return Lookup(self.name, self.on, self.keys, {n: column for n, column in self.columns.items() if n in names})

    def transform(self, batch: Batch) -> None:
        """Add the table's columns to the batch."""
        key = batch.text(self.on)
        found = np.array([*(self._rows.get(value, -1) for value in key.values), -1], dtype=np.intp)
        rows = found.take(key.codes, mode="wrap")
        if self._numbers:
            for name, numbers in zip(self._numbers, self._number_block.take(rows, axis=1, mode="wrap"), strict=True):
                batch.add(name, numbers)
        if self._text:
            for (name, values), codes in zip(self._text.items(), self._code_block.take(rows, axis=1, mode="wrap"), strict=True):
                batch.add(name, Coded(values, codes))

    def state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "on": self.on,
            "keys": list(self.keys),
            "columns": {name: _column_state(column) for name, column in self.columns.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Lookup:
        columns = {name: _column_from_state(column) for name, column in state["columns"].items()}
        return cls(state["name"], state["on"], state["keys"], columns)


def _rows_of(column: Column, rows: Any) -> Column:
    return Coded(column.values, column.codes[rows]) if isinstance(column, Coded) else column[rows]


def _column_state(column: Column) -> Any:
    if isinstance(column, Coded):
        return {"values": list(column.values), "codes": column.codes.tolist()}
    return [None if np.isnan(number) else number for number in column.tolist()]


def _column_from_state(state: Any) -> Column:
    if isinstance(state, dict):
        return Coded(tuple(state["values"]), np.array(state["codes"], dtype=np.int32))
    return np.array(state, dtype=np.float64)
