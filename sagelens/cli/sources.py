"""The declared sources as they are now. A file is hashed again unless nothing that the system says of it has changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sagelens.errors import BadData
from sagelens.pipeline.data_version import data_version
from sagelens.pipeline.plan import SourceFiles
from sagelens.project import Project
from sagelens.values import Source, digest_file, digest_listing
from sagelens.values.s3 import split_uri
from sagelens.values.stamp import is_settled, stamp_of

__all__ = ["source_files"]

_KEPT = 6  # what is kept of a file: its stamp and its digest


def source_files(project: Project, s3: Any = None) -> dict[str, SourceFiles]:
    """Every source of the project, by name. `s3` is needed where a source lies there."""
    memory = _Digests(project.root / ".sagelens" / "cache" / "sources.json")
    found = {name: _resolve(source, project, memory, s3) for name, source in project.collection.sources.items()}
    memory.save()
    return found


def _resolve(source: Source, project: Project, memory: _Digests, s3: Any) -> SourceFiles:
    from sagelens.data import listing, resolve

    if source.uri.startswith("s3://"):
        return SourceFiles(source, _version_of(source.uri, s3, project), uri=source.uri)
    files = listing(resolve(source, project.root))
    digest = digest_listing({name: memory.digest(path) for name, path in files.items()})
    return SourceFiles(source, digest, files)


def _version_of(uri: str, s3: Any, project: Project) -> str:
    from sagelens.wiring import Clients

    client = s3 or Clients(project.environment.region).get("s3")
    bucket, prefix = split_uri(uri)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return data_version((item["Key"], item["Size"], item["ETag"]) for page in pages for item in page.get("Contents", ()))
    except LookupError as error:
        raise BadData(f"Source '{uri}': {error}. Correct the uri, or put the data there.") from error


class _Digests:
    """Digests of files, remembered by path with the file's stamp; of one that changed just now nothing is remembered."""

    def __init__(self, file: Path, now: Callable[[], int] = time.time_ns) -> None:
        self._file = file
        self._now = now
        self._known = self._load()
        self._dirty = False

    def digest(self, path: Path) -> str:
        seen, began = stamp_of(path), self._now()
        known = self._known.get(str(path))
        if known is not None and known[:-1] == seen:
            return str(known[-1])
        found = digest_file(path)
        self._dirty |= self._known.pop(str(path), None) is not None
        if seen == stamp_of(path) and is_settled(seen, now=began):
            self._known[str(path)] = [*seen, found]
            self._dirty = True
        return found

    def save(self) -> None:
        if self._dirty:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft = self._file.with_suffix(".draft")
            draft.write_text(json.dumps(self._known))
            draft.replace(self._file)

    def _load(self) -> dict[str, list[Any]]:
        try:
            known: Mapping[str, list[Any]] = json.loads(self._file.read_text())
            return {path: kept for path, kept in known.items() if len(kept) == _KEPT}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
