"""Which code and environment a service runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["fingerprint"]

_PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint() -> str:
    """A digest of the interpreter, the installed distributions, and the times and sizes of sagelens' own sources."""
    import hashlib  # OpenSSL takes as long to load as all the rest of lifecycle

    lines = [sys.executable, sys.version, *sorted(_distributions()), *sorted(_sources(str(_PACKAGE)))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _distributions() -> Iterator[str]:
    for folder in sys.path:
        if folder.endswith("-packages"):
            with os.scandir(folder) as entries:
                yield from (entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-link", ".pth")))


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                stat = entry.stat()
                yield f"{entry.path} {stat.st_mtime_ns} {stat.st_size}"
