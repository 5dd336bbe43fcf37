"""JSON lines as a table: every record is a row, every key a column, and every value what it is there. Text is text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from glob import escape
from typing import Any

from sagelens.data.declared import Declared, as_declared
from sagelens.data.inference import comes_back
from sagelens.data.members import Member
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource

__all__ = ["read_json_lines"]

_BOM = b"\xef\xbb\xbf"
_START = 4096  # bytes in which a file shows what it is
_NUMBERS = frozenset({"UBIGINT", "BIGINT", "DOUBLE"})
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_MISSING = {"NULL": "null", "": "no key"}
_EXACT = 2**53  # every integer up to it is a double
_INTEGER = re.compile(r"-?[0-9]+")
# Numbers that a double may not hold: those of 16 digits and more, and those with an exponent of three.
_LONG = r"-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9][0-9.]*[eE][-+]?[0-9]{3,}"
_NO_NUMBER = r"(?i)[:\[,\s]-?(nan|inf)"  # DuckDB reads these, JSON has none


def read_json_lines(
    local: LocalSource, kinds: Mapping[str, Declared], members: Sequence[Member], cursor: Any, table: str
) -> dict[str, dict[str, int]]:
    """Create the table; the answer says, by column, how often there was no value: as `null`, or since a record lacks the key.
    Raises BadData."""
    import duckdb

    if local.source.options:
        raise BadConfig(f"Source '{local.name}': {', '.join(local.source.options)}: JSON lines have no options. Remove them.")
    for member in members:
        _check_kind(local, member)
    raw = f"{table}_json"
    records = _Records(local, members, cursor, raw)
    try:
        files = {"files": [escape(str(member.path)) for member in members]}
        cursor.execute(f'CREATE TEMP TABLE "{raw}" AS SELECT json FROM read_ndjson_objects($files)', files)  # noqa: S608
        return _Columns(records, kinds, table).create()
    except duckdb.Error as error:
        raise _unreadable(local, members, error) from error
    finally:
        cursor.execute(f'DROP TABLE IF EXISTS "{raw}"')


def _check_kind(local: LocalSource, member: Member) -> None:
    with member.path.open("rb") as file:
        start = file.read(_START).removeprefix(_BOM).lstrip()
    where = f"Source '{local.name}' ({member.name})"
    if start.startswith(b"["):
        raise BadData(f"{where} holds a JSON array, not a record a line. Write one object on each line.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        raise BadData(f"{where} holds zero bytes, as UTF-16 does. JSON is UTF-8; convert the file.")


def _unreadable(local: LocalSource, members: Sequence[Member], error: Exception) -> BadData:
    """Where the first line is that is no object, or else what DuckDB says."""
    for member, line, text in _lines(members):
        try:
            json.dumps(json.loads(text, object_pairs_hook=_once), ensure_ascii=False).encode()
        except (ValueError, RecursionError) as said:
            why = f"{said.msg} at sign {said.pos + 1}" if isinstance(said, json.JSONDecodeError) else str(said)
            return BadData(
                f"Source '{local.name}' ({member.name}, line {line}) cannot be read as jsonl: {why}. Write one whole object "
                "on each line."
            )
    message = str(error).partition("\n")[0].rstrip(". ")
    for member in members:
        message = message.replace(str(member.path), member.name)
    return BadData(f"Source '{local.name}' ({', '.join(m.name for m in members[:2])}) cannot be read as jsonl: {message}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, str] = {}
    for key, _ in pairs:
        if key.casefold() in seen:
            raise ValueError(f"keys '{seen[key.casefold()]}' and '{key}' of one object are the same, letter case apart")
        seen[key.casefold()] = key
    return dict(pairs)


def _lines(members: Sequence[Member]) -> Iterator[tuple[Member, int, bytes]]:
    """Those that hold a record, with their number in their file."""
    for member in members:
        with member.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.removeprefix(_BOM) if number == 1 else line
                if text.strip():
                    yield member, number, text


@dataclass(frozen=True)
class _Records:
    """The raw records, in the order of the files: a temporary table with one column, `json`, the text."""

    local: LocalSource
    members: Sequence[Member]
    cursor: Any
    raw: str

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """`raw` stands for the table."""
        found: list[tuple[Any, ...]] = self.cursor.execute(sql.replace("raw", f'"{self.raw}"')).fetchall()
        return found

    def refusal(self, row: int, said: str) -> BadData:
        place = next((place for number, place in enumerate(_lines(self.members)) if number == row), None)
        where = f"{place[0].name}, line {place[1]}" if place else f"record {row + 1}"
        return BadData(f"Source '{self.local.name}' ({where}): {said}")

    def keys(self) -> list[str]:
        """In the order in which they first appear. Refused: a line that is no object, keys that stand twice or cannot be told
        apart."""
        odd = self.query("SELECT rowid, json_type(json) FROM raw WHERE json_type(json) <> 'OBJECT' LIMIT 1")
        if odd:
            raise self.refusal(odd[0][0], f"{odd[0][1].lower()}, not an object. Write one object on each line.")
        found = self.query("SELECT json_keys(json) AS keys, min(rowid) AS row FROM raw GROUP BY keys ORDER BY row")
        rows: dict[str, int] = {}
        for keys, row in found:
            doubled = next((key for key, times in Counter(keys).items() if times > 1), None)
            if doubled is not None:
                raise self.refusal(row, f"the key '{doubled}' stands more than once. Keep one of them.")
            for key in keys:
                rows.setdefault(key, row)
        self._check_names(list(rows), rows)
        return list(rows)

    def _check_names(self, keys: Sequence[str], rows: Mapping[str, int]) -> None:
        seen: dict[str, str] = {}
        for key in keys:
            if not key:
                raise self.refusal(rows[key], "a key is empty. Give it a name.")
            other = seen.setdefault(key.casefold(), key)
            if other != key:
                said = f"columns '{other}' and '{key}' differ in letter case only, which tables do not tell apart. Rename one."
                raise self.refusal(rows[key], said)


@dataclass(frozen=True)
class _Columns:
    """From records to columns. Records are parsed as seldom as can be: once for the types of all keys, once for the values."""

    records: _Records
    kinds: Mapping[str, Declared]
    table: str

    def create(self) -> dict[str, dict[str, int]]:
        keys = self.records.keys()
        if not keys:
            lacks = "keys, so no columns" if self.records.query("SELECT 1 FROM raw LIMIT 1") else "rows"
            raise BadData(f"Source '{self.records.local.name}' ({self.records.local.source.uri}) has no {lacks}.")
        long_integers = self._check_numbers()
        types = self._types(keys)
        structure = {
            key: self._of(key, set(types[key]) - set(_MISSING), long_integers=long_integers)
            for key in keys
            if key not in self.kinds
        }
        listed = ", ".join(
            f"json ->> {_pointer(key)} AS {_quoted(key)}" if key in self.kinds else f"s.{_quoted(key)} AS {_quoted(key)}"
            for key in keys
        )
        transformed = f"json_transform(json, {_text(json.dumps(structure))})" if structure else "NULL"
        self.records.query(f'CREATE TABLE "{self.table}" AS SELECT {listed} FROM (SELECT json, {transformed} AS s FROM raw)')  # noqa: S608 - keys are quoted
        missing = {key: {word: types[key][kind] for kind, word in _MISSING.items() if kind in types[key]} for key in keys}
        self._check_missing(missing)
        for key in [key for key in keys if key in self.kinds]:
            self._declare(key, types[key])
        return {key: words for key, words in missing.items() if words}

    def _types(self, keys: Sequence[str]) -> dict[str, dict[str, int]]:
        """How many values of each key are of which type of JSON's, as DuckDB names them; "" where the key is not there."""
        paths = ", ".join(_pointer(key) for key in keys)
        found = self.records.query(f"SELECT json_type(json, [{paths}]) AS types, count(*) FROM raw GROUP BY types")  # noqa: S608 - quoted
        counted: dict[str, dict[str, int]] = {key: {} for key in keys}
        for types, rows in found:
            for key, kind in zip(keys, types, strict=True):
                counted[key][kind or ""] = counted[key].get(kind or "", 0) + rows
        return counted

    def _check_missing(self, missing: Mapping[str, Mapping[str, int]]) -> None:
        """A value that DuckDB could not take as its type would be a missing one; there is none, by the types of all."""
        counts = ", ".join(f"count(*) - count({_quoted(key)})" for key in missing)
        found = self.records.query(f'SELECT {counts} FROM "{self.table}"')[0]  # noqa: S608 - keys are quoted
        for (key, words), count in zip(missing.items(), found, strict=True):
            if count != sum(words.values()):
                raise BadData(
                    f"Source '{self.records.local.name}': of '{key}', {count} values would be missing, not {sum(words.values())}."
                    " Declare its type in the source's `columns`."
                )

    def _of(self, key: str, types: set[str], *, long_integers: bool) -> Any:
        """What a key's values are taken as: DuckDB's type, or a structure of them."""
        if types <= {"VARCHAR"}:
            return "VARCHAR"
        if types == {"BOOLEAN"}:
            return "BOOLEAN"
        if types <= _NUMBERS:
            return self._number(key, types) if long_integers else "DOUBLE" if "DOUBLE" in types else "BIGINT"
        if types <= {"OBJECT"} or types <= {"ARRAY"}:
            return self._structure(key)
        raise self._mixed(key, types)

    def _mixed(self, key: str, types: set[str]) -> BadData:
        kinds = {kind: "number" if kind in _NUMBERS else kind.lower().replace("varchar", "text") for kind in types}
        rows = self.records.query(
            f"SELECT min(rowid), t FROM (SELECT rowid, json_type(json, {_pointer(key)}) AS t FROM raw) WHERE t <> 'NULL' "  # noqa: S608
            "GROUP BY t ORDER BY 1"
        )
        first = kinds[rows[0][1]]
        row, other = next((row, kinds[kind]) for row, kind in rows if kinds[kind] != first)
        return self.records.refusal(
            row,
            f"'{key}' holds a {other} here, and a {first} before. Write one kind of value, or declare a type in the source's "
            "`columns` (VARCHAR takes any).",
        )

    def _structure(self, key: str) -> Any:
        """Of values that hold others. Refused: a key twice in one object, of which DuckDB would take the first, and integers that
        would round."""
        at = _pointer(key)
        (found,) = self.records.query(f"SELECT json_group_structure(json -> {at}) FROM raw")[0]  # noqa: S608
        rounds = "DOUBLE" in found or "HUGEINT" in found
        for text, row in self.records.query(f"SELECT json -> {at}, min(rowid) FROM raw GROUP BY 1 ORDER BY 2"):  # noqa: S608
            try:
                value = json.loads(text or "null", object_pairs_hook=_once, parse_int=_Written)
            except ValueError as error:
                raise self.records.refusal(row, f"'{key}': {error}. Rename one.") from error
            wrong = next((number for number in _written(value) if Decimal(number) != float(number)), None) if rounds else None
            if wrong is not None:
                raise self.records.refusal(row, _would_round(key, wrong))
        return _without_nothing(json.loads(found))

    def _number(self, key: str, types: set[str]) -> str:
        at = _pointer(key)
        if "DOUBLE" not in types:
            low, high = self.records.query(f"SELECT min(v), max(v) FROM (SELECT CAST(json -> {at} AS HUGEINT) AS v FROM raw)")[0]  # noqa: S608
            if high < 2**63:
                return "BIGINT"
            if low >= 0:
                return "UBIGINT"
        rounded = self.records.query(
            f"SELECT rowid, v FROM (SELECT rowid, TRY_CAST(json -> {at} AS HUGEINT) AS v FROM raw "  # noqa: S608
            f"WHERE json_type(json, {at}) <> 'DOUBLE') WHERE abs(v) > {_EXACT} AND v::DOUBLE::HUGEINT <> v LIMIT 1"
        )
        for row, value in rounded:
            raise self.records.refusal(row, _would_round(key, value))
        return "DOUBLE"

    def _check_numbers(self) -> bool:
        """A number that a double does not hold is refused, except where a declared type may; so is what is no JSON. Whether there
        are integers of more than 15 digits."""
        for row, text in self.records.query(f"SELECT rowid, json FROM raw WHERE regexp_matches(json, {_text(_NO_NUMBER)})"):  # noqa: S608
            _, no_number = self._numbers(text)
            if no_number is not None:
                said = f"'{no_number}' is no number of JSON's. Write null, or text, between quotes."
                raise self.records.refusal(row, said)
        # Most numbers are written as DuckDB writes them, so few are looked at here.
        query = (
            "SELECT count(*) FILTER (integer), list(DISTINCT t) FILTER (NOT coalesce(same, false)) FROM (SELECT t, "  # noqa: S608
            "regexp_full_match(t, '-?[0-9]+') AS integer, CASE WHEN integer THEN TRY_CAST(t AS BIGINT)::VARCHAR = t "
            "ELSE TRY_CAST(t AS DOUBLE)::VARCHAR = t END AS same "
            f"FROM (SELECT unnest(regexp_extract_all(json, {_text(_LONG)})) AS t FROM raw))"
        )
        integers, doubtful = self.records.query(query)[0]
        if not all(_held(number) for number in doubtful or ()):
            self._refuse_rounded()
        return bool(integers)

    def _refuse_rounded(self) -> None:
        """What looks like a number may stand within a text."""
        for row, text in self.records.query(f"SELECT rowid, json FROM raw WHERE regexp_matches(json, {_text(_LONG)})"):  # noqa: S608
            for key, value in self._numbers(text)[0].items():
                wrong = next((number for number in _written(value) if not _held(number)), None)
                if wrong is not None and key not in self.kinds:
                    raise self.records.refusal(row, _would_round(key, wrong))

    def _numbers(self, text: str) -> tuple[dict[str, Any], str | None]:
        """A record with its numbers as they are written, and the first that is none, if any."""
        found: list[str] = []
        try:
            record = json.loads(text, parse_float=_Written, parse_int=_Written, parse_constant=found.append)
        except ValueError as error:
            return {}, str(error)
        return record, found[0] if found else None

    def _declare(self, key: str, found: Mapping[str, int]) -> None:
        """A column of text becomes what it is declared as, value by value."""
        import pyarrow as pa

        kind, name, cursor = self.kinds[key], _quoted(key), self.records.cursor
        if "DOUBLE" in found and kind.base not in _FLOATS:
            self._as_written(key)
        if kind.type == "VARCHAR":
            return
        texts = cursor.sql(f'SELECT DISTINCT {name} AS t FROM "{self.table}" WHERE {name} IS NOT NULL').to_arrow_table()  # noqa: S608
        _, wrong = as_declared(pa.array(texts.column("t").to_pylist(), pa.string()), kind, cursor, {})
        if wrong is not None:
            query = f'SELECT min(rowid) FROM "{self.table}" WHERE {name} = $wrong'  # noqa: S608
            row = cursor.execute(query, {"wrong": wrong}).fetchall()[0][0]
            raise self.records.refusal(
                row,
                f"column '{key}' is declared {kind.type}, but holds '{wrong}'. Correct the data, or the source's `columns` "
                "(VARCHAR takes any text).",
            )
        cursor.execute(f'ALTER TABLE "{self.table}" ALTER COLUMN {name} TYPE {kind.type}')

    def _as_written(self, key: str) -> None:
        """DuckDB writes numbers in its own way, `1.10` as `1.1`."""
        import pyarrow as pa

        rows = self.records.query(f"SELECT rowid, json FROM raw WHERE json_type(json, {_pointer(key)}) = 'DOUBLE'")  # noqa: S608
        texts = [str(self._numbers(text)[0][key]) for _, text in rows]
        written = pa.table({"row": pa.array([row for row, _ in rows], pa.int64()), "t": pa.array(texts, pa.string())})
        cursor = self.records.cursor
        cursor.register("written", written)
        name = _quoted(key)
        cursor.execute(f'UPDATE "{self.table}" SET {name} = written.t FROM written WHERE "{self.table}".rowid = written.row')  # noqa: S608
        cursor.unregister("written")


class _Written(str):
    """A number as it is written."""

    __slots__ = ()


def _written(value: Any) -> Iterator[str]:
    """The numbers in a value of a record."""
    if isinstance(value, _Written):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _written(item)


def _held(number: str) -> bool:
    """Whether a number is kept: integers of 64 bits are, and those that come back from a double."""
    if _INTEGER.fullmatch(number) and -(2**63) <= Decimal(number) < 2**64:
        return True
    try:
        value = float(number)
    except ValueError:  # a part of a text, such as an address
        return False
    if value in {float("inf"), float("-inf")}:
        return False
    return comes_back(number, value) or Decimal(number) == Decimal(value)


def _would_round(key: str, value: Any) -> str:
    return (
        f"'{key}' holds {value}, which a number of this column would round. Write it as text, or declare its type in `columns`."
    )


def _without_nothing(structure: Any) -> Any:
    """What has no values has no type; as JSON it can be kept."""
    if isinstance(structure, dict):
        return {key: _without_nothing(value) for key, value in structure.items()}
    if isinstance(structure, list):
        return [_without_nothing(value) for value in structure]
    return "JSON" if structure == "NULL" else structure


def _pointer(key: str) -> str:
    return _text("/" + key.replace("~", "~0").replace("/", "~1"))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
