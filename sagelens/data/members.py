"""The files of a source that hold its rows: what other programs leave beside data is passed over, archives are unpacked."""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO
from warnings import warn
from zipfile import BadZipFile, ZipFile, ZipInfo

from sagelens.data.bounds import MOST_TIMES, most_unpacked
from sagelens.errors import BadData

__all__ = ["Member", "data_among", "inflated", "is_foreign", "members_of", "partitions", "unpacked"]

_FOREIGN = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found", "$recycle.bin", "~$*")
"""Names, in small letters, that Windows, Macs, office programs and file servers leave."""
_KNOWN = (
    *_FOREIGN,
    *("_success", "_metadata", "_common_metadata", "_committed_*", "_started_*", "_temporary*"),  # of Spark and others
    *(".*.crc", "._*", ".ds_store", ".git*", ".ipynb_checkpoints", ".~lock*", ".*.swp", ".nfs*", ".keep", ".dvc*"),
)
"""Of these it needs no word that they are passed over."""
_TABLES = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
_MOST_MEMBERS = 10_000
_PIECE = 1 << 20
_SHOWN = 3  # names in a message
_GZIP = b"\x1f\x8b"
_PARTITION = re.compile(r"(?:^|/)([A-Za-z_][A-Za-z0-9_]*)=[^/]*(?=/)")


@dataclass(frozen=True)
class Member:
    """A file that can be read, and how it is named to people: that of an archive with the archive's name."""

    path: Path
    name: str


def is_foreign(path: str) -> bool:
    """Whether a path, relative to its source, is none of its data: hidden files and those with an underscore before them (the
    readers of Spark and Hive pass them over, too), and what file managers leave."""
    return any(part.startswith((".", "_")) or _like(part, _FOREIGN) for part in _parts(path))


def data_among(source: str, paths: Iterable[str]) -> list[str]:
    """The paths, relative to the source, that are its data; one alone always is. Warns of those that are passed over and may be
    meant. Raises BadData for a table whose files alone do not tell its rows."""
    given = list(paths)
    for path in given:
        marks = [_TABLES[part] for part in _parts(path) if part in _TABLES]
        if marks:
            raise BadData(
                f"Source '{source}' is {marks[0]} ({path}): its files hold rows that it no longer has. Export it to a folder of "
                "plain files, and name that."
            )
    if len(given) == 1:
        return given
    over = [path for path in given if is_foreign(path)]
    doubtful = [path for path in over if not any(_like(part, _KNOWN) for part in _parts(path))]
    if doubtful:
        shown = ", ".join(doubtful[:_SHOWN]) + (f" and {len(doubtful) - _SHOWN} more" if len(doubtful) > _SHOWN else "")
        warn(
            f"Source '{source}': {shown} passed over, since names that begin with . or _ are not read as data. Rename what is.",
            stacklevel=2,
        )
    return [path for path in given if path not in set(over)]


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]


def _like(part: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(part.lower(), pattern) for pattern in patterns)


def partitions(name: str) -> list[str]:
    """The columns after which the folders of a file are named, as in `month=1/day=2/a.parquet`."""
    return _PARTITION.findall(name)


def members_of(source: str, files: Sequence[Path], folder: Path) -> list[Member]:
    """The files below `folder` that are data. Raises BadData for one that is not like the others."""
    named = {file.relative_to(folder).as_posix(): file for file in files}
    kept = [Member(named[name], name) for name in data_among(source, named)]
    _check_kinds(source, [member.name for member in kept])
    return kept


def _check_kinds(source: str, names: Sequence[str]) -> None:
    suffixes = {_suffix(name): name for name in reversed(names)}
    if len(suffixes) > 1:
        examples = ", ".join(suffixes[suffix] for suffix in sorted(suffixes))
        raise BadData(
            f"Source '{source}' has files of several kinds: {examples}. Name those that are its data in `uri`: data/*.csv, say."
        )


