"""From the files of a source to a table."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn
from zipfile import BadZipFile, ZipFile

from sagelens.data.connection import connection, cores
from sagelens.data.table import Table
from sagelens.errors import BadData
from sagelens.values import LocalSource, Source, SourceFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_source", "read_sources"]

CSV_DEFAULTS: dict[str, Any] = {"header": True, "delim": ","}
READERS = {
    SourceFormat.CSV: "read_csv",
    SourceFormat.CSV_ZIP: "read_csv",
    SourceFormat.PARQUET: "read_parquet",
    SourceFormat.JSON_LINES: "read_ndjson",
}
UNKNOWN_COLUMNS = re.compile(r'Columns with names: ("[^\n]*") do not exist')
BAD_LINE = re.compile(r"CSV Error on Line: (\d+)")
BAD_VALUE = re.compile(r"""Error when converting column "([^"]+)"\. Could not convert string "(.*)" to '([^']+)'""")
_numbers = count()


def read_sources(sources: Mapping[str, LocalSource]) -> dict[str, Table]:
    """Every source as a table in memory, in the order given; read at the same time, as far as there are cores."""
    cursors = [connection().con.cursor() for _ in sources]  # a DuckDB connection serves one thread at a time
    with ThreadPoolExecutor(cores()) as pool:
        names = list(pool.map(_read, sources.values(), cursors))
    return {source: connection().table(name) for source, name in zip(sources, names, strict=True)}


def read_source(local: LocalSource) -> Table:
    """One source as a table in memory (DuckDB spills it to disk when memory is short)."""
    return connection().table(_read(local, connection().con.cursor()))


def _read(local: LocalSource, cursor: Any) -> str:
    """Read the files of a source into a table of the shared database; its name is the answer."""
    files = sorted(path for path in local.path.rglob("*") if path.is_file())
    if not files:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no files.")
    with _unpacked(local, files) as readable:
        name = _load(local, readable, cursor)
    if not cursor.table(name).count("*").fetchall()[0][0]:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    return name


@contextmanager
def _unpacked(local: LocalSource, files: list[Path]) -> Iterator[list[Path]]:
    """DuckDB reads no zip archives: their members go to a folder that lives as long as the reading."""
    if local.source.format is not SourceFormat.CSV_ZIP:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="sagelens-source-") as folder:
        yield [member for file in files for member in _members(local.name, file, Path(folder))]


def _members(source: str, archive: Path, folder: Path) -> Iterable[Path]:
    try:
        with ZipFile(archive) as opened:
            for entry in opened.infolist():
                if entry.is_dir():
                    continue
                member = folder / f"{archive.stem}-{Path(entry.filename).name}"
                with opened.open(entry) as packed, member.open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)
                yield member
    except (BadZipFile, EOFError, OSError) as error:
        raise BadData(f"Source '{source}': {archive.name} is not a readable zip archive: {error}") from error


def _load(local: LocalSource, files: list[Path], cursor: Any) -> str:
    name, options = f"{local.name}_{next(_numbers)}", _options(local.source)
    try:
        absent = _create(cursor, name, local.source, files, options)
        if absent:
            _forget(local, options, absent)
            _create(cursor, name, local.source, files, options)
    except _duckdb_error() as error:
        raise _unreadable(local, files, error) from error
    return name


def _duckdb_error() -> type[Exception]:
    import duckdb

    kind: type[Exception] = duckdb.Error
    return kind


def _forget(local: LocalSource, options: dict[str, Any], absent: set[str]) -> None:
    """A declared column that the file lacks is for the quality gate to judge, not for the reader."""
    options["types"] = {column: kind for column, kind in options["types"].items() if column not in absent}
    if not options["types"]:
        del options["types"]
    warn(f"Source '{local.name}' has no column {', '.join(sorted(absent))}, for which a type is declared.", stacklevel=2)


def _options(source: Source) -> dict[str, Any]:
    if source.format not in {SourceFormat.CSV, SourceFormat.CSV_ZIP}:
        return dict(source.options)
    types = {"types": dict(source.columns)} if source.columns else {}
    return {**CSV_DEFAULTS, "nullstr": list(source.null), **types, **source.options}


def _create(cursor: Any, name: str, source: Source, files: list[Path], options: dict[str, Any]) -> set[str]:
    """Create the table; the answer are the declared columns that a CSV file lacks, for which there is no table yet."""
    import duckdb

    for option in options:
        if not option.isidentifier():
            raise BadData(f"'{option}' is not the name of an option of DuckDB's {READERS[source.format]}.")
    named = "".join(f", {option} = ${option}" for option in options)
    columns = "*" if "read_csv" in READERS[source.format] or not source.columns else f"* REPLACE ({_casts(source.columns)})"
    sql = f'CREATE TABLE "{name}" AS SELECT {columns} FROM {READERS[source.format]}($files{named})'  # noqa: S608 - names are checked
    try:
        cursor.execute(sql, {"files": [str(file) for file in files], **options})
    except duckdb.BinderException as error:
        absent = UNKNOWN_COLUMNS.search(str(error))
        if not absent:
            raise
        return set(re.findall(r'"([^"]*)"', absent[1]))
    return set()


def _casts(columns: Mapping[str, str]) -> str:
    return ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in columns.items())


def _unreadable(local: LocalSource, files: list[Path], error: Exception) -> BadData:
    """What DuckDB says of a file in twenty lines, in one."""
    text = str(error)
    line, value, file = BAD_LINE.search(text), BAD_VALUE.search(text), re.search(r"file = (.+)", text)
    where = f"{Path(file[1]).name if file else files[0].name}{f', line {line[1]}' if line else ''}"
    if value:
        column, sample, kind = value.groups()
        declared = column in local.source.columns
        what = f"column '{column}' is {'declared' if declared else 'taken for'} {kind}, but holds '{sample}'"
        advice = "Correct the data, or the source's `columns` (VARCHAR takes any text) or `null` (texts for a missing value)."
        return BadData(f"Source '{local.name}' ({where}): {what}. {advice}")
    found = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    said = f"{found[2]} values where the header has {found[1]} columns" if found else text.partition("\n")[0].rstrip(".")
    ragged = _ragged_line(files, local.source) if "when sniffing" in text else None
    if ragged:
        where, said = ragged
    return BadData(f"Source '{local.name}' ({where}) cannot be read as {local.source.format}: {said}.")


def _ragged_line(files: list[Path], source: Source) -> tuple[str, str] | None:
    """Where DuckDB finds no dialect that fits a CSV file, the first line that has more or fewer values than the header."""
    for path in files:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            lines = csv.reader(file, delimiter=source.options.get("delim", CSV_DEFAULTS["delim"]))
            header = next(lines, [])
            for values in lines:
                if values and len(values) != len(header):
                    said = f"{len(values)} values where the header has {len(header)} columns"
                    return f"{path.name}, line {lines.line_num}", said
    return None
