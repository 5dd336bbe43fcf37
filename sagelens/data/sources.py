"""From a declared source to the files that hold it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any
from warnings import warn

from sagelens.data.members import data_among, is_foreign
from sagelens.errors import BadData
from sagelens.values import Source, digest_file, digest_listing

__all__ = ["listing", "resolve", "source_digest"]

PACKAGE = "package:"
S3 = "s3://"
_SHOWN = 3  # names in a message


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
        found = _below_folder(uri, path)
    elif path.is_file():
        found = [path]
    else:
        found = _matching(uri, path)
    if not found:
        raise BadData(f"Source '{uri}': no such file, and nothing matches it as a glob. Paths are relative to {root}.")
    _check_links(uri, found)
    return found


def _below_folder(uri: str, folder: Path) -> list[Path]:
    below = list(folder.rglob("*"))
    lost = next(
        (path for path in below if path.is_symlink() and not path.is_file() and not is_foreign(_under(path, folder))), None
    )
    if lost is not None:
        kind = "a folder" if lost.is_dir() else "nothing that exists"
        raise BadData(
            f"Source '{uri}': {_under(lost, folder)} is a link to {kind}, which is not followed. Name what it leads to."
        )
    files = {_under(path, folder): path for path in below if path.is_file()}
    return sorted(files[name] for name in data_among(uri, files))


def _under(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _matching(uri: str, pattern: Path) -> list[Path]:
    """Files only; folders that match are told, since what is in them is not read."""
    relative = pattern.relative_to(pattern.anchor)
    matches = sorted(Path(pattern.anchor).glob(str(relative)))
    folders = [path.name for path in matches if path.is_dir()]
    if folders:
        warn(
            f"Source '{uri}' matches {'the folder' if len(folders) == 1 else 'folders'} {', '.join(folders[:_SHOWN])}, of which "
            "nothing is read. Write ** for folders and what is in them.",
            stacklevel=2,
        )
    files = [path for path in matches if path.is_file()]
    if pattern.name.startswith((".", "_")):
        return files
    named = {f"{number}/{path.name}": path for number, path in enumerate(files)}
    return [named[name] for name in data_among(uri, named)]


def _check_links(uri: str, files: Sequence[Path]) -> None:
    """A file that stands under two names would be read twice."""
    seen: dict[tuple[int, int], Path] = {}
    for file in files:
        status = file.stat()
        other = seen.setdefault((status.st_dev, status.st_ino), file)
        if other is not file:
            raise BadData(f"Source '{uri}': {other} and {file} are one file. Remove the link, or name one of them.")


def _downloaded(uri: str, s3: Any, downloads: Path | None) -> list[Path]:
    if s3 is None or downloads is None:
        raise BadData(f"Source '{uri}' is in S3; a client and a folder to download to are needed to read it.")
    bucket, _, prefix = uri.removeprefix(S3).partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
    named = _places(uri, prefix, keys)
    kept = data_among(uri, named)
    if not kept:
        raise BadData(f"Source '{uri}': no object in bucket '{bucket}' has this prefix.")
    return sorted(_download(s3, bucket, named[name], downloads / name) for name in kept)


def _places(uri: str, prefix: str, keys: Sequence[str]) -> dict[str, str]:
    """Keys by the path below the folder that they are downloaded to. S3 tells keys apart that no folder does: `a//b` and `a/b`,
    or `a` and `a/b`."""
    named: dict[str, str] = {}
    for key in keys:
        below = PurePosixPath(_below(key, prefix)).as_posix()
        if below in named:
            raise BadData(f"Source '{uri}': objects '{named[below]}' and '{key}' have one name as files. Rename one of them.")
        named[below] = key
    for below, key in named.items():
        folder = next((parent.as_posix() for parent in PurePosixPath(below).parents if parent.as_posix() in named), None)
        if folder is not None:
            raise BadData(f"Source '{uri}': object '{named[folder]}' is a file, and a folder of '{key}'. Rename one of them.")
    return named


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
