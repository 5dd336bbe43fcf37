"""What a target's parameters say of an event: `$.detail.object.key` stands for what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["is_path", "parse_path", "text_at"]

_STEP = re.compile(r"\.([A-Za-z0-9_\-/]+)|\[([0-9]{1,6})\]")
_PATH = re.compile(rf"\$(?:{_STEP.pattern})*")


def is_path(value: str) -> bool:
    """The whole of a value is a path, or none of it."""
    return value == "$" or value.startswith(("$.", "$["))


def parse_path(path: str) -> list[str | int]:
    """Raises ValueError for what is no path of those that are offered: names after dots, numbers in brackets."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path} is no path such as $.detail.items[0].name")
    return [int(number) if number else name for name, number in _STEP.findall(path)]


def text_at(event: Mapping[str, Any], path: str) -> str:
    """What is there, as text; a list or an object as JSON. Raises LookupError where there is nothing."""
    found: Any = event
    for step in parse_path(path):
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
        else:
            found = found[step] if isinstance(found, list) and step < len(found) else None
        if found is None:
            raise LookupError(f"the event has nothing at {path}")
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"), ensure_ascii=False)
