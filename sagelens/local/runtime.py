"""The folder for Unix sockets: private, and short, since the path of a socket may not exceed 107 bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from sagelens.errors import ServiceUnavailable

__all__ = ["runtime_folder"]


def runtime_folder(root: Path) -> Path:
    """The project's own, made anew and empty; refused if anyone else could have put something into it."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if not (base and os.access(base, os.W_OK)):
        base = tempfile.gettempdir()
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    folder = Path(base, f"sagelens-{os.getuid()}-{name}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ServiceUnavailable(f"{folder} must be a folder that only you can enter; it is not. Remove it and start again.")
    for left in folder.iterdir():
        left.unlink()
    return folder
