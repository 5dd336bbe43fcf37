"""How timestamps, blobs, numbers and booleans are written in each protocol."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["JSON", "NATIVE", "QUERY", "Reader", "isoformat"]

Reader = Mapping[str, Callable[[Any], Any]]
"""By type of shape: takes what the protocol carries, gives what handlers see.
Raises TypeError, naming what was expected, for anything else."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a string")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("an integer")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a number")
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _timestamp(value: Any) -> float:
    """Seconds since the epoch, or ISO 8601."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise TypeError("a timestamp") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a timestamp")
    return float(value)


def _blob(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("bytes")
    return bytes(value)


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error:
        raise TypeError("base64") from None


def _parsed(kind: Callable[[str], Any], expected: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return kind(_text(value))
        except ValueError:
            raise TypeError(expected) from None

    return read


def _truth(value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise ValueError(value)
    return value.lower() == "true"


NATIVE: Reader = {
    "string": _text,
    "character": _text,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
"""What handlers and in-process callers use."""

JSON: Reader = {**NATIVE, "blob": _base64}

QUERY: Reader = {
    **JSON,
    "integer": _parsed(int, "an integer"),
    "long": _parsed(int, "an integer"),
    "float": _parsed(float, "a number"),
    "double": _parsed(float, "a number"),
    "boolean": _parsed(_truth, "true or false"),
}
"""Everything is text: Query parameters and HTTP headers."""


def isoformat(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
