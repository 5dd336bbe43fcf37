"""A job's inputs: links to where the objects are, so nothing is copied. A job has to leave its inputs as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sagelens.local.jobs.job import JobFailed
from sagelens.local.ports import Objects

__all__ = ["find_inputs", "link_inputs"]


def link_inputs(objects: Objects, wanted: Mapping[Path, str]) -> None:
    """Make each folder show the objects under its URI: a folder's content, one object, or all whose key starts so."""
    for folder, uri in sorted(wanted.items()):
        path = objects.path(uri)
        found = find_inputs(objects, uri)
        folder.parent.mkdir(parents=True, exist_ok=True)
        nested = any(folder in other.parents for other in wanted)
        if path.is_dir() and not nested and not folder.exists():
            folder.symlink_to(path, target_is_directory=True)
        else:
            _link_each(folder, sorted(path.iterdir()) if path.is_dir() else found)


def find_inputs(objects: Objects, uri: str) -> list[Path]:
    """What lies under a URI: a folder, one object, or all whose key starts so; JobFailed when there is nothing."""
    path = objects.path(uri)
    if path.exists():
        return [path]
    found = [] if uri.endswith("/") or not path.parent.is_dir() else sorted(path.parent.glob(f"{_literal(path.name)}*"))
    if not found:
        raise JobFailed(f"ClientError: Data download failed: no S3 objects found under S3 URL '{uri}'.")
    return found


def _literal(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _link_each(folder: Path, found: list[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        (folder / path.name).symlink_to(path, target_is_directory=path.is_dir())
