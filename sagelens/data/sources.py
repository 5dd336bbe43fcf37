"""From a declared source to the files that hold it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sagelens.data.members import is_foreign
from sagelens.errors import BadData
from sagelens.values import Source, digest_file, digest_listing

__all__ = ["listing", "resolve", "source_digest"]

PACKAGE = "package:"
S3 = "s3://"


def resolve(source: Source, root: Path, *, s3: Any = None, downloads: Path | None = None) -> list[Path]:
    """The files of a source, sorted.

    Paths are relative to `root`, the project's folder. For `s3://` pass a boto3 client and the folder to download to.
    """
    if source.uri.startswith(PACKAGE):
        return [_packaged(source.uri.removeprefix(PACKAGE))]
    if source.uri.startswith(S3):
        return _downloaded(source.uri, s3, downloads)
    return _local(source.uri, root)


def listing(files: Sequence[Path]) -> dict[str, Path]:
    """The files by their path below the folder that they share: how they are laid out where they are uploaded."""
    if len(files) == 1:
        return {files[0].name: files[0]}
    shared = os.path.commonpath([file.parent for file in files])
    return {file.relative_to(shared).as_posix(): file for file in files}


def source_digest(files: Sequence[Path]) -> str:
    """The digest of the folder that `listing` lays out."""
    return digest_listing({name: digest_file(path) for name, path in listing(files).items()})


def _packaged(path: str) -> Path:
    name = path.partition("/")[0]
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise BadData(
            f"Source 'package:{path}': no distribution '{name}' is installed. Install it, or name another source."
        ) from error
    for file in distribution.files or ():
        if file.as_posix() == path:
            found = Path(str(distribution.locate_file(file)))
            if found.is_file():
                return found
    data = [file.as_posix() for file in distribution.files or () if file.suffix not in {".py", ".pyc", ""}]
    raise BadData(f"Source 'package:{path}': '{name}' {distribution.version} has no such file. It has: {', '.join(data[:20])}.")


def _local(uri: str, root: Path) -> list[Path]:
    path = root / uri
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        found = sorted(file for name, file in files.items() if len(files) == 1 or not is_foreign(name))
    elif path.is_file():
        found = [path]
    else:
        found = _matching(path)
    if not found:
        raise BadData(f"Source '{uri}': no such file, and nothing matches it as a glob. Paths are relative to {root}.")
    return found


def _matching(pattern: Path) -> list[Path]:
    relative = pattern.relative_to(pattern.anchor)
    return sorted(found for found in Path(pattern.anchor).glob(str(relative)) if found.is_file())


def _downloaded(uri: str, s3: Any, downloads: Path | None) -> list[Path]:
    if s3 is None or downloads is None:
        raise BadData(f"Source '{uri}' is in S3; a client and a folder to download to are needed to read it.")
    bucket, _, prefix = uri.removeprefix(S3).partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
    keys = [key for key in keys if len(keys) == 1 or not is_foreign(_below(key, prefix))]
    if not keys:
        raise BadData(f"Source '{uri}': no object in bucket '{bucket}' has this prefix.")
    return sorted(_download(s3, bucket, key, downloads / _below(key, prefix)) for key in keys)


def _below(key: str, prefix: str) -> str:
    folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
    below = key[len(folder) :].lstrip("/")
    if ".." in Path(below).parts:
        raise BadData(f"Object '{key}' has '..' in its key; it is not downloaded.")
    return below


def _download(s3: Any, bucket: str, key: str, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, key, str(to))
    return to
