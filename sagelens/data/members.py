"""The files of a source that hold its rows: what other programs leave beside data is passed over, archives are unpacked."""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from sagelens.errors import BadData

__all__ = ["Member", "inflated", "is_foreign", "members_of", "unpacked"]

_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # of Windows and of archives made on a Mac
_MOST_MEMBERS = 10_000
_MOST_TIMES = 500  # a member's size over its packed size: text packs 3 to 50 times, a bomb 1,000
_FREE_OF_DOUBT = 64 << 20  # bytes that any member may have, however well it packs
_PIECE = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file that can be read, and how it is named to people: that of an archive with the archive's name."""

    path: Path
    name: str


def is_foreign(path: str) -> bool:
    """Whether a path, relative to its source, is none of its data: hidden files and those with an underscore before them (the
    readers of Spark and Hive pass them over, too), and what file managers leave."""
    parts = [part for part in path.replace("\\", "/").split("/") if part]
    return any(part.startswith((".", "_")) or part.lower() in _NAMES for part in parts)


def members_of(source: str, files: Sequence[Path], folder: Path) -> list[Member]:
    """The files below `folder` that are data. Raises BadData for one that is not like the others."""
    named = [(file, file.relative_to(folder).as_posix()) for file in files]
    kept = [Member(file, name) for file, name in named if len(files) == 1 or not is_foreign(name)]
    suffixes = {_suffix(member.path) for member in kept}
    if len(suffixes) > 1:
        examples = ", ".join(
            next(member.name for member in kept if _suffix(member.path) == suffix) for suffix in sorted(suffixes)
        )
        raise BadData(
            f"Source '{source}' has files of several kinds: {examples}. Name those that are its data in `uri`: data/*.csv, say."
        )
    return kept


def _suffix(path: Path) -> str:
    """The ending that tells a file's kind; parts such as `part-00000` have none."""
    return path.suffix.lower() if not path.suffix[1:].isdigit() else ""


def unpacked(source: str, archives: Sequence[Member], folder: Path) -> Iterator[Member]:
    """The members of zip archives, written to `folder`, each under a name of its own. Raises BadData."""
    written = 0
    for number, archive in enumerate(archives):
        try:
            with ZipFile(archive.path) as opened:
                entries = [entry for entry in opened.infolist() if not entry.is_dir() and not is_foreign(entry.filename)]
                if len(entries) > _MOST_MEMBERS:
                    raise BadData(
                        f"Source '{source}': {archive.name} has {len(entries)} members; {_MOST_MEMBERS} are read at most."
                    )
                for place, entry in enumerate(entries):
                    member = Member(folder / f"{number}-{place}", f"{archive.name}/{entry.filename}")
                    written += _write(source, opened, entry, member)
                    yield member
        except (BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
            said = "a member is encrypted" if "encrypted" in str(error) else str(error)
            raise BadData(f"Source '{source}': {archive.name} is not a readable zip archive: {said}.") from error


def _write(source: str, archive: ZipFile, entry: ZipInfo, member: Member) -> int:
    """Bytes are counted as they come: what the archive says of itself may not be so."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadData(f"Source '{source}': {member.name} is a link, not data. Pack the file itself.")
    most = max(_FREE_OF_DOUBT, entry.compress_size * _MOST_TIMES)
    with archive.open(entry) as packed, member.path.open("wb") as plain:
        return _copied(source, packed, plain, member.name, most)


def _copied(source: str, packed: IO[bytes], plain: IO[bytes], name: str, most: int) -> int:
    size = 0
    while piece := packed.read(_PIECE):
        size += len(piece)
        if size > most:
            raise BadData(
                f"Source '{source}': {name} unpacks to more than {most} bytes, {_MOST_TIMES} times its packed size. Unpack it "
                "yourself if that is right."
            )
        plain.write(piece)
    return size


def inflated(source: str, member: Member, folder: Path) -> Member:
    """A file that gzip packed, unpacked to `folder`. Raises BadData."""
    plain = Member(folder / f"{len(list(folder.iterdir()))}-gz", member.name)
    most = max(_FREE_OF_DOUBT, member.path.stat().st_size * _MOST_TIMES)
    try:
        with gzip.open(member.path) as packed, plain.path.open("wb") as file:
            _copied(source, packed, file, member.name, most)  # type: ignore[arg-type]  # a GzipFile reads as any file
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"Source '{source}': {member.name} is not readable gzip: {error}.") from error
    return plain
