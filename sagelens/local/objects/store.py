"""`s3://bucket/key` as a file below a folder."""

from __future__ import annotations

import re
from pathlib import Path

from sagelens.local.ports import ApiError

__all__ = ["LONGEST_KEY", "LONGEST_NAME", "ObjectStore"]

LONGEST_KEY = 1024
"""Bytes of a key in S3."""
LONGEST_NAME = 255
"""Bytes of a name in a file system."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")


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
        names = [key.encode() for key in keys]
    except UnicodeEncodeError as error:
        raise ApiError("ValidationException", f"{uri!a} is no text in UTF-8, as keys are.") from error
    if len(b"/".join(names)) > LONGEST_KEY or any(len(name) > LONGEST_NAME for name in names):
        raise ApiError(
            "ValidationException",
            f"The key in '{uri[:200]}…' is too long: {LONGEST_KEY} bytes are allowed, and here {LONGEST_NAME} between two '/'.",
        )
