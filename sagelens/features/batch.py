"""A batch of raw rows by column: numbers as float64 (NaN for a missing one), text by dictionary.

One row and a million rows are the same thing here. Work that Python must do a value at a time is done on the distinct
texts only; everything else is numpy on whole columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadData

__all__ = ["Batch", "Coded", "Codes", "Column", "Numbers"]

Numbers: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int32]


class Coded(NamedTuple):
    """Text by dictionary: `codes` says which of the distinct `values` each row has; -1 is a missing one."""

    values: Sequence[str]
    codes: Codes

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Coded:
        if len(texts) == 1:
            text = texts[0]
            return cls((), _MISSING) if text is None else cls((text,), _FIRST)
        seen: dict[str, int] = {}
        codes = [-1 if text is None else seen.setdefault(text, len(seen)) for text in texts]
        return cls(tuple(seen), np.array(codes, dtype=np.int32))

    def decoded(self) -> npt.NDArray[np.object_]:
        """The texts themselves, None for a missing one."""
        return np.array([*self.values, None], dtype=object)[self.codes]


Column: TypeAlias = Numbers | Coded

_FIRST: Codes = np.zeros(1, dtype=np.int32)
_MISSING: Codes = np.full(1, -1, dtype=np.int32)


class Batch(Mapping[str, npt.NDArray[Any]]):
    """Columns by name. As a mapping it gives plain arrays; `numbers` and `text` give a column as it is kept."""

    __slots__ = ("_columns", "_table", "rows")

    def __init__(self, columns: dict[str, Column], rows: int, table: Any = None) -> None:
        self._columns = columns
        self._table = table
        self.rows = rows

    @classmethod
    def of_arrow(cls, table: Any) -> Batch:
        """A pyarrow Table; a column is converted when first asked for."""
        return cls({}, table.num_rows, table)

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]], *, numbers: Sequence[str], text: Sequence[str]) -> Batch:
        """Rows as dictionaries; a field that a row lacks, or that is None, is missing."""
        matrix = np.array([[row.get(name) for row in rows] for name in numbers], dtype=np.float64)
        columns: dict[str, Column] = dict(zip(numbers, matrix, strict=True))
        for name in text:
            columns[name] = Coded.of([row.get(name) for row in rows])
        return cls(columns, len(rows))

    @classmethod
    def of_columns(cls, columns: Mapping[str, Iterable[Any]]) -> Batch:
        """Plain sequences: text where the first value present is a str, numbers otherwise."""
        kept: dict[str, Column] = {}
        for name, values in columns.items():
            listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
            first = next((value for value in listed if value is not None), None)
            kept[name] = Coded.of(listed) if isinstance(first, str) else np.array(listed, dtype=np.float64)
        return cls(kept, len(listed) if columns else 0)

    def column(self, name: str) -> Column:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._converted(name)
        return found

    def numbers(self, name: str) -> Numbers:
        column = self.column(name)
        if isinstance(column, Coded):
            raise BadData(f"Column '{name}' holds text; numbers are needed. List it under features.categorical instead.")
        return column

    def text(self, name: str) -> Coded:
        column = self.column(name)
        if not isinstance(column, Coded):
            raise BadData(f"Column '{name}' holds numbers; text is needed. List it under features.numeric instead.")
        return column

    def add(self, name: str, column: Column) -> None:
        """Put a column in; one of the same name is replaced."""
        self._columns[name] = column

    def _converted(self, name: str) -> Column:
        if self._table is None or name not in self._table.column_names:
            raise BadData(f"Column '{name}' is not in the table. It has: {', '.join(self)}.")
        return _from_arrow(name, self._table.column(name))

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        column = self.column(name)
        return column.decoded() if isinstance(column, Coded) else column

    def __contains__(self, name: object) -> bool:
        return name in self._columns or (self._table is not None and name in self._table.column_names)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(self._table.column_names if self._table is not None else ())
        return iter({**names, **dict.fromkeys(self._columns)})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _from_arrow(name: str, column: Any) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind) and _is_string(kind.value_type):
        return _coded(column)
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if _is_string(kind):
        return _coded(pa.chunked_array(column).combine_chunks().dictionary_encode())
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise BadData(
            f"Column '{name}' is of type {kind}; features are made of numbers and text. Cast it when preparing the data."
        )
    numbers = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(), dtype=np.float64)


def _is_string(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _coded(column: Any) -> Coded:
    """Text that is coded by a dictionary already, never written out. A missing value may be one of the dictionary's, too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # of no chunks at all
        return Coded((), np.empty(0, dtype=np.int32))
    codes = pc.cast(column.indices, pa.int32())
    if column.dictionary.null_count:
        codes = pc.if_else(column.dictionary.is_null().take(codes), pa.scalar(None, pa.int32()), codes)
    return Coded(tuple(column.dictionary.to_pylist()), codes.fill_null(-1).to_numpy(zero_copy_only=False))
