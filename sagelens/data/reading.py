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
from sagelens.data.bounds import check_sizes
from sagelens.data.connection import connection, cores
from sagelens.data.declared import Declared, as_declared, check_formats, declared
from sagelens.data.inference import infer, nearly_numbers, unkept
from sagelens.data.json_lines import read_json_lines
from sagelens.data.members import Member, inflated, members_of, partitions, unpacked
from sagelens.data.table import Table
from sagelens.data.typed_files import read_parquet
from sagelens.errors import BadData
from sagelens.values import LocalSource, Source, SourceFormat
from sagelens.values.suggestion import suggestion

__all__ = ["ColumnRead", "SourceRead", "collect_sources", "read_source", "read_sources"]

_MOSTLY = 0.9  # of the rows: a column of text that is numbers for the most part is said to be so
_SHOWN = 3  # examples in a message
_AS_TEXT = frozenset({"JSON", "UUID"})  # in Arrow
_numbers = count()


@dataclass(frozen=True, kw_only=True)
class ColumnRead:
    """`type` is DuckDB's; `decided` says by what: "declared", "every value", "no value" or "file". `missing` counts the values
    that were read as missing, by the word that stood there: an empty field of CSV is the word "", and a record of JSON that has
    none "no key"."""

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
    kinds = {name: declared(local.name, name, kind, cursor) for name, kind in local.source.columns.items()}
    files = sorted(path for path in local.path.rglob("*") if path.is_file())
    if not files:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no files.")
    reader = {SourceFormat.PARQUET: read_parquet, SourceFormat.JSON_LINES: read_json_lines}.get(local.source.format, _read_csv)
    table = f"{local.name}_{next(_numbers)}"
    with _members(local, files) as members:
        if not members:
            raise BadData(
                f"Source '{local.name}' ({local.source.uri}) has no files but what other programs left beside data, under names "
                "that begin with . or _, say."
            )
        if not local.source.options.get("hive_partitioning"):
            _tell_partitions(local, members)
        missing = reader(local, kinds, members, cursor, table)
    rows = cursor.execute(f'SELECT count(*) FROM "{table}"').fetchall()[0][0]  # noqa: S608 - names of sources are checked
    if not rows:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    types = {row[0]: row[1] for row in cursor.execute(f'DESCRIBE "{table}"').fetchall()}
    _tell_absent(local, tuple(types))
    decided = {name: _decided(local.source, name, sum(missing.get(name, {}).values()) == rows) for name in types}
    return table, tuple(
        ColumnRead(name=name, type=kind, decided=decided[name], missing=missing.get(name, {})) for name, kind in types.items()
    )


@contextmanager
def _members(local: LocalSource, files: Sequence[Path]) -> Iterator[list[Member]]:
    """What is packed goes to a folder that lives as long as the reading."""
    found = members_of(local.name, files, local.path)
    with TemporaryDirectory(prefix="sagelens-source-") as name:
        folder = Path(name)
        if local.source.format is SourceFormat.CSV_ZIP:
            found = list(unpacked(local.name, found, folder))
        if local.source.format is not SourceFormat.PARQUET:
            found = inflated(local.name, found, folder)
            check_sizes(local.name, [member.path for member in found])
        yield found


def _tell_partitions(local: LocalSource, members: Sequence[Member]) -> None:
    names = sorted({name for member in members for name in partitions(member.name)})
    if names:
        has = "Set the source's options: {hive_partitioning: true} to have them."
        warn(
            f"Source '{local.name}' lies in folders that are named after {', '.join(names)}, which become no columns. "
            f"{has if local.source.format is SourceFormat.PARQUET else 'Write them into the files to have them.'}",
            stacklevel=2,
        )


def _decided(source: Source, name: str, empty: bool) -> str:
    if name in source.columns:
        return "declared"
    if empty:
        return "no value"
    return "file" if source.format in {SourceFormat.PARQUET, SourceFormat.JSON_LINES} else "every value"


def _read_csv(
    local: LocalSource, kinds: Mapping[str, Declared], members: Sequence[Member], cursor: Any, table: str
) -> dict[str, dict[str, int]]:
    dialect = csv_text.dialect_of(local.source.options)
    check_formats(local.name, kinds, dialect.formats, cursor)
    headings = csv_text.headings(local.name, members, dialect)
    if not headings:
        raise BadData(f"Source '{local.name}' ({local.source.uri}) has no rows.")
    names = next(iter(headings.values())).names
    texts = _texts(local.name, members, headings, names, dialect)
    column = _CsvColumns(local, kinds, members, headings, dialect, cursor)
    read = {name: column.read(name, texts.column(name)) for name in names}
    _store({name: values for name, (_, values) in read.items()}, kinds, cursor, table)
    return {name: missing for name, (missing, _) in read.items() if missing}


