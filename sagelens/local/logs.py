"""CloudWatch Logs over files: group `/aws/sagemaker/ProcessingJobs` is a folder of that path, its streams the files in it.

Each line is an event. A line may begin with its time in ISO 8601; others have the time of the line before, and the first one
the time at which its file was last written when the service first saw it. However large a file is, an answer reads a megabyte of
it: events that come after are behind the answer's tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sagelens.local.ports import ApiError, Document, Handler, Request
from sagelens.local.store import page

__all__ = ["Logs"]

_PARTS_OF_A_GROUP = 3
_PARTS_OF_AN_ENDPOINTS_GROUP = 4
_MOST_EVENTS = 10_000
_PAGE = 1024 * 1024
"""Bytes of events in an answer, as in CloudWatch."""
_LONGEST_EVENT = 256 * 1024
"""Bytes; a line that is longer makes several events, as it does in CloudWatch."""
_BEFORE = 64 * 1024
"""Bytes before a page in which its first line's time is looked for."""
_MOST_DIGITS = 18
_SETTLED = 1.0
"""Seconds after which the last line of a file is an event, even without a line feed."""


@dataclass(frozen=True)
class _Event:
    """`start` and `end` are the line's place in its file, in bytes."""

    start: int
    end: int
    timestamp: int
    message: str


class Logs:
    def __init__(self, root: Path, *, account: str, region: str) -> None:
        self._root = root.resolve()
        self._arn = f"arn:aws:logs:{region}:{account}:log-group"
        self._first_seen: dict[Path, int] = {}

    def handlers(self) -> dict[str, Handler]:
        return {
            "logs.DescribeLogGroups": self.describe_groups,
            "logs.DescribeLogStreams": self.describe_streams,
            "logs.GetLogEvents": self.events,
        }

    async def describe_groups(self, request: Request) -> Document:
        prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
        names = [name for name in sorted(set(self._groups())) if name.startswith(prefix) and pattern.lower() in name.lower()]
        shown, more = _paged(names, request)
        return {"logGroups": [self._group(name) for name in shown], **more}

    async def describe_streams(self, request: Request) -> Document:
        name = _group_name(request)
        folder = self._folder(name)
        prefix = request.get("logStreamNamePrefix", "")
        files = [path for path in _files(folder) if path.relative_to(folder).as_posix().startswith(prefix)]
        if request.get("orderBy") == "LastEventTime":
            files.sort(key=lambda path: path.stat().st_mtime)
        else:
            files.sort()
        if request.get("descending"):
            files.reverse()
        shown, more = _paged(files, request)
        return {"logStreams": [self._stream(name, folder, path) for path in shown], **more}

    async def events(self, request: Request) -> Document:
        folder = self._folder(_group_name(request))
        path = self._below(folder, request["logStreamName"])
        if not _is(path, Path.is_file):
            raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
        direction, offset = _position(request.get("nextToken"))
        forward = direction == "f" or (direction == "" and request.get("startFromHead", False))
        if direction == "" and not forward:
            offset = path.stat().st_size
        page = self._page(path, offset) if forward else self._page(path, max(offset - _PAGE, 0), offset)
        begin, end = request.get("startTime", 0), request.get("endTime", 2**63)
        found = [event for event in page if begin <= event.timestamp < end]
        limit = request.get("limit", _MOST_EVENTS)
        shown = found[:limit] if forward else found[-limit:]
        passed = shown or page
        return {
            "events": [
                {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.timestamp} for event in shown
            ],
            "nextForwardToken": f"f/{passed[-1].end if passed else offset}",
            "nextBackwardToken": f"b/{passed[0].start if passed else offset}",
        }

    def _groups(self) -> Iterator[str]:
        for path in _files(self._root):
            parts = path.relative_to(self._root).parts
            length = _PARTS_OF_AN_ENDPOINTS_GROUP if parts[2:3] == ("Endpoints",) else _PARTS_OF_A_GROUP
            if len(parts) > length:
                yield "/" + "/".join(parts[:length])

    def _group(self, name: str) -> Document:
        folder = self._folder(name)
        return {
            "logGroupName": name,
            "arn": f"{self._arn}:{name}:*",
            "logGroupArn": f"{self._arn}:{name}",
            "creationTime": _milliseconds(folder.stat().st_mtime),
            "storedBytes": sum(path.stat().st_size for path in _files(folder)),
            "metricFilterCount": 0,
            "logGroupClass": "STANDARD",
        }

    def _stream(self, group: str, folder: Path, path: Path) -> Document:
        stat = path.stat()
        name = path.relative_to(folder).as_posix()
        head, tail = self._page(path, 0, _BEFORE), self._page(path, max(stat.st_size - _BEFORE, 0))
        first = head[0].timestamp if head else None
        return {
            "logStreamName": name,
            "arn": f"{self._arn}:{group}:log-stream:{name}",
            "creationTime": first or _milliseconds(stat.st_mtime),
            "firstEventTimestamp": first,
            "lastEventTimestamp": tail[-1].timestamp if tail else first,
            "lastIngestionTime": _milliseconds(stat.st_mtime),
            "storedBytes": stat.st_size,
        }

    def _folder(self, group: str) -> Path:
        folder = self._below(self._root, group.strip("/"))
        if folder == self._root or not _is(folder, Path.is_dir):
            raise ApiError("ResourceNotFoundException", f"The specified log group does not exist: {group}")
        return folder

    def _below(self, folder: Path, name: str) -> Path:
        try:
            path = (folder / name).resolve()
        except (OSError, ValueError, RuntimeError):  # no file can have such a name
            path = self._root.parent
        if not path.is_relative_to(folder):
            raise ApiError("InvalidParameterException", f"'{name}' leads out of the logs' folder.")
        return path

    def _page(self, path: Path, start: int, end: int | None = None) -> list[_Event]:
        """The events that begin from `start` on, and before `end` or within a megabyte."""
        written = path.stat().st_mtime
        last = self._first_seen.setdefault(path, _milliseconds(written))
        events = []
        with path.open("rb") as file:
            last = _time_before(file, start) or last
            place = _line_at(file, start)
            stop = place + _PAGE if end is None else end
            while place < stop and (line := file.readline(_LONGEST_EVENT)):
                if not line.endswith(b"\n") and len(line) < _LONGEST_EVENT and time.time() - written < _SETTLED:
                    break
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                last = _time_of(text) or last
                events.append(_Event(place, place + len(line), last, text))
                place += len(line)
        return events


