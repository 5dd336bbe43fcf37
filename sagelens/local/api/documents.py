"""The bodies of requests as documents, within limits: what is too large, or too deep, is refused before it takes any time.

ValueError says what is wrong with a body.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

__all__ = ["LARGEST", "MOST_ITEMS", "form_fields", "json_document"]

LARGEST = 8 * 1024 * 1024
"""Bytes of a document, unpacked. The largest that SageMaker takes is a pipeline's definition of a million characters."""

MOST_ITEMS = 400_000
"""Items and members of a document. PutMetricData, the largest, may have 150,000 values, and a count of each."""

_MOST_FIELDS = 50_000
_DEEPEST = "It is nested too deep."


def json_document(body: bytes) -> Any:
    """What a body of JSON (RFC 8259) holds."""
    text = body.decode("utf-8")
    if _has_too_many_items(body):
        raise ValueError(f"It has more than {MOST_ITEMS} items and members.")
    try:
        return _JSON.decode(text)
    except RecursionError:
        raise ValueError(_DEEPEST) from None


def _has_too_many_items(body: bytes) -> bool:
    """Told by counting, which takes milliseconds. Only if there might be too many, strings are taken out first: what a string
    holds is no item."""
    if len(body) <= MOST_ITEMS or _marks(body) <= MOST_ITEMS:
        return False
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 4 * MOST_ITEMS:  # a member has two strings at most
        return True
    return _marks(b"".join(plain.split(b'"')[::2])) > MOST_ITEMS


def _marks(body: bytes) -> int:
    """How often an item or a document begins."""
    return sum(map(body.count, (b",", b"[", b"{")))


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of an HTML form, none of which is given twice."""
    if body.count(b"&") >= _MOST_FIELDS:
        raise ValueError(f"It has more than {_MOST_FIELDS} fields.")
    fields: dict[str, str] = {}
    for field in body.split(b"&"):
        if not field:
            continue
        raw, _, value = field.partition(b"=")
        name = _unquoted(raw)
        if name in fields:
            raise ValueError(f"The field '{name[:100]}' is given twice.")
        fields[name] = _unquoted(value)
    return fields


def _unquoted(raw: bytes) -> str:
    spaced = raw.replace(b"+", b" ")
    return (unquote_to_bytes(spaced) if b"%" in spaced else spaced).decode("utf-8")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON.")


_JSON = json.JSONDecoder(parse_constant=_no_number)
