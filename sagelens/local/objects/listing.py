"""The objects that a URI stands for where SageMaker takes a prefix, each by the name under which a job sees it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sagelens.local.ports import ApiError, Objects
from sagelens.values import digest_bytes

__all__ = ["TEMPORARY", "UNFINISHED", "Seal", "begins_only", "objects_under", "seal_of", "seals_of", "stamp"]

TEMPORARY = ".sagelens-"
"""How a file begins that becomes an object once it is whole, and until then is none."""
UNFINISHED = (TEMPORARY, ".rclone_temp_", ".rclone_multipart_upload_")
_DOCUMENT = re.compile(r"[^/]+/[^/]+/[a-z0-9]{12}/execution\.json")
"""What the service itself keeps of an execution, by its path below the root: no step has made it."""

Seal = tuple[int, int, int, int]
"""Inode, size, and nanoseconds of the last modification and of the last change. Nobody can set the last one."""


def objects_under(objects: Objects, uri: str) -> dict[str, Path]:
    """Every object whose key begins as the URI does, by name, in order. What lies in the folder of that name is named from there
    on, all else from the last `/` of the URI on.

    Raises ApiError ValidationException where two objects would have one name.
    """
    folder, within = objects.path(uri), uri.endswith("/")
    found = {} if within and folder.is_file() else dict(_walk(folder, "", objects.root))
    if not within and folder.parent != objects.root:
        for path in _beginning_so(folder):
            for name, file in _walk(path, path.name, objects.root):
                if name in found:
                    raise _ambiguous(uri, name, objects.uri(found[name]), objects.uri(file))
                found[name] = file
    return dict(sorted(found.items()))


def begins_only(objects: Objects, uri: str) -> bool:
    """Whether what lies in the folder that the URI names is all whose key begins so."""
    folder = objects.path(uri)
    return folder.is_dir() and (uri.endswith("/") or folder.parent == objects.root or not any(_beginning_so(folder)))


def _walk(path: Path, name: str, root: Path) -> Iterator[tuple[str, Path]]:
    """A file, or what lies in a folder; a file without a name is named by its own."""
    if path.is_file():
        yield name or path.name, path
        return
    base = len(str(path))
    above = len(str(root)) + 1
    for parent, _, files in os.walk(path, followlinks=True):
        inside = f"{name}{parent[base:]}".lstrip("/")
        for file in files:
            if file.startswith(UNFINISHED) or (file == "execution.json" and _DOCUMENT.fullmatch(f"{parent[above:]}/{file}")):
                continue
            yield f"{inside}/{file}" if inside else file, Path(parent, file)


def _beginning_so(path: Path) -> Iterator[Path]:
    try:
        names = os.listdir(path.parent)  # noqa: PTH208  names are all that is wanted
    except OSError:
        return
    for name in names:
        if name.startswith(path.name) and name != path.name and not name.startswith(UNFINISHED):
            yield path.parent / name


def _ambiguous(uri: str, name: str, one: str, other: str) -> ApiError:
    return ApiError(
        "ValidationException",
        f"'{uri}' is how two objects begin that a job would both see as '{name}': {one} and {other}. "
        f"Write '{uri}/' for what lies in that folder alone, or give one of the two another key.",
    )


def seal_of(file: str | Path) -> Seal:
    stat = os.stat(file)  # noqa: PTH116  hundreds of files in each look-up
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def seals_of(listing: Mapping[str, Path]) -> dict[str, Seal]:
    """The seals of objects by name. One that goes away meanwhile has none."""
    found = {}
    for name, file in listing.items():
        try:
            found[name] = seal_of(file)
        except FileNotFoundError:
            continue
    return found


def stamp(seals: Mapping[str, Seal]) -> str:
    """One word for the state of all these files, to be compared with a later one."""
    return digest_bytes(repr(sorted(seals.items())).encode())