def _texts(
    source: str,
    members: Sequence[Member],
    headings: Mapping[str, csv_text.Heading],
    names: tuple[str, ...],
    dialect: csv_text.Dialect,
) -> Any:
    import pyarrow as pa

    parts = [
        part.select(list(names))
        for member in members
        if member.name in headings
        for part in csv_text.read_texts(source, member, headings[member.name], dialect)
    ]
    return pa.concat_tables(parts).unify_dictionaries()


@dataclass(frozen=True)
class _CsvColumns:
    """Columns of text become columns of their types."""

    local: LocalSource
    kinds: Mapping[str, Declared]
    members: Sequence[Member]
    headings: Mapping[str, csv_text.Heading]
    dialect: csv_text.Dialect
    cursor: Any

    def read(self, name: str, column: Any) -> tuple[dict[str, int], Any]:
        """What was read as missing, and the values. `column` is dictionary-encoded text of one dictionary."""
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = column.combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        texts, codes = encoded.dictionary, encoded.indices
        missing = pc.is_in(texts, value_set=pa.array(self.local.source.null, pa.string()))
        known = texts.filter(pc.invert(missing))
        values = self._typed(name, known, codes, texts)
        # Every code becomes the place of its value, or null where its text stands for a missing one.
        places = pc.if_else(
            missing, None, pc.cast(pc.subtract(pc.cumulative_sum(pc.cast(pc.invert(missing), pa.int32())), 1), pa.int32())
        )
        return _counted(texts.filter(missing), missing, codes), values.take(places.take(codes))

    def _typed(self, name: str, known: Any, codes: Any, texts: Any) -> Any:
        kind, plain = self.kinds.get(name), self._plain(known)
        if kind is None:
            found = infer(plain)
            if found.type != "VARCHAR":
                return found.values
            self._tell_mixed(name, plain, codes, texts)
            return known
        if kind.type == "VARCHAR":
            return known
        values, wrong = as_declared(plain, kind, self.cursor, self.dialect.formats)
        if wrong is not None:
            raise self._unfit(name, kind.type, known[plain.index(wrong).as_py()].as_py(), codes, texts)
        return values

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
        place = csv_text.locate(self.members, self.headings, self.dialect, name, value)
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
        if not len(others):
            self._tell_unkept(name, known)
        if not len(others) or len(others) == len(known):
            return
        rows_with = pc.sum(pc.is_in(texts, value_set=pc.cast(others, pa.string())).take(codes)).as_py() or 0
        if rows_with > (1 - _MOSTLY) * len(codes):
            return
        value = others[0].as_py()
        place = csv_text.locate(self.members, self.headings, self.dialect, name, value)
        shown = ", ".join(f"'{other}'" for other in others.slice(0, _SHOWN).to_pylist())
        warn(
            f"Source '{self.local.name}': column '{name}' is read as text, since {rows_with} of its {len(codes)} rows hold no "
            f"number ({shown}{'' if place is None else f'; the first in {place}'}). List them in the source's `null` if they "
            "mean that there is no value.",
            stacklevel=2,
        )

    def _tell_unkept(self, name: str, known: Any) -> None:
        if len(known):
            warn(
                f"Source '{self.local.name}': column '{name}' is read as text, since its numbers ({unkept(known)}) are written "
                "in several forms, or have more digits than a number keeps. Declare it in the source's `columns`: as DOUBLE or "
                "DECIMAL if these are amounts, as VARCHAR if they are names.",
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
        hint = "".join(f" {said}" for said in (suggestion(name, names) for name in absent[:1]) if said)
        warn(f"Source '{local.name}' has no column {', '.join(absent)}, for which a type is declared.{hint}", stacklevel=2)


def _store(columns: Mapping[str, Any], kinds: Mapping[str, Declared], cursor: Any, table: str) -> None:
    import pyarrow as pa

    given = pa.table(dict(columns))  # noqa: F841 - DuckDB finds it by its name
    names = {name: '"' + name.replace('"', '""') + '"' for name in columns}
    as_text = {name for name in columns if name in kinds and kinds[name].type in _AS_TEXT}
    listed = ", ".join(f"{at}::{kinds[name].type} AS {at}" if name in as_text else at for name, at in names.items())
    cursor.execute(f'CREATE TABLE "{table}" AS SELECT {listed} FROM given')  # noqa: S608 - names are quoted
