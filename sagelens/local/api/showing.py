"""Values of a client as messages show them: cut, and never rendered whole, since a value may have millions of parts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

__all__ = ["presentable", "shown"]

_LONGEST = 200
_LONGEST_MESSAGE = 4096
_MOST_PARTS = 4
_DEEPEST = 3
_LARGEST_BITS = 256


def shown(value: Any, *, longest: int = _LONGEST) -> str:
    """At most so many characters of a value, however large or deep it is."""
    text = value[:longest] if isinstance(value, str) else _rendered(value, 0)[:longest]
    return presentable(text)


def presentable(text: str) -> str:
    """A message that every protocol can carry: without lone surrogates, and no longer than anybody reads."""
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]}…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _rendered(value: Any, depth: int) -> str:
    match value:
        case str() | bytes() | bytearray():
            return repr(value[:_LONGEST])
        case int() if not isinstance(value, bool) and value.bit_length() > _LARGEST_BITS:
            return f"an integer of {value.bit_length()} bits"
        case list() | tuple():
            return f"[{_parts((_below(item, depth) for item in value), len(value))}]"
        case dict():
            parts = (f"{_below(key, depth)}: {_below(item, depth)}" for key, item in value.items())
            return f"{{{_parts(parts, len(value))}}}"
    return repr(value)


def _below(value: Any, depth: int) -> str:
    return "…" if depth >= _DEEPEST else _rendered(value, depth + 1)


def _parts(parts: Iterable[str], count: int) -> str:
    return ", ".join([*islice(parts, _MOST_PARTS), *(["…"] if count > _MOST_PARTS else [])])
