"""Tables as folders of Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from sagelens.data.connection import connection
from sagelens.data.table import Table
from sagelens.errors import BadData
from sagelens.values import Column

__all__ = ["Shape", "parquet_files", "read_table", "shape_of", "write_table"]

FILE = "part-0.parquet"
COMPRESSION = "snappy"  # measured: a third faster to write than zstd, for a tenth more bytes
SUFFIXES = (".parquet", ".out")
_MOST_DIGITS = 38  # of DuckDB's DECIMAL
_NOTHING = '"NULL"'  # DuckDB's type of a column without values
# A folder such as month=01 on the way to a table is no column of it, which DuckDB would even put in place of the table's own.
_AS_WRITTEN = {"hive_partitioning": False, "union_by_name": True}


@dataclass(frozen=True)
class Shape:
    """What a table's Parquet metadata say; no row is read for it."""

    rows: int
    columns: tuple[Column, ...]


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files below a folder, sorted."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not found:
        raise BadData(
            f"No table in {folder}. A table is a folder with at least one file named {' or '.join('*' + s for s in SUFFIXES)}."
        )
    return found


def read_table(folder: Path) -> Table:
    """The table in a folder, read lazily; where it has several files, they have the same columns. Raises BadData."""
    import duckdb

    files = parquet_files(folder)
    try:
        _check_digits(folder, files)
        _check_alike(folder, files)
        return connection().read_parquet(_named(files), **_AS_WRITTEN)
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise BadData(f"The table in {folder} is not readable Parquet: {_first_line(error)}") from error


def write_table(table: Any, folder: Path) -> Shape:
    """Write an Ibis table, a DuckDB relation, an Arrow table or a pandas frame (its index is dropped) as one Parquet file."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    if isinstance(table, duckdb.DuckDBPyRelation):
        table.write_parquet(str(file), compression=COMPRESSION)
    elif hasattr(table, "get_backend"):
        table.get_backend().to_parquet(table, file, compression=COMPRESSION)
    else:
        _relation(table).write_parquet(str(file), compression=COMPRESSION)
    return shape_of(folder)


def shape_of(table: Table | Path) -> Shape:
    """Rows and columns of an Ibis table, or of one in a folder, from the Parquet metadata; types are DuckDB's."""
    if isinstance(table, Path):
        return _shape_of_folder(table)
    columns = table.get_backend().raw_sql(f"DESCRIBE {table.compile()}").fetchall()
    return Shape(rows=int(table.count().to_pyarrow().as_py()), columns=_columns(columns))


def _shape_of_folder(folder: Path) -> Shape:
    files = _named(parquet_files(folder))
    cursor = connection().con.cursor()
    rows = cursor.execute("SELECT sum(num_rows) FROM parquet_file_metadata($files)", {"files": files}).fetchone()
    return Shape(rows=int(rows[0]), columns=_described(cursor, files))


def _named(files: Sequence[Path]) -> list[str]:
    """Paths as DuckDB takes them for just these files: it reads `[a]` in one as a pattern, which other files match, too."""
    return [escape(str(file)) for file in files]


def _described(cursor: Any, files: list[str]) -> tuple[Column, ...]:
    options = ", ".join(f"{name} = {value}" for name, value in _AS_WRITTEN.items())
    return _columns(cursor.execute(f"DESCRIBE SELECT * FROM read_parquet($files, {options})", {"files": files}).fetchall())  # noqa: S608


def _check_digits(folder: Path, files: Sequence[Path]) -> None:
    """DuckDB makes floating-point numbers of decimals that are wider than its own."""
    sql = "SELECT name, precision FROM parquet_schema($files) WHERE precision > $most AND converted_type = 'DECIMAL' LIMIT 1"
    wide = connection().con.cursor().execute(sql, {"files": _named(files), "most": _MOST_DIGITS}).fetchone()
    if wide is not None:
        raise BadData(
            f"The table in {folder} has '{wide[0]}' as decimals of {wide[1]} digits; tables hold {_MOST_DIGITS}. "
            "Write fewer, or text."
        )


def _check_alike(folder: Path, files: Sequence[Path]) -> None:
    """DuckDB by itself takes the first file's columns and types: it drops what another has more, and makes 2 of a 2.5.

    A column without values, as Arrow writes it, has any type.
    """
    cursor, known = connection().con.cursor(), dict[str, str]()
    for file in files if len(files) > 1 else ():
        found = {column.name: column.type for column in _described(cursor, _named([file]))}
        known = known or found
        name_of_file = file.relative_to(folder)
        if other := sorted(set(found) ^ set(known)):
            raise BadData(
                f"The table in {folder} has files with other columns: {', '.join(other)} in {files[0].relative_to(folder)} or in "
                f"{name_of_file} only. Write all files of a table with the same columns."
            )
        for name, kind in found.items():
            if kind != known[name] and _NOTHING not in (kind, known[name]):
                raise BadData(
                    f"The table in {folder} has '{name}' as {kind} in {name_of_file}, and as {known[name]} before. "
                    "Write all files of a table with the same types."
                )
            known[name] = known[name] if kind == _NOTHING else kind


def _columns(described: list[tuple[str, ...]]) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind, *_ in described)


def _relation(table: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pd.DataFrame):
        return _of_frame(table)
    if isinstance(table, pa.Table):
        _check_names(table.column_names)
        return connection().con.from_arrow(table)
    kind = f"{type(table).__module__}.{type(table).__qualname__}"
    raise BadData(f"A {kind} is not a table. Return an Ibis table, a DuckDB relation, a pyarrow Table or a pandas DataFrame.")


def _of_frame(frame: Any) -> Any:
    """Columns of Python's objects by the type of all their values: DuckDB takes that of a sample, and makes 2 of a later 2.5."""
    import pyarrow as pa

    _check_names([str(name) for name in frame.columns])
    objects = [name for name in frame.columns if frame[name].dtype == object]
    typed = frame.drop(columns=objects)
    con = connection().con
    if not objects:
        return con.from_df(frame)
    held: Any = con.from_df(typed).to_arrow_table() if len(typed.columns) else None
    columns = {str(name): _of_objects(name, frame[name]) if name in objects else held[str(name)] for name in frame.columns}
    return con.from_arrow(pa.table(columns))


def _of_objects(name: Any, values: Any) -> Any:
    import pyarrow as pa

    where = f"Column '{name}' of a pandas DataFrame"
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise BadData(f"{where} is of no one type: {' '.join(map(str, error.args))}. Cast it before it is returned.") from error
    if pa.types.is_date(array.type) or pa.types.is_floating(array.type):
        kinds = {type(value) for value in values[values.notna()]}
        if len(kinds) > 1 and not all(issubclass(one, int | float) for one in kinds):
            words = ", ".join(sorted(one.__name__ for one in kinds))
            raise BadData(f"{where} holds {words}, of which Arrow makes {array.type}. Cast it to one type.")
    return array


def _check_names(names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        seen[name.casefold()] = name
        if other is not None:
            raise BadData(
                f"Columns '{other}' and '{name}' of a table differ in letter case only, or not at all, which tables do not tell "
                "apart. Rename one."
            )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
