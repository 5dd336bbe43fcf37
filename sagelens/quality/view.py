"""A table's columns as DuckDB holds them, with nothing converted on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sagelens.data import Table
from sagelens.quality.columns import Column, Kind, column_of
from sagelens.quality.literals import Parameters

__all__ = ["View", "opened", "plain", "shown"]

_numbers = count()
_LONGEST = 500  # characters of a value that a verdict shows: it goes into records, pages and terminals
_MOST_ITEMS = 100  # of a list that a verdict shows
_BATCH = 100_000  # rows: a batch of text stays below some ten megabytes


@dataclass(frozen=True)
class View:
    """`name` is a view in the database of `connection`; `columns` are those that were asked for, `names` all of the table's."""

    connection: Any
    name: str
    columns: dict[str, Column]
    names: tuple[str, ...]
    kept: list[str] = field(default_factory=list)

    def rows(self, sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.connection.execute(sql, parameters.within(sql)).fetchall()
        return found

    def row(self, sql: str, parameters: Parameters) -> tuple[Any, ...]:
        return self.rows(sql, parameters)[0]

    def batches(self, sql: str, parameters: Parameters) -> Iterator[Any]:
        """Arrow batches of what the query gives."""
        yield from self.connection.sql(sql, params=parameters.within(sql)).to_arrow_reader(_BATCH)

    def keep(self, texts: Sequence[Any]) -> str:
        """The name of a table of one column with the texts of these Arrow arrays, for queries on this view. There may be as many
        as rows, and Arrow holds them in a third of what Python does."""
        import pyarrow as pa

        name = f"{self.name}_kept_{len(self.kept)}"
        self.connection.register(name, pa.table({"said": pa.chunked_array(texts)}))
        self.kept.append(name)
        return name


@contextmanager
def opened(table: Table, columns: Iterable[str]) -> Iterator[View]:
    """A view of these columns of the table, one at least, so that rows can be counted."""
    names = tuple(table.columns)
    wanted = list(dict.fromkeys(columns)) or [names[0]]
    backend = table.get_backend()
    view, kept = f"sagelens_gate_{next(_numbers)}", list[str]()
    backend.create_view(view, table.select(*wanted))
    try:
        described = backend.con.execute(f"DESCRIBE {view}").fetchall()
        held = {name: column_of(name, type_) for name, type_, *_ in described}
        yield View(backend.con, view, held, names, kept)
    finally:
        for name in kept:
            backend.con.unregister(name)
        backend.con.execute(f"DROP VIEW IF EXISTS {view}")


def shown(column: Column) -> str:
    """SQL for a value as people read it; Python's own times have no nanoseconds and no infinity."""
    if column.type == "TIMESTAMP WITH TIME ZONE":
        return f"CAST({column.sql} AT TIME ZONE 'UTC' AS VARCHAR) || '+00:00'"
    if column.kind.temporal or column.kind in (Kind.TIME, Kind.OTHER):
        return f"CAST({column.sql} AS VARCHAR)"
    return column.sql


def plain(value: Any) -> Any:
    """A value that JSON can hold, and that is still the value; of a long one the beginning, and how long it is."""
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, int) or value is None:
        return value
    if isinstance(value, bytes):
        return _cut(value[: _LONGEST + 1].hex(), 2 * len(value))
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value[:_MOST_ITEMS]]
        return items if len(value) <= _MOST_ITEMS else [*items, f"… ({len(value)} items)"]
    text = str(value)
    return _cut(text, len(text))


def _cut(text: str, characters: int) -> str:
    return text if characters <= _LONGEST else f"{text[:_LONGEST]}… ({characters} characters)"
