"""Which type a column of texts has: the narrowest that keeps every one of its values as it is written, or none but text.

A number is a number if it is written as numbers are: `00501`, `+5`, `1_000`, ` 7`, `0x1F`, `1e5`, `NaN` and `inf` are text, and
so are numbers that a float or a 64-bit integer would round. Times without a date are text, as are dates in any form but ISO's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

__all__ = ["TEXTS", "Inferred", "as_declared", "infer", "nearly_numbers"]

_INTEGER = r"^(0|-?[1-9][0-9]{0,18})$"  # at most 19 digits, which the cast looks at more closely
_INTEGRAL = r"^-?[0-9]+$"
# An exponent counts where its sign or a point says that this is no code: most writers of numbers put one of them. Some do not,
# and write 1000 as `1e3`, so a point anywhere in the column will do as well.
_NUMBER = (
    r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)$"
    r"|^-?(0|[1-9][0-9]*)(\.[0-9]*)?[eE][-+][0-9]+$"
    r"|^-?(0|[1-9][0-9]*)\.[0-9]*[eE][0-9]+$"
)
_BARE = _NUMBER + r"|^-?(0|[1-9][0-9]*)[eE][0-9]+$"
_POINT = r"^-?[0-9]*\.[0-9]+$"
_SHORT = r"^-?0*\.?([0-9]\.?){0,15}$"  # 15 digits: any such number comes back from a double
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)$"
_BOOLEANS = (("false", "true"), ("False", "True"), ("FALSE", "TRUE"))
_LOOSE_NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
_LOOSE_INTEGER = re.compile(r"\s*[-+]?\d+(\.0*)?\s*")
_LOOSE_DATE = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}\s*")
_OTHER_ZONE = re.compile(r".*\d{2}:\d{2}.*[-+](?!00(:?00)?$)\d{2}(:?\d{2})?\s*")
TEXTS = frozenset({"VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR"})
"""DuckDB's names of the type that takes any text."""
_MOST_DIGITS = 200  # of a number that is looked at; a DECIMAL has 38
_DECIMAL = re.compile(r"DECIMAL\(\s*\d+\s*,\s*(\d+)\s*\)|NUMERIC\(\s*\d+\s*,\s*(\d+)\s*\)")
_INTEGERS = frozenset(
    {
        *(
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "INT",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
        ),
        *("INT1", "INT2", "INT4", "INT8", "SHORT", "SIGNED", "LONG"),
    }
)
_FLOATS = frozenset({"DOUBLE", "FLOAT", "REAL", "FLOAT4", "FLOAT8"})


@dataclass(frozen=True)
class Inferred:
    """DuckDB's name of the type, and the values as such, in the order of the texts: an Arrow array."""

    type: str
    values: Any


def infer(texts: Any) -> Inferred:
    """`texts` is an Arrow array of distinct strings, without those that stand for a missing value."""
    if len(texts):
        for kind, attempt in _ATTEMPTS:
            values = attempt(texts)
            if values is not None:
                return Inferred(kind, values)
    return Inferred("VARCHAR", texts)


def nearly_numbers(texts: Any) -> Any:
    """Which of the texts are no numbers, an Arrow array."""
    import pyarrow.compute as pc

    return texts.filter(pc.invert(pc.match_substring_regex(texts, _NUMBER)))


def _booleans(texts: Any) -> Any:
    import pyarrow as pa

    given = set(texts.to_pylist()) if len(texts) <= len(_BOOLEANS[0]) else set()
    for false, true in _BOOLEANS:
        if given and given <= {false, true}:
            return pa.array([text == true for text in texts.to_pylist()])
    return None


def _integers(texts: Any) -> Any:
    import pyarrow as pa

    return _cast(texts, pa.int64()) if _all(texts, _INTEGER) else None


