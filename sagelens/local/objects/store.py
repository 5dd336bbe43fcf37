"""`s3://bucket/key` as a file below a folder."""

from __future__ import annotations

import re
from pathlib import Path

from sagelens.local.ports import ApiError

__all__ = ["ObjectStore"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")


_LONGEST_KEY = 1024
_LONGEST_NAME = 255
"""Bytes: S3's, and a file system's."""


class ObjectStore:
    """Maps URIs to files and back. `root` is made if it is missing."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()

    def path(self, uri: str) -> Path:
        """The file or folder that an s3:// URI names, which need not exist."""
        scheme, _, rest = uri.partition("://")
        bucket, *keys = rest.rstrip("/").split("/")
        if scheme.lower() != "s3" or not _BUCKET.fullmatch(bucket):
            raise ApiError("ValidationException", f"'{uri}' is no S3 URI. Write s3://bucket/key, the bucket in lower case.")
        if any(part in {"", ".", ".."} or "\0" in part or "\\" in part for part in keys):
            raise ApiError("ValidationException", f"'{uri}' has an empty part, '.', '..' or a backslash; keys may not.")
        _check_length(uri, keys)
        path = self.root.joinpath(bucket, *keys)
        if not path.resolve().is_relative_to(self.root):
            raise ApiError("ValidationException", f"'{uri}' leads out of the object store through a symbolic link.")
        return path

    def uri(self, path: Path) -> str:
        """The URI of a file or folder below the root."""
        absolute = path if path.is_absolute() else self.root / path
        if ".." in absolute.parts or not absolute.is_relative_to(self.root):
            absolute = absolute.resolve()
        if absolute == self.root or not absolute.is_relative_to(self.root):
            raise ApiError("ValidationException", f"{path} is not in the object store at {self.root}.")
        return f"s3://{absolute.relative_to(self.root).as_posix()}"


def _check_length(uri: str, keys: list[str]) -> None:
    try:
        sizes = [len(part.encode()) for part in keys]
    except UnicodeEncodeError as error:
        raise ApiError("ValidationException", f"{uri[:200]!a} holds half a surrogate pair, which no key does.") from error
    shown = f"'{uri[:100]}…'"
    if max(sizes, default=0) > _LONGEST_NAME:
        raise ApiError(
            "ValidationException",
            f"{shown} has a part of {max(sizes)} bytes. Objects are files here, so {_LONGEST_NAME} are allowed between two '/'.",
        )
    if sum(sizes) + len(sizes) - 1 > _LONGEST_KEY:
        raise ApiError(
            "ValidationException", f"{shown} has a key of {sum(sizes) + len(sizes) - 1} bytes; {_LONGEST_KEY} are allowed."
        )
