"""AWS writes its patterns for Java; Python's `re` reads most of them."""

from __future__ import annotations

import re
import warnings
from functools import cache

__all__ = ["pattern"]

_UNICODE = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{M}": "", r"\p{S}": "", r"\p{P}": ""}
"""Java's classes of characters, and what comes nearest in Python."""
_ASCII = {r"\p{ASCII}": r"[\x00-\x7f]", r"\p{Print}": r"\x20-\x7e", r"\p{Alnum}": "A-Za-z0-9", r"\z": r"\Z"}
"""Print and Alnum stand inside of brackets in the models, ASCII outside."""


@cache
def pattern(source: str) -> re.Pattern[str] | None:
    """The compiled pattern, to be matched against the whole value; None if Python cannot read it, so nothing is refused."""
    for java, python in (_UNICODE | _ASCII).items():
        source = source.replace(java, python)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(source)
        except re.error:
            return None
