"""Declared types: a text becomes a value of the type if the type keeps it, and is told otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from sagelens.data.inference import plainly
from sagelens.errors import BadConfig

__all__ = ["Declared", "as_declared", "check_formats", "declared"]

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ,()\[\]\"]*")
_NUMBER = re.compile(r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")
_INTEGER = re.compile(r"\s*[-+]?[0-9]+(\.0*)?\s*")
_DAY = r"(?!0000)[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.([0-9]+))?)?"
_ZONE = r"Z|[-+][0-9]{2}(:?[0-9]{2})?"
_DATE = re.compile(rf"\s*{_DAY}\s*")
_TIME = re.compile(rf"\s*{_CLOCK}\s*")
_TIMESTAMP = re.compile(rf"\s*{_DAY}([T ]{_CLOCK}\s*(?P<zone>{_ZONE})?)?\s*")
_UTC = re.compile(r"Z|[-+]00(:?00)?")
_NO_SIGNS = str.maketrans("", "", " \t\r\n'\"")
_MOST_DIGITS = 200  # of a number that is looked at; a DECIMAL has 38
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_PLACES = {"TIME": 6, "TIMESTAMP": 6, "TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9, "TIMESTAMP WITH TIME ZONE": 6}
"""Of a second."""
_LOST = {
    **dict.fromkeys(("HUGEINT", "UHUGEINT"), "which Parquet rounds. Declare DECIMAL(38,0)"),
    **dict.fromkeys(
        ("TIME WITH TIME ZONE", "BIT", "BIGNUM", "INTERVAL", "VARIANT", "GEOMETRY"),
        "which tables do not keep. Declare VARCHAR, and convert it in preparation",
    ),
}
_DATED = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


@dataclass(frozen=True)
class Declared:
    """`type` is the name that DuckDB itself has for the type."""

    type: str

    @property
    def base(self) -> str:
        return self.type.partition("(")[0]


def declared(source: str, column: str, kind: str, cursor: Any) -> Declared:
    """Raises BadConfig for a type that DuckDB does not have, or that does not keep its values in a table."""
    import duckdb

    where = f"Source '{source}' declares '{column}' as {kind!r}"
    if not _TYPE.fullmatch(kind.strip()):
        raise BadConfig(f"{where}, which is no type of DuckDB's.")
    try:
        own = str(cursor.execute(f"SELECT typeof(TRY_CAST(NULL AS {kind}))").fetchall()[0][0])
    except duckdb.Error as error:
        raise BadConfig(f"{where}, which is no type of DuckDB's: {str(error).partition(chr(10))[0].rstrip('.')}.") from error
    lost = next((why for name, why in _LOST.items() if re.search(rf"\b{name}\b", own)), None)
    if lost is not None:
        raise BadConfig(f"{where}, {lost}.")
    return Declared(own)


def check_formats(source: str, kinds: Mapping[str, Declared], formats: Mapping[str, str], cursor: Any) -> None:
    """Raises BadConfig for a form of dates that DuckDB cannot read, that no column has, or whose zones would be lost."""
    import duckdb

    for option, form in formats.items():
        where = f"Source '{source}': its option {option}, {form!r},"
        users = {name: kind for name, kind in kinds.items() if kind.type in _DATED and option == _option(kind)}
        if not users:
            types = "DATE" if option == "dateformat" else "TIMESTAMP, with a time zone or without"
            raise BadConfig(f"{where} is of no use: no column is declared as {types}. Declare those that are, in `columns`.")
        try:
            cursor.execute(f"SELECT try_strptime('', {_literal(form)})").fetchall()
        except duckdb.Error as error:
            raise BadConfig(f"{where} is none of DuckDB's: {str(error).partition(chr(10))[0].rstrip('.')}.") from error
        zoneless = next((name for name, kind in users.items() if kind.type != "TIMESTAMP WITH TIME ZONE"), None)
        if zoneless is not None and ("%z" in form or "%Z" in form):
            raise BadConfig(f"{where} has a zone, which '{zoneless}' would lose. Declare it as TIMESTAMP WITH TIME ZONE.")


def _option(kind: Declared) -> str:
    return "dateformat" if kind.type == "DATE" else "timestampformat"


def as_declared(texts: Any, kind: Declared, cursor: Any, formats: dict[str, str]) -> tuple[Any, str | None]:
    """The texts as values, an Arrow array, and the first of them that would not be kept as it is written, if any. `formats`:
    DuckDB's `dateformat` and `timestampformat`, where dates are written in another way."""
    import pyarrow as pa

    if kind.type == "VARCHAR":
        return texts, None
    pattern = formats.get(_option(kind)) if kind.type in _DATED else None
    given = "try_strptime(t, $pattern)" if pattern else "t"
    query = f"SELECT v, {_comes_out(kind, given)} AS back FROM (SELECT t, TRY_CAST({given} AS {kind.type}) AS v FROM given)"  # noqa: S608 - types are DuckDB's own names
    given_table = pa.table({"t": texts})
    found = cursor.from_arrow(given_table).query("given", query.replace("$pattern", _literal(pattern))).to_arrow_table()
    values = found.column("v").combine_chunks()
    if not values.null_count and pattern is None and _plain(texts, kind):
        return values, None
    keeps = _same if pattern else _RULES.get(kind.base, _same)
    for text, missing, back in zip(
        texts.to_pylist(), values.is_null().to_pylist(), found.column("back").to_pylist(), strict=True
    ):
        if missing or not keeps(text, back, kind):
            return values, text
    return values, None


