"""Which type a column of texts has: the narrowest that keeps every one of its values as it is written, or none but text.

A number is a number if it is written as numbers are: `00501`, `+5`, `1_000`, ` 7`, `0x1F`, `1e5`, `NaN` and `inf` are text, and
so are numbers that a float or a 64-bit integer would round. Times without a date are text, as are dates in any form but ISO's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["Inferred", "comes_back", "infer", "nearly_numbers", "plainly", "unkept"]

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
_YEAR = r"^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"  # Python and most others have no year 0
_DATE = _YEAR + r"-[0-9]{2}-[0-9]{2}$"
_TIME = _YEAR + r"-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)$"
_LAST_YEAR = 9999  # of Python's dates
_BOOLEANS = (("false", "true"), ("False", "True"), ("FALSE", "TRUE"))
_PADDED = r"\.[0-9]+0([eE]|$)"  # 1.10, which a number does not keep apart from 1.1
_NO_FRACTION = r"^[^.]*\.?|[eE].*$"


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


def unkept(texts: Any) -> str:
    """Of numbers that no type keeps as they are written, one that tells why."""
    import pyarrow.compute as pc

    odd = pc.or_(pc.match_substring_regex(texts, _PADDED), pc.invert(pc.match_substring_regex(texts, _SHORT)))
    found = texts.filter(odd)
    return str((found if len(found) else texts)[0].as_py())


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
    if values is None or not pc.all(pc.is_finite(values)).as_py() or not _one_form(texts):
        return None
    long = pc.invert(pc.match_substring_regex(texts, _SHORT))
    kept = all(
        comes_back(text, value)
        for text, value in zip(texts.filter(long).to_pylist(), values.filter(long).to_pylist(), strict=True)
    )
    return values if kept else None


def _one_form(texts: Any) -> bool:
    """Zeros at the end are kept by a float only where all values have the same number of places: `1.90, 1.10` are amounts, but
    `1.9, 1.10` may be versions or sections, and `1.1, 1.10` two of them."""
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(texts, _PADDED)).as_py():
        return True
    places = pc.min_max(pc.utf8_length(pc.replace_substring_regex(texts, _NO_FRACTION, "")))
    return bool(places["min"] == places["max"])


def comes_back(text: str, value: float) -> bool:
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

    values = _cast(texts, pa.timestamp("us", tz="UTC")) if _all(texts, _TIME + _ZONE) else None
    return values if values is None or _in_years(values) else None


def _in_years(values: Any) -> bool:
    """In UTC, a time near the ends may be in a year that Python does not have."""
    import pyarrow.compute as pc

    years = pc.min_max(pc.year(values))
    return bool(years["min"].as_py() >= 1 and years["max"].as_py() <= _LAST_YEAR)


_ATTEMPTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("BOOLEAN", _booleans),
    ("BIGINT", _integers),
    ("DOUBLE", _floats),
    ("DATE", _dates),
    ("TIMESTAMP", _timestamps),
    ("TIMESTAMP WITH TIME ZONE", _instants),
)


def plainly(texts: Any, *, integers: bool) -> bool:
    """Whether all texts are numbers, or integers, of so few digits that nothing has to be looked at one by one."""
    return bool(len(texts)) and (_all(texts, _INTEGER) if integers else _all(texts, _NUMBER) and _all(texts, _SHORT))


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
