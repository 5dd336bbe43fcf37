"""The manifest of a servable folder: every file with its digest. The digest of that list is the model's."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sagelens.errors import BadData, Refused, ServiceUnavailable
from sagelens.serving.verified import MANIFEST, NotAsPackaged, check, copy_checked
from sagelens.values import digest_files, digest_listing

__all__ = ["MANIFEST", "check_digests", "copied", "packaged_digest", "private_copy", "read_part", "write_manifest"]

_BYTECODE = "__pycache__"


def packaged_digest(folder: Path) -> str:
    """The model's digest as its manifest says it; nothing is checked."""
    return str(read_part(folder / MANIFEST)["digest"])


def write_manifest(folder: Path) -> str:
    """List every file of the folder but the manifest itself; the digest of the list is that of the servable.

    Bytecode that Python left in the folder is removed: it is no part of a model.
    """
    for left in list(folder.rglob(_BYTECODE)):
        shutil.rmtree(left)
    files = digest_files(folder)
    files.pop(MANIFEST, None)
    digest = digest_listing(files)
    (folder / MANIFEST).write_text(
        json.dumps({"digest": digest, "files": files}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return digest


def check_digests(folder: Path, expected: str | None = None) -> str:
    """The digest of a servable, after comparing every file with the manifest. Raises Refused.

    `expected` is the manifest's digest, or that of the whole folder with the manifest in it, as a registry knows an artifact.
    """
    try:
        return check(folder, expected)
    except NotAsPackaged as error:
        raise Refused(str(error)) from error


@contextmanager
def private_copy(folder: Path, expected: str | None = None) -> Iterator[tuple[Path, str]]:
    """A servable as it was checked, in a folder that nobody else can change and that goes afterwards; and its digest.

    Raises Refused, or ServiceUnavailable where there is no room for a copy.
    """
    with tempfile.TemporaryDirectory(prefix="sagelens-model-", ignore_cleanup_errors=True) as copy:
        yield Path(copy), copied(folder, Path(copy), expected)


def copied(folder: Path, target: Path, expected: str | None = None) -> str:
    """Copy what a servable's manifest lists into an empty folder, from the bytes that were checked; the digest."""
    try:
        return copy_checked(folder, target, expected)
    except NotAsPackaged as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise ServiceUnavailable(
            f"The model in '{folder}' cannot be copied to '{target}', which it is served from: {error.strerror}. Make room there."
        ) from error


def read_part(path: Path) -> dict[str, Any]:
    """A JSON file of the folder."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadData(f"'{path}' cannot be read as part of a servable model: {error}. Package the model again.") from error
    return content