def _floats(texts: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = _BARE if pc.any(pc.match_substring_regex(texts, _POINT)).as_py() else _NUMBER
    if not _all(texts, pattern) or _all(texts, _INTEGRAL):  # integers alone that no integer type holds are names, not amounts
        return None
    values = _cast(texts, pa.float64())
    if values is None or not pc.all(pc.is_finite(values)).as_py():
        return None
    long = pc.invert(pc.match_substring_regex(texts, _SHORT))
    kept = all(
        _comes_back(text, value)
        for text, value in zip(texts.filter(long).to_pylist(), values.filter(long).to_pylist(), strict=True)
    )
    return values if kept else None


def _comes_back(text: str, value: float) -> bool:
    """Whether a double holds the number as it is written, be it in the shortest form or in the 17 digits that C prints."""
    return Decimal(text) in {Decimal(repr(value)), Decimal(f"{value:.17g}")}


def _dates(texts: Any) -> Any:
    import pyarrow as pa

    return _cast(texts, pa.date32()) if _all(texts, _DATE) else None


def _timestamps(texts: Any) -> Any:
    import pyarrow as pa

    return _cast(texts, pa.timestamp("us")) if _all(texts, f"{_TIME}$") else None


def _instants(texts: Any) -> Any:
    import pyarrow as pa

    return _cast(texts, pa.timestamp("us", tz="UTC")) if _all(texts, _TIME + _ZONE) else None


_ATTEMPTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("BOOLEAN", _booleans),
    ("BIGINT", _integers),
    ("DOUBLE", _floats),
    ("DATE", _dates),
    ("TIMESTAMP", _timestamps),
    ("TIMESTAMP WITH TIME ZONE", _instants),
)


def _all(texts: Any, pattern: str) -> bool:
    """The first alone tells most columns apart."""
    import pyarrow.compute as pc

    if not pc.match_substring_regex(texts.slice(0, 1), pattern)[0].as_py():
        return False
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _cast(texts: Any, kind: Any) -> Any:
    import pyarrow as pa

    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def as_declared(texts: Any, kind: str, cursor: Any, formats: dict[str, str]) -> tuple[Any, str | None]:
    """The texts as a declared type of DuckDB's, an Arrow array, and the first of them that would not be kept as it is written, if
    any. `formats`: DuckDB's `dateformat` and `timestampformat`, where dates are written in another way."""
    import pyarrow as pa

    wanted = " ".join(kind.upper().split())
    if wanted in TEXTS:
        return texts, None
    name = "dateformat" if wanted == "DATE" else "timestampformat"
    strict = f"TRY_CAST(try_strptime(t, $format) AS {kind})" if name in formats and wanted in _DATED else f"TRY_CAST(t AS {kind})"
    given = pa.table({"t": texts})  # noqa: F841 - DuckDB finds it by its name
    parameters = {"format": formats[name]} if "$format" in strict else {}
    query = f"SELECT {strict} AS v FROM given"  # noqa: S608 - types of sources are checked
    values = cursor.sql(query, params=parameters).to_arrow_table().column("v").combine_chunks()
    kept = _anything if _plainly(texts, wanted) else _RULES.get(wanted.partition("(")[0], _anything)
    for text, missing in zip(texts.to_pylist(), values.is_null().to_pylist(), strict=True):
        if missing or (not parameters and not kept(text, wanted)):
            return values, text
    return values, None


def _plainly(texts: Any, wanted: str) -> bool:
    """Whether the whole column is written so that nothing has to be looked at one by one."""
    if not len(texts) or wanted not in _INTEGERS | _FLOATS:
        return False
    return _all(texts, _INTEGER) if wanted in _INTEGERS else _all(texts, _NUMBER) and _all(texts, _SHORT)


_DATED = frozenset({"DATE", "TIMESTAMP", "DATETIME", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"})


def _anything(text: str, kind: str) -> bool:  # noqa: ARG001 - one form for all rules
    return True


def _integer(text: str, kind: str) -> bool:  # noqa: ARG001
    return _LOOSE_INTEGER.fullmatch(text) is not None


def _float(text: str, kind: str) -> bool:  # noqa: ARG001
    if not _LOOSE_NUMBER.fullmatch(text):
        return False
    value = float(text)
    integral = _LOOSE_INTEGER.fullmatch(text) is not None
    return abs(value) != float("inf") and (not integral or Decimal(text.strip()) in {Decimal(value), Decimal(repr(value))})


def _decimal(text: str, kind: str) -> bool:
    places = _DECIMAL.fullmatch(kind)
    scale = int(places[1] or places[2]) if places else 3  # DuckDB's DECIMAL is (18, 3)
    try:
        given = Decimal(text.strip())
    except InvalidOperation:
        return False
    exponent = given.normalize(Context(prec=_MOST_DIGITS)).as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= scale


def _date(text: str, kind: str) -> bool:  # noqa: ARG001
    return _LOOSE_DATE.fullmatch(text) is not None


def _timestamp(text: str, kind: str) -> bool:  # noqa: ARG001
    """Without a zone of its own, it cannot keep another one's time."""
    return _OTHER_ZONE.fullmatch(text) is None


_RULES: dict[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_FLOATS, _float),
    "DECIMAL": _decimal,
    "NUMERIC": _decimal,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
    "DATETIME": _timestamp,
}
