"""What keys can be where objects are files: which are refused, and the empty objects that stand for folders.

S3's keys are texts. Here a key is a path, so one cannot be an object and the folder of others; and an empty object whose key ends
in `/`, as the S3 console, Hadoop and others make, is an empty folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, unquote_to_bytes

from sagelens.local.objects.listing import UNFINISHED
from sagelens.local.objects.store import LONGEST_KEY, LONGEST_NAME

__all__ = ["Asked", "Keys", "Reply", "refusal"]

_ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'  # of nothing
_OF_OBJECTS = frozenset({"uploads", "uploadId", "partNumber", "x-id", "versionId"})
"""Parameters with which a request is still one for an object, and not for its tags or rights."""


@dataclass(frozen=True)
class Asked:
    """A request's head. `target` is as it was sent; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def bodiless(self) -> bool:
        return "transfer-encoding" not in self.headers and self.headers.get("content-length", "0").strip("0") == ""

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def size(self) -> int:
        """Bytes of the object that it brings; -1 where that is not said."""
        found = self.headers.get("x-amz-decoded-content-length") or self.headers.get("content-length")
        if found is None:
            return -1 if "transfer-encoding" in self.headers else 0
        return int(found) if found.isascii() and found.isdigit() else -1


@dataclass(frozen=True)
class Reply:
    """An answer of ours."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def refusal(status: int, code: str, message: str) -> Reply:
    """An error as S3 writes it."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    return Reply(status, {"Content-Type": "application/xml"}, text.encode())


class Keys:
    """Answers requests that a folder of files cannot, for the buckets below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def answer(self, asked: Asked) -> Reply | None:
        """None for a request that is to be handed on."""
        try:
            bucket, _, key = unquote_to_bytes(asked.path).decode().lstrip("/").partition("/")
        except UnicodeDecodeError:
            return _invalid("it is no text in UTF-8")
        if not key or set(asked.parameters) - _OF_OBJECTS:
            return None
        if wrong := _wrong_with(key):
            return wrong
        folder = self._root / bucket
        if not bucket or bucket.startswith(".") or not folder.is_dir():
            return None
        return self._marker(asked, folder, key[:-1]) if key.endswith("/") else self._object(asked.method, folder, key)

    def _marker(self, asked: Asked, bucket: Path, key: str) -> Reply:
        path = bucket / key
        match asked.method:
            case "PUT" if asked.size != 0 or "x-amz-copy-source" in asked.headers:
                return _invalid("it ends in '/', so it is a folder here, which holds nothing of its own; put an empty object")
            case "PUT":
                return self._make(bucket, path)
            case "GET" | "HEAD" if path.is_dir():
                return Reply(200, {"ETag": _ETAG, "Last-Modified": _changed(path), "Content-Type": "application/x-directory"})
            case "GET" | "HEAD":
                return refusal(404, "NoSuchKey", "The specified key does not exist.")
            case "DELETE":
                with suppress(OSError):  # it holds objects, or is not there
                    path.rmdir()
                return Reply(204)
        return _invalid("it ends in '/', and for a folder this cannot be done")

    def _make(self, bucket: Path, path: Path) -> Reply:
        if above := _object_above(path, bucket):
            return _occupied(f"'{above.relative_to(bucket)}' is an object")
        path.mkdir(parents=True, exist_ok=True)
        return Reply(200, {"ETag": _ETAG})

    def _object(self, method: str, bucket: Path, key: str) -> Reply | None:
        path = bucket / key
        above = _object_above(path.parent, bucket)
        if method in {"PUT", "POST"}:
            if above:
                return _occupied(f"'{above.relative_to(bucket)}' is an object")
            return _occupied("objects lie below this key") if path.is_dir() else None
        if method == "DELETE" and (above or path.is_dir()):
            return Reply(204)  # as for every key that no object has
        return None


def _wrong_with(key: str) -> Reply | None:
    """What keeps a key from being a path; `/` may be its end."""
    names = key.removesuffix("/").split("/")
    if len(key.encode()) > LONGEST_KEY or any(len(name.encode()) > LONGEST_NAME for name in names):
        return refusal(
            400,
            "KeyTooLongError",
            f"Your key is too long: {LONGEST_KEY} bytes are allowed, and here {LONGEST_NAME} between two '/'.",
        )
    if any(name in {"", ".", ".."} for name in names):
        return _invalid("a part of it is empty, '.' or '..'")
    if any(ord(character) < 32 or ord(character) == 127 or 0x2400 <= ord(character) <= 0x2421 for character in key):
        return _invalid("it holds a control character, or the picture of one")
    if any(name.startswith(UNFINISHED) for name in names):
        return _invalid(f"names that begin with {', '.join(UNFINISHED)} are for objects that are not whole yet")
    return None


def _object_above(path: Path, bucket: Path) -> Path | None:
    """The object below which the path would lie, itself included."""
    return next((above for above in (path, *path.parents) if above.is_relative_to(bucket) and above.is_file()), None)


def _occupied(why: str) -> Reply:
    return refusal(400, "InvalidRequest", f"Objects are files here, so a key cannot be an object and a folder: {why}.")


def _invalid(why: str) -> Reply:
    return refusal(400, "InvalidArgument", f"Objects are files here, so this key cannot be: {why}.")


def _changed(path: Path) -> str:
    return format_datetime(datetime.fromtimestamp(path.stat().st_mtime, UTC), usegmt=True)
