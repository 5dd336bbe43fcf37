"""Files that say their types themselves: Parquet, and JSON lines. Nothing is guessed, and files of one source agree."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from sagelens.data.inference import as_declared
from sagelens.data.members import Member
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource

__all__ = ["read_json_lines", "read_parquet"]

_PARTITION = re.compile(r"(?:^|/)([A-Za-z_][A-Za-z0-9_]*)=[^/]*/")
_EXACT = 2**53  # integers below are exact in a double, which is what JSON's reader makes of those that no integer type holds
_NUMBERS = frozenset({"UBIGINT", "BIGINT", "DOUBLE", "HUGEINT"})


def read_parquet(local: LocalSource, members: Sequence[Member], cursor: Any, table: str) -> dict[str, str]:
    """Create the table; the answer are its columns with DuckDB's types. Raises BadData."""
    import duckdb

    source = local.source
    _same_schemas(local, members)
    options = _options(local, {"hive_partitioning": False, "union_by_name": len(members) > 1})
    if not options["hive_partitioning"]:
        _tell_partitions(local, members)
    files = {"files": [str(member.path) for member in members]}
    named = "".join(f", {option} = ${option}" for option in options)
    try:
        cursor.execute(f'CREATE TABLE "{table}" AS SELECT * FROM read_parquet($files{named})', {**files, **options})  # noqa: S608 - options are identifiers
        types = _types(cursor, table)
        for column in [column for column in source.columns if column in types]:
            _cast_column(local, cursor, table, column, types[column])
    except (duckdb.CatalogException, duckdb.ParserException) as error:
        raise BadConfig(f"Source '{local.name}' declares a type that DuckDB does not have: {_first_line(error)}") from error
    except duckdb.Error as error:
        raise BadData(f"Source '{local.name}' ({members[0].name}) cannot be read as parquet: {_first_line(error)}.") from error
    return _types(cursor, table)


def _same_schemas(local: LocalSource, members: Sequence[Member]) -> None:
    first: tuple[str, dict[str, str]] | None = None
    size = 0
    for member in members:
        schema, unpacked = _schema(local, member)
        size += unpacked
        _check_names(local, member.name, [name for name, _ in schema])
        columns = dict(schema)
        if first is None:
            first = (member.name, columns)
        elif columns != first[1]:
            raise BadData(_unlike(local.name, *first, member.name, columns))
    free = shutil.disk_usage(members[0].path.parent).free
    if size > free:
        raise BadData(
            f"Source '{local.name}' unpacks to {size} bytes, by its files' footers, and the disk has {free}. Read a part of it."
        )