def _suffix(name: str) -> str:
    """The ending that tells a file's kind; parts such as `part-00000` have none."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if not suffix[1:].isdigit() else ""


def unpacked(source: str, archives: Sequence[Member], folder: Path) -> Iterator[Member]:
    """The members of zip archives, written to `folder`, each under a name of its own. Raises BadData."""
    left = most_unpacked(sum(archive.path.stat().st_size for archive in archives))
    for number, archive in enumerate(archives):
        try:
            with ZipFile(archive.path) as opened:
                entries = _entries(source, archive.name, opened)
                _check_told(source, archive.name, entries, left)
                for place, entry in enumerate(entries):
                    member = Member(folder / f"{number}-{place}", f"{archive.name}/{entry.filename}")
                    left -= _write(source, opened, entry, member, left)
                    yield member
        except (BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
            said = "a member is encrypted" if "encrypted" in str(error) else str(error)
            raise BadData(f"Source '{source}': {archive.name} is not a readable zip archive: {said}.") from error


def _entries(source: str, archive: str, opened: ZipFile) -> list[ZipInfo]:
    """Those that are data. Refused: names that lead out of the archive, or stand twice in it."""
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_MEMBERS:
        raise BadData(f"Source '{source}': {archive} has {len(entries)} members; {_MOST_MEMBERS} are read at most.")
    for entry in entries:
        if ".." in _parts(entry.filename) or entry.filename.startswith(("/", "\\")):
            raise BadData(
                f"Source '{source}': {archive} has a member '{entry.filename}', whose name leads out of it. Pack it anew."
            )
    names = ["/".join(_parts(entry.filename)) for entry in entries]
    doubled = next((name for name, times in Counter(names).items() if times > 1), None)
    if doubled is not None:
        raise BadData(
            f"Source '{source}': {archive} has '{doubled}' {names.count(doubled)} times. Pack it anew, with one of them."
        )
    kept = set(data_among(source, names))
    _check_kinds(source, [name for name in names if name in kept])
    return [entry for entry, name in zip(entries, names, strict=True) if name in kept]


def _check_told(source: str, archive: str, entries: Sequence[ZipInfo], most: int) -> None:
    told = sum(entry.file_size for entry in entries)
    if told > most:
        raise _too_large(source, archive, told, most)


def _write(source: str, archive: ZipFile, entry: ZipInfo, member: Member, most: int) -> int:
    """Bytes are counted as they come: what the archive says of itself may not be so."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadData(f"Source '{source}': {member.name} is a link, not data. Pack the file itself.")
    with archive.open(entry) as packed, member.path.open("wb") as plain:
        return _copied(source, packed, plain, member.name, most)


def _copied(source: str, packed: IO[bytes], plain: IO[bytes], name: str, most: int) -> int:
    size = 0
    while piece := packed.read(_PIECE):
        size += len(piece)
        if size > most:
            raise _too_large(source, name, size, most)
        plain.write(piece)
    return size


def _too_large(source: str, name: str, size: int, most: int) -> BadData:
    return BadData(
        f"Source '{source}': {name} unpacks to more than {most:,} bytes ({size:,} at least), which are {MOST_TIMES} times the "
        "packed size, or all that this machine has of memory. Unpack it yourself if that is right."
    )


def is_gzip(member: Member) -> bool:
    """By its first bytes, whatever its name."""
    with member.path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def inflated(source: str, members: Sequence[Member], folder: Path) -> list[Member]:
    """The same, where what gzip packed is unpacked to `folder`. Raises BadData."""
    packed = {member.name: member.path.stat().st_size for member in members if is_gzip(member)}
    left = most_unpacked(sum(packed.values())) if packed else 0
    found = []
    for number, member in enumerate(members):
        if member.name not in packed:
            found.append(member)
            continue
        plain = Member(folder / f"{number}-gz", member.name)
        try:
            with gzip.open(member.path) as opened, plain.path.open("wb") as file:
                left -= _copied(source, opened, file, member.name, left)  # type: ignore[arg-type]  # a GzipFile reads as any file
        except (OSError, EOFError, zlib.error) as error:
            raise BadData(f"Source '{source}': {member.name} is not readable gzip: {error}.") from error
        found.append(plain)
    return found
