"""The project's modules that travel with a model, imported apart from those of the running process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = ["packaged_code"]

_LIBRARY = "sagelens"


@contextmanager
def packaged_code(folder: Path) -> Iterator[None]:
    """Inside, the project's packages are those below `folder`; afterwards the process has its own again.

    So a champion of months ago is scored by the code that it is served with, not by today's. What was imported inside keeps
    working, but for imports that it makes only when called. The library itself is the running one. No bytecode is written.
    """
    packages = {path.name for path in folder.iterdir() if path.is_dir()} - {_LIBRARY} if folder.is_dir() else set()
    own = _taken_out(packages)
    wrote = sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = wrote
        sys.path.remove(str(folder))
        _taken_out(packages)
        sys.modules.update(own)


def _taken_out(packages: set[str]) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}
