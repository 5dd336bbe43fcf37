"""Files that say their types themselves: Parquet. Nothing is guessed, and files of one source agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from glob import escape
from typing import Any

from sagelens.data.bounds import check_footers
from sagelens.data.csv_text import shown
from sagelens.data.declared import Declared, as_declared
from sagelens.data.members import Member, partitions
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource

__all__ = ["read_parquet"]

_MOST_DIGITS = 38  # of a DECIMAL; DuckDB makes a double of one with more
_NOTHING = '"NULL"'  # DuckDB's type of a column without values, as Arrow writes it
_THOUSAND = 1000  # nanoseconds of a microsecond


def read_parquet(
    local: LocalSource, kinds: Mapping[str, Declared], members: Sequence[Member], cursor: Any, table: str
) -> dict[str, dict[str, int]]:
    """Create the table; the answer says, by column, how many values are missing. Raises BadData."""
    import duckdb

    options = _options(local)
    try:
        _check_schemas(local, members, cursor, options)
        check_footers(local.name, [member.path for member in members])
        columns = _read(cursor, table, members, options)
        for column in [column for column in kinds if column in columns]:
            _cast(local, members, cursor, table, column, columns[column], kinds[column])
        _fill_types(cursor, table)
    except (duckdb.CatalogException, duckdb.ParserException, duckdb.BinderException) as error:
        raise BadConfig(f"Source '{local.name}': its options are not those of DuckDB's Parquet: {_first_line(error)}.") from error
    except duckdb.Error as error:
        text = _first_line(error)
        for member in members:
            text = text.replace(str(member.path), member.name)
        raise BadData(f"Source '{local.name}' ({members[0].name}) cannot be read as parquet: {text}.") from error
    return _missing(cursor, table)


def _options(local: LocalSource) -> dict[str, Any]:
    """Folders become columns only if they are asked for, and then of text: their types are declared as others are."""
    for option in local.source.options:
        if not option.isidentifier():
            raise BadConfig(f"'{option}' is not the name of an option of {local.source.format}.")
    return {"hive_partitioning": False, "hive_types_autocast": False, **local.source.options, "union_by_name": True}


def _read(cursor: Any, table: str, members: Sequence[Member], options: Mapping[str, Any]) -> dict[str, str]:
    files = {"files": [escape(str(member.path)) for member in members]}
    named = "".join(f", {option} = ${option}" for option in options)
    cursor.execute(f'CREATE TABLE "{table}" AS SELECT * FROM read_parquet($files{named})', {**files, **options})  # noqa: S608 - options are identifiers
    return _types(cursor, table)


def _check_schemas(local: LocalSource, members: Sequence[Member], cursor: Any, options: Mapping[str, Any]) -> None:
    """All files have the same columns of the same types; one without values has any."""
    known: dict[str, tuple[str, str]] = {}  # type and file, by column
    for member in members:
        names = _names(local, member)
        _check_names(local, member.name, names)
        if options["hive_partitioning"]:
            _check_partitions(local, members[0], member, names)
        columns = _described(cursor, member)
        if known and set(columns) != set(known):
            raise BadData(_unlike(local.name, members[0].name, known, member.name, columns))
        for name, kind in columns.items():
            other, file = known.get(name, (_NOTHING, ""))
            if other != kind and _NOTHING not in {other, kind}:
                raise BadData(
                    f"Source '{local.name}': {member.name} has '{name}' as {kind}, not {other}, unlike {file}. All files of a "
                    "source have the same columns and types."
                )
            known[name] = (kind, member.name) if other == _NOTHING else (other, file)


def _described(cursor: Any, member: Member) -> dict[str, str]:
    query = "DESCRIBE SELECT * FROM read_parquet($files, hive_partitioning = false)"
    return {row[0]: row[1] for row in cursor.execute(query, {"files": [escape(str(member.path))]}).fetchall()}


def _names(local: LocalSource, member: Member) -> list[str]:
    """Refused: what DuckDB would round, be it a decimal of many digits or a time that is finer than its own."""
    import pyarrow as pa
    from pyarrow import parquet

    where = f"Source '{local.name}' ({member.name})"
    try:
        with parquet.ParquetFile(member.path) as file:
            schema = file.schema
            names = [field.name for field in file.schema_arrow]
            for number in range(len(schema)):
                _check_decimal(where, schema.column(number))
            old_times = [schema.column(n).path for n in range(len(schema)) if schema.column(n).physical_type == "INT96"]
        for path in old_times:
            _check_old_times(local, member, path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadData(f"{where} cannot be read as parquet: {_first_line(error)}.") from error
    return names


def _check_decimal(where: str, column: Any) -> None:
    if column.logical_type.type != "DECIMAL" or column.precision <= _MOST_DIGITS:
        return
    raise BadData(
        f"{where}: '{column.path}' is a decimal of {column.precision} digits; tables hold {_MOST_DIGITS}. Write it as text, or "
        f"as DECIMAL({_MOST_DIGITS}, {column.scale})."
    )


def _check_old_times(local: LocalSource, member: Member, path: str) -> None:
    """INT96 has nanoseconds, of which DuckDB keeps microseconds."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    read = {}
    for unit in ("ns", "us"):
        with parquet.ParquetFile(member.path, coerce_int96_timestamp_unit=unit) as file:
            column = file.read([path]).column(0)
            if not pa.types.is_timestamp(column.type):
                return  # within a list or a struct
            read[unit] = column.cast(pa.int64())
    # Both wrap around alike where a date is too far for 64 bits of nanoseconds, so the difference is right.
    rest = pc.subtract(read["ns"], pc.multiply(read["us"], _THOUSAND))
    row = pc.index(pc.not_equal(rest, 0), True).as_py() + 1  # 0 where there is none
    if row:
        raise BadData(
            f"Source '{local.name}' ({member.name}, row {row}): '{path}' holds times in nanoseconds of the old kind (INT96), of "
            "which microseconds would be kept. Write them as TIMESTAMP(NANOS)."
        )