def _line_at(file: BinaryIO, start: int) -> int:
    """Where the first line begins that does so at `start` or later; the file is then there. An event that was cut from a line too
    long is taken for the rest of it."""
    if start == 0:
        return file.seek(0)
    file.seek(start - 1)
    if file.read(1) == b"\n":
        return start
    skipped = len(file.readline(_LONGEST_EVENT))
    return start + skipped if skipped < _LONGEST_EVENT else file.seek(start)


def _time_before(file: BinaryIO, start: int) -> int | None:
    """The time of the line before, as far as it says one, or one not far before does."""
    begin = max(start - _BEFORE, 0)
    file.seek(begin)
    lines = file.read(start - begin).split(b"\n")
    whole = lines if begin == 0 else lines[1:]
    times = (_time_of(line[:64].decode("utf-8", "replace")) for line in reversed(whole))
    return next((moment for moment in times if moment), None)


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether there is such a file; one whose name is too long cannot be there."""
    try:
        return kind(path)
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _group_name(request: Request) -> str:
    """From a name, or from an identifier that may be an ARN."""
    name = request.get("logGroupName") or request.get("logGroupIdentifier", "").rpartition("log-group:")[2].removesuffix(":*")
    if not name:
        raise ApiError("InvalidParameterException", "logGroupName or logGroupIdentifier must be provided.")
    return str(name)


def _position(token: str | None) -> tuple[str, int]:
    """The direction, `f` or `b`, and the offset in a token; no direction without one."""
    if token is None:
        return "", 0
    direction, _, offset = token.partition("/")
    if direction not in {"f", "b"} or not (offset.isascii() and offset.isdigit() and len(offset) <= _MOST_DIGITS):
        raise ApiError("InvalidParameterException", f"The specified nextToken is invalid: {token}")
    return direction, int(offset)


def _paged(items: list[Path] | list[str], request: Request) -> tuple[list, Document]:  # type: ignore[type-arg]
    shown, more = page(items, {"NextToken": request.get("nextToken"), "MaxResults": request.get("limit", 50)})
    return shown, {"nextToken": more.get("NextToken")}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _time_of(line: str) -> int | None:
    word = line.partition(" ")[0]
    if len(word) < len("2026-01-01T00:00:00") or word[4:5] != "-" or word[10:11] != "T":
        return None
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return None
    return _milliseconds((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
