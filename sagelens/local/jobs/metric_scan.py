"""A program that tries the regular expressions of metric definitions, in a process that may be ended: some take for ever.

Reads `{"log": path or null, "regexes": [...], "seconds": 2.0, "seconds_in_all": 10.0}` and writes one line of JSON for each
regex, as soon as it is known: `{"error": text}` if it cannot be compiled, `{"given_up": true}` if it took longer than that, else
`{"value": number or null}`, the last one that its first group finds in a line of the log. It knows nothing of the rest of the
project, so that it starts at once.
"""

from __future__ import annotations

import json
import math
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

_BLOCK = 1024 * 1024
_LONGEST_LINE = 256 * 1024
"""Bytes; an event of CloudWatch Logs, to which metric definitions apply on AWS, cannot be longer."""
_MOST_MEMORY = 1024**3


class _TooLong(Exception):
    pass


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    signal.signal(signal.SIGALRM, _expired)
    asked = json.load(sys.stdin)
    end = time.monotonic() + asked["seconds_in_all"]
    for regex in asked["regexes"]:
        seconds = min(asked["seconds"], end - time.monotonic())
        found = _tried(regex, asked["log"], seconds) if seconds > 0 else {"given_up": True}
        print(json.dumps(found), flush=True)


def _tried(regex: str, log: str | None, seconds: float) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        compiled = re.compile(regex)
        return {"value": None if log is None else _last_number(compiled, log)}
    except _TooLong:
        return {"given_up": True}
    except RecursionError:
        return {"error": "it is nested too deep"}
    except (re.error, OverflowError, ValueError) as error:
        return {"error": str(error)}
    except OSError:
        return {"value": None}  # there is no log
    except MemoryError:
        return {"error": "it takes too much memory"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _last_number(regex: re.Pattern[str], log: str) -> float | None:
    with open(log, "rb") as file:  # noqa: PTH123  pathlib would take longer to import than all the rest
        for line in _lines_backwards(file):
            found = [number for match in regex.finditer(line) if (number := _number(match)) is not None]
            if found:
                return found[-1]
    return None


def _number(match: re.Match[str]) -> float | None:
    try:
        number = float(match.group(1))
    except (IndexError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _lines_backwards(file: BinaryIO) -> Iterator[str]:
    """The lines, the last one first."""
    left, rest = file.seek(0, 2), b""
    while left:
        size = min(_BLOCK, left)
        left -= size
        file.seek(left)
        first, *lines = (file.read(size) + rest[:_LONGEST_LINE]).split(b"\n")
        yield from map(_text, reversed(lines))
        rest = first
    yield _text(rest)


def _text(line: bytes) -> str:
    return line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")


def _expired(*_: object) -> NoReturn:
    raise _TooLong


if __name__ == "__main__":
    main()