def _check_names(local: LocalSource, file: str, names: Sequence[str]) -> None:
    where, seen = f"Source '{local.name}' ({file})", dict[str, str]()
    for number, name in enumerate(names, 1):
        if not name:
            raise BadData(f"{where}: column {number} has no name. Give it one.")
        other = seen.get(name.casefold())
        if other is not None:
            raise BadData(
                f"{where}: columns '{other}' and '{name}' differ in letter case only, or not at all, which tables do not tell "
                "apart. Rename one."
            )
        seen[name.casefold()] = name


def _check_partitions(local: LocalSource, first: Member, member: Member, names: Sequence[str]) -> None:
    if partitions(member.name) != partitions(first.name):
        raise BadData(
            f"Source '{local.name}': the folders of {member.name} are named after {partitions(member.name) or 'nothing'}, those "
            f"of {first.name} after {partitions(first.name) or 'nothing'}. All files of a source lie in folders of the same kind."
        )
    held = {name.casefold(): name for name in names}
    for name in partitions(member.name):
        if name.casefold() in held:
            raise BadData(
                f"Source '{local.name}': {member.name} has a column '{held[name.casefold()]}', which its folder would replace. "
                "Remove one, or the source's option hive_partitioning."
            )


def _unlike(source: str, first: str, columns: Mapping[str, Any], other: str, others: Mapping[str, Any]) -> str:
    lacking, more = [name for name in columns if name not in others], [name for name in others if name not in columns]
    looks = shown(lacking, more)
    said = [f"lacks {looks(name)}" for name in lacking] + [f"has {looks(name)} besides" for name in more]
    return f"Source '{source}': {other} {', '.join(said)}, unlike {first}. All files of a source have the same columns and types."


def _types(cursor: Any, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cursor.execute(f'DESCRIBE "{table}"').fetchall()}


def _fill_types(cursor: Any, table: str) -> None:
    """A column without any value is one of text, as it is in CSV and JSON."""
    for name, kind in _types(cursor, table).items():
        if kind == _NOTHING:
            cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN {_quoted(name)} TYPE VARCHAR')


def _cast(local: LocalSource, members: Sequence[Member], cursor: Any, table: str, column: str, held: str, kind: Declared) -> None:
    """To the declared type, if it keeps every value."""
    name = _quoted(column)
    if held not in {kind.type, _NOTHING}:
        wrong = _texts_wrong(cursor, table, name, kind) if held == "VARCHAR" else _values_wrong(cursor, table, name, held, kind)
        if wrong is not None:
            place = _place_of(cursor, members, name, wrong)
            raise BadData(
                f"Source '{local.name}' ({place}): column '{column}' is declared {kind.type}, but holds {wrong} ({held}), "
                f"which {kind.type} does not keep. Correct the data, or the source's `columns`."
            )
    cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN {name} TYPE {kind.type}')


def _place_of(cursor: Any, members: Sequence[Member], name: str, value: str) -> str:
    """The first file that holds a value, and its first row there, counted from 1."""
    for member in members:
        found = _rows_with(cursor, member, name, value)
        if found:
            return f"{member.name}, row {found[0]}" if found[0] else member.name
    return members[0].name


def _rows_with(cursor: Any, member: Member, name: str, value: str) -> list[int]:
    """The first row of a file that holds a value; 0 where a column is named as DuckDB's count of rows, which it then hides."""
    import duckdb

    given = {"files": [escape(str(member.path))], "value": value}
    held = f"WHERE {name}::VARCHAR = $value ORDER BY 1 LIMIT 1"
    counted = f"SELECT file_row_number + 1 FROM read_parquet($files, hive_partitioning = true, file_row_number = true) {held}"  # noqa: S608 - names are quoted
    plain = f"SELECT 0 FROM read_parquet($files, hive_partitioning = true) {held}"  # noqa: S608 - names are quoted
    try:
        return [row[0] for row in cursor.execute(counted, given).fetchall()]
    except duckdb.BinderException:
        return [row[0] for row in cursor.execute(plain, given).fetchall()]


def _texts_wrong(cursor: Any, table: str, name: str, kind: Declared) -> str | None:
    import pyarrow as pa

    texts = cursor.sql(f'SELECT DISTINCT {name} AS t FROM "{table}" WHERE {name} IS NOT NULL').to_arrow_table().column("t")  # noqa: S608
    _, wrong = as_declared(pa.array(texts.to_pylist(), pa.string()), kind, cursor, {})
    return wrong


def _values_wrong(cursor: Any, table: str, name: str, held: str, kind: Declared) -> str | None:
    back = f"TRY_CAST(TRY_CAST({name} AS {kind.type}) AS {held})"
    lost = f'SELECT {name}::VARCHAR FROM "{table}" WHERE {name} IS DISTINCT FROM {back} LIMIT 1'  # noqa: S608
    found = cursor.execute(lost).fetchall()
    return str(found[0][0]) if found else None


def _missing(cursor: Any, table: str) -> dict[str, dict[str, int]]:
    names = list(_types(cursor, table))
    counts = ", ".join(f"count(*) - count({_quoted(name)})" for name in names)
    found = cursor.execute(f'SELECT {counts} FROM "{table}"').fetchall()[0]  # noqa: S608
    return {name: {"null": count} for name, count in zip(names, found, strict=True) if count}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
