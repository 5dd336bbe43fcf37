"""Digests of what s3:// URIs name. A file is read again only if anything has happened to it since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sagelens.local.objects.listing import Seal, objects_under, seal_of, stamp
from sagelens.local.ports import ApiError, Objects
from sagelens.values import digest_file, digest_listing

__all__ = ["Content", "Contents"]

_TICK = 20_000_000  # ns: file systems take times from the kernel's tick, which is 10 ms at most
_MOST = 200_000
"""Files whose digests are remembered; with more, all are forgotten."""
_ATTEMPTS = 3


@dataclass(frozen=True)
class Content:
    """What lies under a URI: the digest of every object by the name that a job sees; `stamp` tells the files' state."""

    files: Mapping[str, str]
    stamp: str

    @property
    def digest(self) -> str:
        """That of the list, as `sagelens.values.digest_path` has it for a folder."""
        return digest_listing(self.files)


class Contents:
    """Microseconds for each file that nobody has touched; files that were are read in a thread."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, tuple[Seal, str]] = {}

    async def digest(self, uri: str) -> str | None:
        """The digest of all objects under the URI; None if it does not exist."""
        found = await self.look(uri)
        return None if found is None else found.digest

    async def inside(self, uri: str) -> Content | None:
        """What lies in the folder that the URI names, whatever else begins so: there a job's output is. None if nothing does."""
        found = await self.look(f"{uri.rstrip('/')}/")
        return found if found and found.files else None

    async def look(self, uri: str) -> Content | None:
        """What lies under the URI, which may be an empty folder; None if it does not exist."""
        try:
            listing = objects_under(self._objects, uri)
            if not listing and not self._objects.path(uri).is_dir():
                return None
        except ApiError:
            return None
        files: dict[str, str] = {}
        seals: dict[str, Seal] = {}
        unread: dict[str, Path] = {}
        for name, path in listing.items():
            known = self._remembered(path)
            if known is None:
                unread[name] = path
            else:
                seals[name], files[name] = known
        for name, (seal, digest) in (await asyncio.to_thread(self._read, unread) if unread else {}).items():
            seals[name], files[name] = seal, digest
        return Content(files, stamp(seals))

    def _remembered(self, path: Path) -> tuple[Seal, str] | None:
        known = self._known.get(str(path))
        if known is None:
            return None
        try:
            return known if seal_of(path) == known[0] else None
        except OSError:
            return None

    def _read(self, unread: Mapping[str, Path]) -> dict[str, tuple[Seal, str]]:
        read = ((name, self._learn(path)) for name, path in unread.items())
        return {name: known for name, known in read if known is not None}

    def _learn(self, path: Path) -> tuple[Seal, str] | None:
        """A file's seal and digest; None if it is gone or cannot be read. What may have changed in the very moment in which it
        was read is not remembered."""
        for _ in range(_ATTEMPTS):
            began = time.time_ns()
            try:
                before = seal_of(path)
                digest = digest_file(path)
                after = seal_of(path)
            except OSError:
                return None
            if before == after:
                break
        if before == after and began - after[3] > _TICK:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[str(path)] = after, digest
        return after, digest
