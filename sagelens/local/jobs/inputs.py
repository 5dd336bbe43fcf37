"""A job's inputs: links to where the objects are, so nothing is copied. A job has to leave its inputs as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sagelens.local.jobs.job import JobFailed
from sagelens.local.objects.listing import begins_only, objects_under
from sagelens.local.ports import Objects

__all__ = ["find_inputs", "link_inputs"]


def link_inputs(objects: Objects, wanted: Mapping[Path, str]) -> None:
    """Make each folder show the objects whose keys begin as its URI does, by the names that `objects_under` gives them.

    Raises JobFailed where there are none, and ApiError where two would have one name.
    """
    for folder, uri in sorted(wanted.items()):
        found = find_inputs(objects, uri)
        folder.parent.mkdir(parents=True, exist_ok=True)
        nested = any(folder in other.parents for other in wanted)
        if begins_only(objects, uri) and not nested and not folder.exists():
            folder.symlink_to(objects.path(uri), target_is_directory=True)
        else:
            _link_each(folder, found)


def find_inputs(objects: Objects, uri: str) -> dict[str, Path]:
    """The objects whose keys begin as the URI does, by name; none for a folder that is there and empty.

    Raises JobFailed where there are none.
    """
    found = objects_under(objects, uri)
    if not found and not objects.path(uri).is_dir():
        raise JobFailed(f"ClientError: Data download failed: no S3 objects found under S3 URL '{uri}'.")
    return found


def _link_each(folder: Path, found: Mapping[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
