"""From the files of a source to a table: every row once, every value as it is written, or a refusal that says where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import warn

from sagelens.data import csv_text
from sagelens.data.connection import connection, cores
from sagelens.data.inference import TEXTS, as_declared, infer, nearly_numbers
from sagelens.data.members import Member, inflated, members_of, unpacked
from sagelens.data.table import Table
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource, Source, SourceFormat

__all__ = ["ColumnRead", "SourceRead", "collect_sources", "read_source", "read_sources"]

_CSV = frozenset({SourceFormat.CSV, SourceFormat.CSV_ZIP})
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\d*\])?|(STRUCT|MAP)\(.+\)(\[\])?", re.IGNORECASE)
_MOSTLY = 0.9  # of the rows: a column of text that is numbers for the most part is said to be so
_SHOWN = 3  # examples in a message
_numbers = count()


@dataclass(frozen=True, kw_only=True)
class ColumnRead:
    """`type` is DuckDB's; `decided` says by what: "declared", "every value", "no value" or "file". `missing` counts the values
    that were read as missing, by the word that stood there (an empty field is the word "")."""

    name: str
    type: str
    decided: str
    missing: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceRead:
    table: Table
    columns: tuple[ColumnRead, ...]


def collect_sources(sources: Mapping[str, LocalSource]) -> dict[str, SourceRead]:
    """Every source as a table in memory, with how its columns were read, in the order given; read at the same time, as far as
    there are cores. Raises BadData, or BadConfig for a type or an option that does not exist."""
    cursors = [connection().con.cursor() for _ in sources]  # a DuckDB connection serves one thread at a time
    with ThreadPoolExecutor(cores()) as pool:
        read = list(pool.map(_read, sources.values(), cursors))
    return {
        source: SourceRead(table=connection().table(name), columns=columns)
        for source, (name, columns) in zip(sources, read, strict=True)
    }


def read_sources(sources: Mapping[str, LocalSource]) -> dict[str, Table]:
    """The tables alone."""
    return {name: read.table for name, read in collect_sources(sources).items()}


def read_source(local: LocalSource) -> Table:
    """One source as a table in memory."""
    name, _ = _read(local, connection().con.cursor())
    return connection().table(name)


def _read(local: LocalSource, cursor: Any) -> tuple[str, tuple[ColumnRead, ...]]:
    """Read the files of a source into a table of the shared database; its name is the answer."""
    _check_types(local)
    files = sorted(path for path in local.path.rglob("*") if path.is_file())
    if not files:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no files.")
    with _members(local, files) as members:
        if not members:
            raise BadData(f"Source '{local.name}' ({local.source.uri}) has no files but what other programs left beside data.")
        reader = {SourceFormat.PARQUET: _parquet, SourceFormat.JSON_LINES: _json_lines}.get(local.source.format, _csv)
        name, columns = reader(local, members, cursor)
    if not cursor.table(name).count("*").fetchall()[0][0]:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    return name, columns


def _check_types(local: LocalSource) -> None:
    for column, kind in local.source.columns.items():
        if not _TYPE.fullmatch(kind.strip()):
            raise BadConfig(f"Source '{local.name}' declares '{column}' as {kind!r}, which is no type of DuckDB's.")


@contextmanager
def _members(local: LocalSource, files: Sequence[Path]) -> Iterator[list[Member]]:
    """What is packed goes to a folder that lives as long as the reading."""
    found = members_of(local.name, files, local.path)
    with TemporaryDirectory(prefix="sagelens-source-") as name:
        folder = Path(name)
        if local.source.format is SourceFormat.CSV_ZIP:
            found = list(unpacked(local.name, found, folder))
        elif local.source.format is not SourceFormat.PARQUET:
            found = [inflated(local.name, member, folder) if member.path.suffix == ".gz" else member for member in found]
        yield found


def _csv(local: LocalSource, members: Sequence[Member], cursor: Any) -> tuple[str, tuple[ColumnRead, ...]]:
    dialect = csv_text.dialect_of(local.source.options)
    headers = csv_text.headers(local.name, members, dialect)
    if not headers:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    names = next(iter(headers.values()))
    _tell_absent(local, names)
    table = _texts(local.name, members, headers, names, dialect)
    if not table.num_rows:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    column = _CsvColumns(local, members, headers, dialect, cursor)
    read = {name: column.read(name, table.column(name)) for name in names}
    return _stored(local, {name: values for name, (_, values) in read.items()}, cursor), tuple(
        about for about, _ in read.values()
    )


def _texts(
    source: str,
    members: Sequence[Member],
    headers: Mapping[str, tuple[str, ...]],
    names: tuple[str, ...],
    dialect: csv_text.Dialect,
) -> Any:
    import pyarrow as pa

    parts = [
        part.select(list(names))
        for member in members
        if member.name in headers
        for part in csv_text.read_texts(source, member, headers[member.name], dialect)
    ]
    return pa.concat_tables(parts).unify_dictionaries()


@dataclass(frozen=True)
class _CsvColumns:
    """Columns of text become columns of their types."""

    local: LocalSource
    members: Sequence[Member]
    headers: Mapping[str, tuple[str, ...]]
    dialect: csv_text.Dialect
    cursor: Any

    def read(self, name: str, column: Any) -> tuple[ColumnRead, Any]:
        """How the column was read, and its values. `column` is dictionary-encoded text of one dictionary."""
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = column.combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        texts, codes = encoded.dictionary, encoded.indices
        missing = pc.is_in(texts, value_set=pa.array(self.local.source.null, pa.string()))
        known = texts.filter(pc.invert(missing))
        kind, values, decided = self._typed(name, known, codes, texts)
        # Every code becomes the place of its value, or null where its text stands for a missing one.
        places = pc.if_else(
            missing, None, pc.cast(pc.subtract(pc.cumulative_sum(pc.cast(pc.invert(missing), pa.int32())), 1), pa.int32())
        )
        about = ColumnRead(name=name, type=kind, decided=decided, missing=_counted(texts.filter(missing), missing, codes))
        return about, values.take(places.take(codes))

    def _typed(self, name: str, known: Any, codes: Any, texts: Any) -> tuple[str, Any, str]:
        declared = self.local.source.columns.get(name)
        plain = self._plain(known)
        if declared is None:
            found = infer(plain)
            if found.type == "VARCHAR":
                self._tell_mixed(name, plain, codes, texts)
            return found.type, known if found.type == "VARCHAR" else found.values, "every value" if len(known) else "no value"
        if declared.strip().upper() in TEXTS:
            return declared, known, "declared"
        values, wrong = self._declared(plain, declared)
        if wrong is not None:
            raise self._unfit(name, declared, known[plain.index(wrong).as_py()].as_py(), codes, texts)
        return declared, values, "declared"

    def _declared(self, texts: Any, kind: str) -> tuple[Any, str | None]:
        import duckdb

        try:
            return as_declared(texts, kind, self.cursor, self.dialect.formats)
        except (duckdb.CatalogException, duckdb.ParserException, duckdb.BinderException) as error:
            said = str(error).partition("\n")[0]
            raise BadConfig(f"Source '{self.local.name}' declares a type {kind!r}, which DuckDB does not have: {said}") from error

    def _plain(self, texts: Any) -> Any:
        """Numbers that are written with other separators, as others write them. What is no number stays as it is."""
        import pyarrow.compute as pc

        decimal, thousands = re.escape(self.dialect.decimal), re.escape(self.dialect.thousands)
        if self.dialect.decimal == "." and not thousands:
            return texts
        groups = rf"[0-9]{{1,3}}({thousands}[0-9]{{3}})+|" if thousands else ""
        number = pc.match_substring_regex(texts, rf"^-?({groups}[0-9]+)({decimal}[0-9]*)?([eE][-+]?[0-9]+)?$")
        without = pc.replace_substring(texts, self.dialect.thousands, "") if thousands else texts
        others = pc.if_else(pc.match_substring(texts, "."), pc.binary_join_element_wise("~", texts, ""), texts)  # no number here
        return pc.if_else(number, pc.replace_substring(without, self.dialect.decimal, "."), others)

    def _unfit(self, name: str, kind: str, value: str, codes: Any, texts: Any) -> BadData:
        import pyarrow.compute as pc

        rows = pc.sum(pc.equal(codes, texts.index(value).as_py())).as_py()
        place = csv_text.locate(self.members, self.headers, self.dialect, name, value)
        where = str(place) if place else self.members[0].name
        more = f" in {rows} rows" if rows > 1 else ""
        return BadData(
            f"Source '{self.local.name}' ({where}): column '{name}' is declared {kind}, but holds '{value}'{more}. Correct the "
            "data, or the source's `columns` (VARCHAR takes any text) or `null` (texts for a missing value)."
        )

    def _tell_mixed(self, name: str, known: Any, codes: Any, texts: Any) -> None:
        """A column that would be numbers but for a few values is text, which is perhaps not what was meant."""
        import pyarrow as pa
        import pyarrow.compute as pc

        others = nearly_numbers(known)
        if not len(others) or len(others) == len(known):
            return
        rows_with = pc.sum(pc.is_in(texts, value_set=pc.cast(others, pa.string())).take(codes)).as_py() or 0
        if rows_with > (1 - _MOSTLY) * len(codes):
            return
        value = others[0].as_py()
        place = csv_text.locate(self.members, self.headers, self.dialect, name, value)
        shown = ", ".join(f"'{other}'" for other in others.slice(0, _SHOWN).to_pylist())
        warn(
            f"Source '{self.local.name}': column '{name}' is read as text, since {rows_with} of its {len(codes)} rows hold no "
            f"number ({shown}{'' if place is None else f'; the first in {place}'}). List them in the source's `null` if they "
            "mean that there is no value.",
            stacklevel=2,
        )


def _counted(words: Any, missing: Any, codes: Any) -> dict[str, int]:
    """How many rows hold each of the words."""
    import pyarrow.compute as pc

    if not len(words):
        return {}
    word_codes = pc.indices_nonzero(missing).to_pylist()
    counts = {item["values"]: item["counts"] for item in pc.value_counts(codes).to_pylist()}
    return {word: counts.get(code, 0) for word, code in zip(words.to_pylist(), word_codes, strict=True)}


def _tell_absent(local: LocalSource, names: Sequence[str]) -> None:
    """A declared column that the file lacks is for the quality gate to judge, not for the reader."""
    absent = sorted(set(local.source.columns) - set(names))
    if absent:
        warn(f"Source '{local.name}' has no column {', '.join(absent)}, for which a type is declared.", stacklevel=2)


def _stored(local: LocalSource, columns: Mapping[str, Any], cursor: Any) -> str:
    import pyarrow as pa

    given = pa.table(dict(columns))  # noqa: F841 - DuckDB finds it by its name
    name = f"{local.name}_{next(_numbers)}"
    cursor.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')  # noqa: S608 - names of sources are checked
    return name


def _parquet(local: LocalSource, members: Sequence[Member], cursor: Any) -> tuple[str, tuple[ColumnRead, ...]]:
    from sagelens.data.typed_files import read_parquet

    name = f"{local.name}_{next(_numbers)}"
    types = read_parquet(local, members, cursor, name)
    _tell_absent(local, tuple(types))
    return name, _as_filed(local.source, types)


def _json_lines(local: LocalSource, members: Sequence[Member], cursor: Any) -> tuple[str, tuple[ColumnRead, ...]]:
    from sagelens.data.typed_files import read_json_lines

    name = f"{local.name}_{next(_numbers)}"
    types = read_json_lines(local, members, cursor, name)
    _tell_absent(local, tuple(types))
    return name, _as_filed(local.source, types)


def _as_filed(source: Source, types: Mapping[str, str]) -> tuple[ColumnRead, ...]:
    return tuple(
        ColumnRead(name=name, type=kind, decided="declared" if name in source.columns else "file") for name, kind in types.items()
    )
