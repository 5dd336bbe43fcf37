"""Content digests: SHA-256 in lower-case hex.

The digest of a folder is taken over the sorted list of its files' paths and digests. Never over an archive, which carries
times, nor over an S3 ETag, which depends on how the object was uploaded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["digest_bytes", "digest_file", "digest_files", "digest_listing", "digest_path"]


def digest_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path | str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123  folders of many small files are on the way of every step
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_listing(listing: Mapping[str, str]) -> str:
    """The digest of a folder whose files, as relative POSIX paths, have these digests."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(listing.items()))
    return digest_bytes(lines.encode())


def digest_files(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder, by relative POSIX path. Links are followed, hidden files count."""
    base = str(folder)
    listing = {}
    for root, _, names in os.walk(base, followlinks=True):
        inside = root[len(base) :].lstrip(os.sep).replace(os.sep, "/")
        for name in names:
            listing[f"{inside}/{name}" if inside else name] = digest_file(f"{root}{os.sep}{name}")
    return listing


def digest_path(path: Path) -> str:
    """The digest of a file, or of a folder by its listing."""
    return digest_listing(digest_files(path)) if path.is_dir() else digest_file(path)
