"""The check of a model folder, and a private copy of what was checked, from which alone a model is served.

The image holds this file outside of every model and starts it first, so it needs the standard library alone:

    python3 -I verified.py

copies the files that the manifest of /opt/ml/model lists while it compares their digests, and then starts the server that came
with the model, from the copy. Nothing else that lies in the folder is read: not Python's bytecode, not what was added later, not
what is put in a file's place after it was checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["KEY_VARIABLE", "MANIFEST", "VERIFIED", "NotAsPackaged", "check", "copy_checked", "listing_digest", "listing_of"]

MANIFEST = "manifest.json"
VERIFIED = "SAGELENS_VERIFIED_MODEL"
"""The environment variable in which whoever starts a model's server says where the verified copy lies."""
KEY_VARIABLE = "SAGELENS_SERVER_KEY"
"""That in which a server finds the key that it asks for; without one it asks for none."""

_DIGEST = "SAGELENS_MODEL_DIGEST"
_BYTECODE = "__pycache__"
"""Folders of this name appear wherever Python runs. They are neither part of a model nor read."""
_REFUSED = 8  # the exit code of sagelens.errors.Refused
_SHOWN = 5
_LARGEST_MANIFEST = 64 * 1024 * 1024  # bytes: some 500,000 files
_CHUNK = 1024 * 1024
_HEX = frozenset("0123456789abcdef")


class NotAsPackaged(Exception):
    """The folder is not what was packaged, or not what was to be served; the message is a whole one."""


def check(folder: Path, expected: str | None = None) -> str:
    """The digest of a model folder, after comparing every file with its manifest. Raises NotAsPackaged.

    `expected` is the manifest's digest, or that of the whole folder with the manifest in it, as a registry knows an artifact.
    """
    return _check(folder, expected, None)


def copy_checked(folder: Path, target: Path, expected: str | None = None) -> str:
    """The same, copying each file into `target`, an empty folder, from the very bytes that were compared. What was copied
    before something was found to differ is for the caller to remove. Raises NotAsPackaged, OSError."""
    return _check(folder, expected, target)


def listing_of(content: bytes, where: str) -> dict[str, str]:
    """The files, with their digests, that a manifest lists. Raises NotAsPackaged for a manifest that is none."""
    try:
        listed: dict[str, str] = json.loads(content)["files"]
        sound = isinstance(listed, dict) and all(_is_plain(path) and _is_digest(listed[path]) for path in listed)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAsPackaged(f"{where} is no manifest of a model ({error!r:.200}). Package the model again.") from error
    if not sound:
        raise NotAsPackaged(
            f"{where} lists something else than files of the model with their SHA-256 digests. Package the model again."
        )
    return listed


def listing_digest(listing: Mapping[str, str]) -> str:
    """The digest of a listing whose names hold no line break, which those of `listing_of` do not."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(listing.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _check(folder: Path, expected: str | None, target: Path | None) -> str:
    folder = folder.resolve()
    content = _manifest(folder)
    listed = listing_of(content, f"'{folder / MANIFEST}'")
    found = set(_names(str(folder)))
    differing = found.symmetric_difference({*listed, MANIFEST})
    for path in sorted(found.intersection(listed)):
        if _digest_of(folder, path, target) != listed[path]:
            differing.add(path)
    if differing:
        names = ", ".join(name if name.isprintable() else ascii(name) for name in sorted(differing)[:_SHOWN])
        more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        raise NotAsPackaged(
            f"The model in '{folder}' is not what was packaged: {names}{more} differ from {MANIFEST}. "
            "Deploy the registered model again."
        )
    digest = listing_digest(listed)
    whole = listing_digest({**listed, MANIFEST: hashlib.sha256(content).hexdigest()})
    if expected and expected not in {digest, whole}:
        raise NotAsPackaged(
            f"The model in '{folder}' has digest {digest}, but {expected} was to be served. Deploy the registered model again."
        )
    if target is not None:
        (target / MANIFEST).write_bytes(content)
    return digest


def _manifest(folder: Path) -> bytes:
    try:
        with os.fdopen(_open(folder / MANIFEST), "rb") as file:
            content = file.read(_LARGEST_MANIFEST + 1)
    except OSError as error:
        raise NotAsPackaged(
            f"'{folder / MANIFEST}' cannot be read, and so nothing is proved: {error.strerror}. Package the model again."
        ) from error
    if len(content) > _LARGEST_MANIFEST:
        raise NotAsPackaged(f"'{folder / MANIFEST}' is larger than {_LARGEST_MANIFEST} bytes. Package the model again.")
    return content


def _names(folder: str) -> Iterator[str]:
    """The files below a folder by relative POSIX path, but for folders of bytecode. Links are followed, never in a circle."""
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(folder, "", ())]
    while waiting:
        folder, inside, above = waiting.pop()
        status = os.stat(folder)  # noqa: PTH116  strings are what is wanted
        here = (status.st_dev, status.st_ino)
        if here in above:
            yield inside.rstrip("/")
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir():
                    yield f"{inside}{entry.name}"
                elif entry.name != _BYTECODE:
                    waiting.append((entry.path, f"{inside}{entry.name}/", (*above, here)))


def _digest_of(folder: Path, path: str, target: Path | None) -> str:
    """The digest of a file, which is read once: what is written into `target` is what was hashed. Empty where it is no file."""
    try:
        source = _open(folder / path)
    except OSError:
        return ""
    digest = hashlib.sha256()
    with os.fdopen(source, "rb", buffering=0) as file, _opened(target, path) as copy:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    return digest.hexdigest()


def _opened(target: Path | None, path: str) -> Any:
    if target is None:
        return open(os.devnull, "wb")  # noqa: PTH123  the null device is no path of ours
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    return (target / path).open("xb")


def _open(path: Path) -> int:
    """A regular file, opened for reading: a pipe would keep whoever opens it waiting."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(0, "it is no regular file")
    return file


def _is_plain(path: str) -> bool:
    """Whether a name in a manifest is that of a file below the folder, and one that only it can have."""
    parts = path.split("/")
    return path.isprintable() and "\\" not in path and path != MANIFEST and not {"", ".", "..", _BYTECODE} & set(parts)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and _HEX.issuperset(value)


def main() -> None:
    """Serve the model in /opt/ml/model, if it is what the environment says that it is."""
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))  # a container's first process has no other
    folder = Path(f"{os.environ.get('SAGELENS_ROOT', '')}/opt/ml/model")
    try:
        copy = Path(tempfile.mkdtemp(prefix="sagelens-model-"))
    except OSError as error:
        _refuse(f"service-unavailable: There is no folder to copy the model to, which it is served from: {error}", 1)
    try:
        _copy(folder, copy)
        _serve(copy, older=any(folder.rglob(_BYTECODE)))
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _copy(folder: Path, copy: Path) -> None:
    try:
        copy_checked(folder, copy, os.environ.get(_DIGEST) or None)
    except NotAsPackaged as error:
        _refuse(f"refused: {error}")
    except OSError as error:
        _refuse(f"service-unavailable: The model cannot be copied to where it is served from: {error}", 1)


def _serve(copy: Path, *, older: bool) -> None:
    """Start the server that is in the copy. One of an older model imports from the folder itself, where bytecode may lie."""
    os.environ[VERIFIED] = str(copy)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy / "code"))
    if older:
        sys.pycache_prefix = str(copy / _BYTECODE)
    runpy.run_module("sagelens.serving", run_name="__main__", alter_sys=True)


def _refuse(said: str, code: int = _REFUSED) -> NoReturn:
    print(said, file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
