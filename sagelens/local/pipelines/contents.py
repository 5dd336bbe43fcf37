"""Digests of what s3:// URIs name, remembered as long as no file changes its size or time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from sagelens.local.ports import ApiError, Objects
from sagelens.values import digest_file, digest_listing

__all__ = ["Contents"]

Signature = tuple[int, int]


class Contents:
    """The same digests as `sagelens.values.digest_path`, for microseconds where nothing has changed."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._files: dict[str, tuple[Signature, str]] = {}
        self._folders: dict[str, tuple[Mapping[str, Signature], str]] = {}

    async def digest(self, uri: str) -> str | None:
        """The digest of a file or folder; None if it does not exist."""
        path = self._path(uri)
        if path is None:
            return None
        root, found = str(path), _signatures(path)
        if root in self._folders and self._folders[root][0] == found:
            return self._folders[root][1]
        stale = [name for name, signature in found.items() if self._files.get(name, (None,))[0] != signature]
        if stale:
            await asyncio.to_thread(self._learn, stale, found)
        if path.is_file():
            return self._files[root][1]
        digest = digest_listing({Path(name).relative_to(path).as_posix(): self._files[name][1] for name in found})
        self._folders[root] = (found, digest)
        return digest

    def exists(self, uri: str) -> bool:
        return self._path(uri) is not None

    def _path(self, uri: str) -> Path | None:
        try:
            path = self._objects.path(uri)
        except ApiError:
            return None
        return path if path.exists() else None

    def _learn(self, names: list[str], files: Mapping[str, Signature]) -> None:
        for name in names:
            self._files[name] = (files[name], digest_file(Path(name)))


def _signatures(path: Path) -> dict[str, Signature]:
    if path.is_file():
        return {str(path): _signature(path)}
    found = {}
    for root, _, names in os.walk(path, followlinks=True):
        for name in names:
            file = os.path.join(root, name)  # noqa: PTH118  hundreds of files in each look-up
            found[file] = _signature(file)
    return found


def _signature(file: str | Path) -> Signature:
    stat = os.stat(file)  # noqa: PTH116
    return stat.st_mtime_ns, stat.st_size
