"""JSON as RFC 8259 has it, where Python's own reader knows more: NaN and Infinity, numbers that become infinite, names that stand
twice, texts that cannot be written down, and depth without end."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["parse_json"]

_DEEPEST = 200
"""Of a definition with as many conditions inside one another as anybody has written: 40."""


def parse_json(data: bytes | str) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError, which says what is wrong and where it stands."""
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    try:
        value = json.loads(text, parse_constant=_constant, parse_float=_number, object_pairs_hook=_members)
        _check(value, 0)
    except RecursionError:
        raise _too_deep() from None
    return value


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no value in JSON, which knows finite numbers only")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is beyond what a double holds")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice in one object")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the text {text[:40]!r} holds half of a surrogate pair") from error


def _too_deep() -> ValueError:
    return ValueError(f"it is nested deeper than {_DEEPEST} levels")