def _schema(local: LocalSource, member: Member) -> tuple[list[tuple[str, str]], int]:
    """Names and types, and the size that its footer tells."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(member.path) as file:
            groups = (file.metadata.row_group(number).total_byte_size for number in range(file.metadata.num_row_groups))
            return [(field.name, str(field.type)) for field in file.schema_arrow], sum(groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadData(f"Source '{local.name}' ({member.name}) cannot be read as parquet: {_first_line(error)}.") from error


def _check_names(local: LocalSource, file: str, names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        if other is not None:
            raise BadData(
                f"Source '{local.name}' ({file}): columns '{other}' and '{name}' differ in letter case only, or not at all, "
                "which tables do not tell apart. Rename one."
            )
        seen[name.casefold()] = name


def _unlike(source: str, first: str, columns: Mapping[str, str], other: str, others: Mapping[str, str]) -> str:
    said = [f"lacks '{name}'" for name in columns if name not in others]
    said += [f"has '{name}' besides" for name in others if name not in columns]
    said += [
        f"has '{name}' as {others[name]}, not {kind}" for name, kind in columns.items() if name in others and others[name] != kind
    ]
    return f"Source '{source}': {other} {', '.join(said)}, unlike {first}. All files of a source have the same columns and types."


def _tell_partitions(local: LocalSource, members: Sequence[Member]) -> None:
    from warnings import warn

    names = sorted({name for member in members for name in _PARTITION.findall(member.name)})
    if names:
        warn(
            f"Source '{local.name}' lies in folders that are named after {', '.join(names)}, which become no columns. Set the "
            "source's options: {hive_partitioning: true} to have them.",
            stacklevel=2,
        )


def _options(local: LocalSource, defaults: Mapping[str, Any]) -> dict[str, Any]:
    for option in local.source.options:
        if not option.isidentifier():
            raise BadConfig(f"'{option}' is not the name of an option of {local.source.format}.")
    return {**defaults, **local.source.options}


def _types(cursor: Any, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cursor.execute(f'DESCRIBE "{table}"').fetchall()}


def _cast_column(local: LocalSource, cursor: Any, table: str, column: str, held: str) -> None:
    """To the declared type, if every value comes back from it."""
    import duckdb

    kind, name = local.source.columns[column], '"' + column.replace('"', '""') + '"'
    back = f"TRY_CAST(TRY_CAST({name} AS {kind}) AS {held})"
    lost = f'SELECT {name}::VARCHAR, count(*) FROM "{table}" WHERE {name} IS DISTINCT FROM {back} GROUP BY 1 ORDER BY 1 LIMIT 1'  # noqa: S608
    try:
        found = cursor.execute(lost).fetchone()
        if found is None:
            cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN {name} TYPE {kind}')
            return
    except duckdb.ConversionException as error:
        raise BadData(f"Source '{local.name}': column '{column}' is no {kind}: {_first_line(error)}.") from error
    raise BadData(
        f"Source '{local.name}': column '{column}' is declared {kind}, but holds {found[0]} ({held}), which {kind} does not "
        "keep. Correct the data, or the source's `columns`."
    )


def read_json_lines(local: LocalSource, members: Sequence[Member], cursor: Any, table: str) -> dict[str, str]:
    """Create the table; the answer are its columns with DuckDB's types. Text is text, whatever it looks like. Raises BadData."""
    import duckdb

    for member in members:
        _refuse_arrays(local, member)
    files = {"files": [str(member.path) for member in members]}
    raw = f"{table}_json"
    try:
        cursor.execute(f'CREATE TEMP TABLE "{raw}" AS SELECT json FROM read_ndjson_objects($files)', files)  # noqa: S608
        keys = _keys(local, cursor, raw)
        columns = {key: _of_key(local, cursor, raw, key) for key in keys}
        listed = ", ".join(f'{expression} AS "{key.replace(chr(34), chr(34) * 2)}"' for key, expression in columns.items())
        cursor.execute(f'CREATE TABLE "{table}" AS SELECT {listed} FROM "{raw}"')  # noqa: S608
        for key in [key for key in local.source.columns if key in columns]:
            _declare(local, cursor, table, key)
    except duckdb.Error as error:
        text = _first_line(error)
        for member in members:
            text = text.replace(str(member.path), member.name)
        raise BadData(f"Source '{local.name}' ({members[0].name}) cannot be read as jsonl: {text.rstrip('.')}.") from error
    finally:
        cursor.execute(f'DROP TABLE IF EXISTS "{raw}"')
    return _types(cursor, table)


def _refuse_arrays(local: LocalSource, member: Member) -> None:
    with member.path.open("rb") as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"["):
        raise BadData(
            f"Source '{local.name}' ({member.name}) holds a JSON array, not a record a line. Write one object on each line."
        )


def _keys(local: LocalSource, cursor: Any, raw: str) -> list[str]:
    """In the order in which they first appear. Refused: a line that is no object, a key twice, keys that differ in case only."""
    odd = cursor.execute(f"SELECT rowid + 1, json_type(json) FROM \"{raw}\" WHERE json_type(json) <> 'OBJECT' LIMIT 1").fetchone()  # noqa: S608
    if odd is not None:
        raise BadData(
            f"Source '{local.name}': record {odd[0]} is {odd[1].lower()}, not an object. Write one object on each line."
        )
    doubled = cursor.execute(
        f'SELECT n, keys FROM (SELECT rowid + 1 AS n, json_keys(json) AS keys FROM "{raw}") '  # noqa: S608
        "WHERE len(keys) <> len(list_distinct(keys)) LIMIT 1"
    ).fetchone()
    if doubled is not None:
        key = next(key for key in doubled[1] if doubled[1].count(key) > 1)
        raise BadData(f"Source '{local.name}': record {doubled[0]} has the key '{key}' more than once. Keep one of them.")
    rows = cursor.execute(
        f'SELECT key FROM (SELECT unnest(json_keys(json)) AS key, rowid AS row FROM "{raw}") GROUP BY key ORDER BY min(row), key'  # noqa: S608
    ).fetchall()
    first = cursor.execute(f'SELECT json_keys(json) FROM "{raw}" LIMIT 1').fetchone()  # noqa: S608
    keys = list(dict.fromkeys([*(first[0] if first else ()), *(row[0] for row in rows)]))
    _check_names(local, "its records", keys)
    return keys


