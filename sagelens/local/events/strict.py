"""JSON that clients send as text: an object, each key once, not nested too deep, numbers finite, texts whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

__all__ = ["json_object"]

_DEEPEST = 100  # ours; whatever is nested deeper could not be stored and read again
_HALF_SIGN = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def json_object(text: str) -> dict[str, Any]:
    """Raises ValueError, with a reason that a client understands."""
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  a value of a client, no type of ours
    _check_depth(found)
    if _HALF_SIGN.search(text):
        _check_texts(found)
    return found


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in names if names.count(name) > 1)}' stands there twice")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is larger than any number that can be held")
    return value


def _check_texts(found: dict[str, Any]) -> None:
    """Half of a pair of UTF-16 is no text: it could not be stored."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it has \\u{ord(error.object[error.start]):04x} alone, which is half a sign") from error


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {_DEEPEST} levels")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, dict | list)]
    return [item for item in value if isinstance(item, dict | list)] if isinstance(value, list) else []
