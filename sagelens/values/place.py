"""Where in a project's own code an exception came from."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["place_of", "words_of"]

_FOREIGN = frozenset({"site-packages", "dist-packages", ".venv", "venv"})
_LIBRARY = "sagelens"  # travels beside the project's own modules


def place_of(error: BaseException, roots: Sequence[Path]) -> str:
    """`steps/training.py:42`, of the innermost frame below one of `roots` that is the project's own; empty where there is none.

    A module that cannot be parsed has no frame; its SyntaxError says where. Where the exception itself passed through none of
    the project's code, those that it was raised from are asked.
    """
    bases = [root.resolve() for root in roots]
    for raised in _chain(error):
        if isinstance(raised, SyntaxError) and raised.filename and (name := _own(raised.filename, bases)):
            return f"{name}:{raised.lineno or 1}"
        frames = traceback.extract_tb(raised.__traceback__)
        found = ((_own(frame.filename, bases), frame.lineno) for frame in reversed(frames))
        if place := next((f"{name}:{line}" for name, line in found if name), ""):
            return place
    return ""


def words_of(error: BaseException) -> str:
    """The exception's kind and what it says, on one line."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(str(said).split())
    return f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _own(filename: str, roots: Sequence[Path]) -> str:
    """The file's path below one of the roots, if it is the project's own; else empty."""
    path = Path(filename)
    if not path.is_absolute():
        return ""
    for root in roots:
        for candidate in (path, path.resolve()):
            if candidate.is_relative_to(root):
                inside = candidate.relative_to(root)
                return "" if inside.parts[0] == _LIBRARY or _FOREIGN & set(inside.parts) else inside.as_posix()
    return ""
