"""How a fresh interpreter finds this very copy of the library, whatever else is installed beside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LIBRARY", "program"]

LIBRARY = str(Path(__file__).resolve().parents[2])

_PLACED = (
    "import sys; "
    "sys.path.insert(next((i for i, p in enumerate(sys.path) if p.endswith('-packages')), len(sys.path)), {library!r}); "
)


def program(text: str) -> str:
    """A program for `python -P -c` that sees the library after the standard one and before all that is installed."""
    return _PLACED.format(library=LIBRARY) + text
