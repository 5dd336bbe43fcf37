"""A job's outputs: files become objects one by one, each whole or not at all."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import tarfile
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path

from sagelens.local.objects.listing import TEMPORARY, objects_under, seals_of, stamp
from sagelens.local.ports import Objects

__all__ = ["PUBLISHING", "Occupied", "archive", "fault_of", "publish", "stamps_of"]

PUBLISHING = threading.Lock()
"""Held while a job publishes and notes in what state it leaves its outputs: two jobs may have one prefix."""


class Occupied(Exception):
    """Where objects are to be, another object lies; the text says which. On a file system a key cannot be a folder as well."""


def publish(made: Path, target: Path) -> None:
    """Move a folder to where its objects belong. Objects already there stay, unless one of the same key replaces them; one
    there with the same content is kept as it is. Readers see each object as before or as after, nothing in between.

    Raises Occupied, before anything is moved, and OSError.
    """
    if not made.is_dir():
        return
    _take_in_links(made)
    _check_room(made, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if _moved_whole(made, target):
        return
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        _put(file, target / file.relative_to(made))
    target.mkdir(exist_ok=True)
    shutil.rmtree(made)


def archive(made: Path, target: Path) -> None:
    """Store a folder's content as one `.tar.gz` object, as a training job does unless told otherwise."""
    staged = made.parent / f"{target.name}-{uuid.uuid4().hex}"
    try:
        with tarfile.open(staged, "w:gz", compresslevel=1) as file:
            for path in sorted(made.iterdir()):
                file.add(path, arcname=path.name)
        if target.is_dir():
            raise Occupied(f"{target.name} is the name of a folder of objects")
        _put(staged, target)
    finally:
        staged.unlink(missing_ok=True)


def fault_of(error: OSError) -> str:
    """The kind of failure: whoever named a thing so that it cannot be stored gets no better answer by trying again."""
    return "ClientError" if error.errno == errno.ENAMETOOLONG else "InternalServerError"


def stamps_of(objects: Objects, uris: Iterable[str]) -> dict[str, str]:
    """The state in which each output is now, by its URI; empty for one that holds nothing. It changes with every file."""
    found = {uri: objects_under(objects, f"{uri.rstrip('/')}/") for uri in uris}
    return {uri: stamp(seals_of(listing)) if listing else "" for uri, listing in found.items()}


def _take_in_links(folder: Path) -> None:
    """An object is a file: a link that the job left becomes a copy of what it leads to."""
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if not path.is_symlink():
                continue
            leads_to = Path(os.path.realpath(path))
            path.unlink()
            if leads_to.is_dir():
                if path.is_relative_to(leads_to):
                    raise OSError(errno.ELOOP, "the job left a link to the folder that holds it", str(path))
                shutil.copytree(leads_to, path)
            elif leads_to.is_file():
                shutil.copy2(leads_to, path)


def _check_room(made: Path, target: Path) -> None:
    """Refuse where an object of the store would have to become a folder, or a folder an object."""
    for above in (target, *target.parents):
        if above.is_file():
            raise Occupied(f"{above.name} is an object there already, so nothing can lie below it")
    if not target.exists():
        return
    for path in made.rglob("*"):
        there = target / path.relative_to(made)
        if path.is_dir() and there.is_file():
            raise Occupied(f"{path.relative_to(made)} is an object there already, so nothing can lie below it")
        if path.is_file() and there.is_dir():
            raise Occupied(f"{path.relative_to(made)} is the name of a folder of objects there")


def _moved_whole(made: Path, target: Path) -> bool:
    """Rename the folder, which can be done where nothing is yet, on the same file system."""
    if target.exists() or made.stat().st_dev != target.parent.stat().st_dev:
        return False
    try:
        made.rename(target)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:  # a client has just put an object there
            raise
        return False
    return True


def _put(file: Path, target: Path) -> None:
    """Move a file to where its object belongs, by way of a copy beside it where that is another file system."""
    if target.is_file() and filecmp.cmp(target, file, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        staged = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            shutil.copyfile(file, staged)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)
