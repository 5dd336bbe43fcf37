"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["closest", "suggestion"]

_ALIKE = 0.6  # difflib's own measure of likeness, its default: "carier" and "carrier" have 0.92
_LISTED = 20  # names that a message lists before it counts the rest


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, be it in other letter case; None where none is alike."""
    names = sorted(known)
    folded = [other for other in names if other.casefold() == name.casefold()]
    found = folded or difflib.get_close_matches(name, names, n=1, cutoff=_ALIKE)
    return found[0] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence to end a refusal with: the name that is alike, or else all that are known."""
    names = sorted(known)
    alike = closest(name, names)
    if alike is not None:
        return f"Did you mean {alike}?"
    if not names:
        return "There are none."
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"Known: {', '.join(names[:_LISTED])}{rest}."
