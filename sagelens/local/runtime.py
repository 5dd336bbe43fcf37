"""The folder for Unix sockets: private, and short, since the path of a socket may not exceed 107 bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["runtime_folder"]


def runtime_folder(root: Path) -> Path:
    """The project's own, made anew and empty, and such that nobody else can have put something into it."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if not (base and os.access(base, os.W_OK)):
        base = tempfile.gettempdir()
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    folder = Path(base, f"sagelens-{os.getuid()}-{name}")
    if not _is_ours(folder):  # somebody took the name first; `service.json` says where the sockets are, so any other will do
        folder = Path(tempfile.mkdtemp(prefix=f"sagelens-{os.getuid()}-", dir=base))
    for left in folder.iterdir():
        left.unlink()
    return folder


def _is_ours(folder: Path) -> bool:
    """Made now, or a folder of ours that nobody else can enter; no link to one."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
