"""A job's outputs: moved into the object store as a whole, each at once."""

from __future__ import annotations

import ctypes
import errno
import filecmp
import os
import shutil
import sys
import tarfile
import uuid
from pathlib import Path

__all__ = ["archive", "publish"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def publish(made: Path, target: Path) -> None:
    """Move a folder to where its objects belong. Objects already there stay, unless one of the same key replaces them; a
    folder there with the same content is kept as it is. Readers see the content before or after, nothing in between."""
    if not made.is_dir():
        return
    _take_in_links(made)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and _holds(target, made):
        return
    staged = _beside(made, target)
    if not target.exists():
        staged.rename(target)
        return
    if target.is_dir():
        _link_others(target, staged)
    _exchange(staged, target)
    if staged.is_dir():
        shutil.rmtree(staged)
    else:
        staged.unlink(missing_ok=True)


def archive(made: Path, target: Path) -> None:
    """Store a folder's content as one `.tar.gz` object, as a training job does unless told otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = made.parent / f"{target.name}-{uuid.uuid4().hex}"
    with tarfile.open(staged, "w:gz", compresslevel=1) as file:
        for path in sorted(made.iterdir()):
            file.add(path, arcname=path.name)
    try:
        staged.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(staged, target)


def _take_in_links(folder: Path) -> None:
    """An object is a file: a link that the job left becomes a copy of what it leads to."""
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if not path.is_symlink():
                continue
            leads_to = path.resolve()
            path.unlink()
            if leads_to.is_dir():
                shutil.copytree(leads_to, path)
            elif leads_to.is_file():
                shutil.copy2(leads_to, path)


def _holds(target: Path, made: Path) -> bool:
    """Whether every file made is in the target already, with the same content."""
    names = [Path(root, name).relative_to(made) for root, _, files in os.walk(made) for name in files]
    return all((target / name).is_file() and filecmp.cmp(target / name, made / name, shallow=False) for name in names)


def _beside(made: Path, target: Path) -> Path:
    """The folder made, on the target's file system."""
    if made.stat().st_dev == target.parent.stat().st_dev:
        staged = made.with_name(f"{made.name}-{uuid.uuid4().hex}")
        return made.rename(staged)
    staged = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    shutil.copytree(made, staged)
    return staged


def _link_others(target: Path, staged: Path) -> None:
    for root, _, files in os.walk(target):
        for name in files:
            path = Path(root, name)
            other = staged / path.relative_to(target)
            if not other.exists():
                other.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, other)


def _exchange(one: Path, other: Path) -> None:
    """Swap two paths: at once where the kernel can, else with a moment in which `other` is missing."""
    if sys.platform.startswith("linux"):
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
            return
    aside = one.with_name(f"{one.name}-old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)
