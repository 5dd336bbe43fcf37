"""How timestamps, blobs, numbers and booleans are written in each protocol."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["JSON", "NATIVE", "QUERY", "Reader", "isoformat"]

_LARGEST_FLOAT = 3.4028234663852886e38
"""Of IEEE 754's 32 bits."""
_FIRST_MOMENT = -62_135_596_800
"""0001-01-01T00:00:00Z; the one below is 10000-01-01."""
_AFTER_THE_LAST = 253_402_300_800
_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_TRUTH = re.compile("true|false", re.IGNORECASE)

Reader = Mapping[str, Callable[[Any], Any]]
"""By type of shape: takes what the protocol carries, gives what handlers see.
Raises TypeError, naming what was expected, for anything else."""


def _text(value: Any) -> str:
    """Text that can be written as UTF-8, and that files, programs and tables take."""
    if not isinstance(value, str):
        raise TypeError("a string")
    if "\0" in value:
        raise TypeError("a string without the character U+0000")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("a string of valid Unicode, without lone surrogates") from None
    return value


def _integer_of(bits: int) -> Callable[[Any], int]:
    """Reads integers of so many bits."""
    beyond = 1 << bits - 1

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("an integer")
        if not -beyond <= value < beyond:
            raise TypeError(f"an integer of {bits} bits")
        return value

    return read


def _number_below(limit: float) -> Callable[[Any], float]:
    """Reads finite numbers, neither of which lies beyond this one."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError("a number")
        if not -limit <= value <= limit:  # of NaN neither holds
            raise TypeError(f"a finite number, of magnitude {limit:.1e} at most")
        return float(value)

    return read


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _timestamp(value: Any) -> float:
    """Seconds since the epoch, or ISO 8601; of the years 1 to 9999."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise TypeError("a timestamp") from None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a timestamp")
    if not _FIRST_MOMENT <= value < _AFTER_THE_LAST:
        raise TypeError("a timestamp of the years 1 to 9999")
    return float(value)


def _blob(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("bytes")
    return bytes(value)


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except ValueError:
        raise TypeError("base64") from None


def _written(form: re.Pattern[str], expected: str, read: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Reads text of this form, as the protocol writes it: Python reads more than that as a number."""

    def parse(value: Any) -> Any:
        text = _text(value)
        if not form.fullmatch(text):
            raise TypeError(expected)
        return read(text)

    return parse


_integer, _long = _integer_of(32), _integer_of(64)
_float, _double = _number_below(_LARGEST_FLOAT), _number_below(sys.float_info.max)

NATIVE: Reader = {
    "string": _text,
    "character": _text,
    "integer": _integer,
    "long": _long,
    "float": _float,
    "double": _double,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
"""What handlers and in-process callers use."""

JSON: Reader = {**NATIVE, "blob": _base64}

QUERY: Reader = {
    **JSON,
    "integer": _written(_DIGITS, "an integer", lambda text: _integer(int(text))),
    "long": _written(_DIGITS, "an integer", lambda text: _long(int(text))),
    "float": _written(_DECIMAL, "a number", lambda text: _float(float(text))),
    "double": _written(_DECIMAL, "a number", lambda text: _double(float(text))),
    "boolean": _written(_TRUTH, "true or false", lambda text: text.lower() == "true"),
}
"""Everything is text: Query parameters and HTTP headers."""


def isoformat(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