def _of_key(local: LocalSource, cursor: Any, raw: str, key: str) -> str:
    """The SQL that takes a key's value out of a record, as what it is there."""
    pointer = "'/" + key.replace("~", "~0").replace("/", "~1").replace("'", "''") + "'"
    if key in local.source.columns:
        return f"json ->> {pointer}"
    types = {
        row[0]
        for row in cursor.execute(f'SELECT DISTINCT json_type(json, {pointer}) FROM "{raw}"').fetchall()  # noqa: S608
        if row[0] not in {None, "NULL"}
    }
    if types <= {"VARCHAR"}:
        return f"json ->> {pointer}"
    if types == {"BOOLEAN"}:
        return f"CAST(json -> {pointer} AS BOOLEAN)"
    if types <= _NUMBERS:
        return _number(local, cursor, raw, key, pointer, types)
    if types <= {"OBJECT"} or types <= {"ARRAY"}:
        structure = cursor.execute(f'SELECT json_group_structure(json -> {pointer}) FROM "{raw}"').fetchone()[0]  # noqa: S608
        return f"json_transform_strict(json -> {pointer}, '{structure.replace(chr(39), chr(39) * 2)}')"
    found = " and ".join(sorted("numbers" if kind in _NUMBERS else kind.lower() for kind in types))
    raise BadData(
        f"Source '{local.name}': '{key}' holds {found.replace('varchar', 'text')}. Write one kind of value, or declare a type in "
        "the source's `columns` (VARCHAR takes any)."
    )


def _number(local: LocalSource, cursor: Any, raw: str, key: str, pointer: str, types: set[str]) -> str:
    if "DOUBLE" not in types and "HUGEINT" not in types:
        bounds = f'SELECT min(CAST(v AS HUGEINT)), max(CAST(v AS HUGEINT)) FROM (SELECT json -> {pointer} AS v FROM "{raw}")'  # noqa: S608
        low, high = cursor.execute(bounds).fetchone()
        if high < 2**63:
            return f"CAST(json -> {pointer} AS BIGINT)"
        if low >= 0:
            return f"CAST(json -> {pointer} AS UBIGINT)"
    large = cursor.execute(
        f'SELECT v::VARCHAR FROM (SELECT json -> {pointer} AS v FROM "{raw}") '  # noqa: S608
        f"WHERE NOT isfinite(v::DOUBLE) OR (abs(v::DOUBLE) > {_EXACT} AND v::DOUBLE = floor(v::DOUBLE)) LIMIT 1"
    ).fetchone()
    if large is not None:
        said = "is no number of JSON" if large[0].strip("-+")[:1].isalpha() else "a number of this column would round"
        raise BadData(f"Source '{local.name}': '{key}' holds {large[0]}, which {said}. Write it as text, between quotes.")
    return f"CAST(json -> {pointer} AS DOUBLE)"


def _declare(local: LocalSource, cursor: Any, table: str, key: str) -> None:
    """A column of text becomes what it is declared as, value by value."""
    import pyarrow as pa

    kind, name = local.source.columns[key], '"' + key.replace('"', '""') + '"'
    distinct = f'SELECT DISTINCT {name} AS t FROM "{table}" WHERE {name} IS NOT NULL'  # noqa: S608
    texts = cursor.sql(distinct).to_arrow_table().column("t")
    plain = pa.array(texts.to_pylist(), pa.string())
    _, wrong = as_declared(plain, kind, cursor, {})
    if wrong is not None:
        raise BadData(
            f"Source '{local.name}': '{key}' is declared {kind}, but holds '{wrong}'. Correct the data, or the source's "
            "`columns` (VARCHAR takes any text)."
        )
    cursor.execute(f'ALTER TABLE "{table}" ALTER COLUMN {name} TYPE {kind}')


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
