"""The manifest of a servable folder: every file with its digest. The digest of that list is the model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagelens.errors import BadData, Refused
from sagelens.values import digest_files, digest_listing

__all__ = ["MANIFEST", "check_digests", "packaged_digest", "read_part", "write_manifest"]

MANIFEST = "manifest.json"


def packaged_digest(folder: Path) -> str:
    """The model's digest as its manifest says it; nothing is checked."""
    return str(read_part(folder / MANIFEST)["digest"])


def write_manifest(folder: Path) -> str:
    """List every file of the folder but the manifest itself; the digest of the list is that of the servable."""
    files = digest_files(folder)
    files.pop(MANIFEST, None)
    digest = digest_listing(files)
    (folder / MANIFEST).write_text(
        json.dumps({"digest": digest, "files": files}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return digest


def check_digests(folder: Path, expected: str | None = None) -> str:
    """The digest of a servable, after comparing every file with the manifest.

    `expected` is the manifest's digest, or that of the whole folder with the manifest in it, as a registry knows an artifact.
    """
    manifest = read_part(folder / MANIFEST)
    found = {path: digest for path, digest in digest_files(folder).items() if "__pycache__/" not in path}
    whole = digest_listing(found)
    del found[MANIFEST]
    listed = manifest["files"]
    differing = sorted(path for path in {*found, *listed} if found.get(path) != listed.get(path))
    if differing:
        raise Refused(
            f"The model in '{folder}' is not what was packaged: {', '.join(differing[:5])} differ from {MANIFEST}. "
            "Deploy the registered model again."
        )
    digest = digest_listing(found)
    if expected and expected not in {digest, whole}:
        raise Refused(
            f"The model in '{folder}' has digest {digest}, but {expected} was to be served. Deploy the registered model again."
        )
    return digest


def read_part(path: Path) -> dict[str, Any]:
    """A JSON file of the folder."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadData(f"'{path}' cannot be read as part of a servable model: {error}. Package the model again.") from error
    return content