def _comes_out(kind: Declared, given: str) -> str:
    """What the value says, as text; of a date in a form of its own, whether it has no time of the day besides."""
    if "$pattern" in given:
        return f"CASE WHEN v = {given} THEN t END"
    return "v::DOUBLE::VARCHAR" if kind.base in _FLOATS else "v::VARCHAR"


def _literal(text: str | None) -> str:
    return "'" + (text or "").replace("'", "''") + "'"


def _plain(texts: Any, kind: Declared) -> bool:
    if kind.type == "DOUBLE":
        return plainly(texts, integers=False)
    return kind.type in _INTEGERS and plainly(texts, integers=True)


def _same(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001 - one form for all rules
    """The value as DuckDB writes it, blanks, quotes and capital letters apart."""
    return back is not None and text.translate(_NO_SIGNS).casefold() == back.translate(_NO_SIGNS).casefold()


def _any(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    return True


def _integer(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    return _INTEGER.fullmatch(text) is not None


def _float(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    """An amount may lose digits that the type cannot hold; an integer may not, since it may be a name."""
    if not _NUMBER.fullmatch(text) or back in {None, "inf", "-inf", "nan"}:
        return False
    return _INTEGER.fullmatch(text) is None or Decimal(text.strip()) in {Decimal(back), Decimal(float(back))}


def _decimal(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    try:
        given = Decimal(text.strip()).normalize(Context(prec=_MOST_DIGITS))
    except InvalidOperation:
        return False
    return back is not None and given == Decimal(back)


def _date(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    return _DATE.fullmatch(text) is not None


def _time(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    found = _TIME.fullmatch(text)
    return found is not None and _no_finer(found[3], kind)


def _timestamp(text: str, back: str | None, kind: Declared) -> bool:  # noqa: ARG001
    """Without a zone of its own, a type cannot keep another one's time."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None or not _no_finer(found[4], kind):
        return False
    return not found["zone"] or kind.type == "TIMESTAMP WITH TIME ZONE" or _UTC.fullmatch(found["zone"]) is not None


def _no_finer(fraction: str | None, kind: Declared) -> bool:
    return len((fraction or "").rstrip("0")) <= _PLACES[kind.type]


_RULES: dict[str, Callable[[str, str | None, Declared], bool]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_FLOATS, _float),
    **dict.fromkeys(_PLACES, _timestamp),
    "BOOLEAN": _any,  # a declared one takes 1, t and yes, too
    "BLOB": _any,
    "JSON": _any,
    "DECIMAL": _decimal,
    "DATE": _date,
    "TIME": _time,
}
