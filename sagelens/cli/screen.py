"""Text for people, at the width of their terminal: lines break between words, and a name is never cut at its end.

Where output goes into a file or a pipe and COLUMNS is not set, lines stay whole, so that a program finds one thing a line.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from sagelens.cli.hints import complete
from sagelens.text.plain import plain

__all__ = [
    "cells",
    "command_lines",
    "complain",
    "fit",
    "labelled",
    "near",
    "reflow",
    "say",
    "shorten",
    "table",
    "width_of",
    "wrap",
]

_LEAST = 60  # columns: with fewer, a step's name, state and time have no room beside one another
_FURTHER = "  "  # before the further lines of a command
_SHORTEST = 12  # columns that a name keeps
_GAP = re.compile(r"^.*\s{2,}(?=\S)")  # all that stands before the last column of a line
_PIECE = re.compile(r"[^\s`]*`[^`]*`[^\s`]*|\S+")  # a command in backticks is one piece
_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")  # of a shell, as shlex.join quotes them
_WHOLE = re.compile(r"[/:]|^`|^--")  # URIs, paths, ARNs and parts of commands are of no use when they are cut


def width_of(stream: TextIO) -> int | None:
    """Columns to write in: COLUMNS where it is set, else the terminal's. None where there is no terminal."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return max(int(said), _LEAST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, _LEAST) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def say(text: str) -> None:
    """Print a sentence on standard output."""
    _print(text, sys.stdout)


def complain(text: str, *, head: str = "sagelens: ") -> None:
    """Print what went wrong, or a warning, on standard error."""
    _print(f"{head}{text}", sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    stream.write("\n".join(wrap(complete(text), width_of(stream), rest="  ")) + "\n")


def cells(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def shorten(name: str, width: int) -> str:
    """A name in at most `width` columns, cut in its middle: what tells names apart is at their ends."""
    name = plain(name)
    if cells(name) <= width:
        return name
    head, tail = name[: width // 2], name[-max(width - width // 2 - 1, 1) :]
    while cells(head) + cells(tail) + 1 > width and len(head) + len(tail) > 1:
        head, tail = (head[:-1], tail) if len(head) >= len(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def fit(width: int | None, *choices: str) -> str:
    """The first of these that fits; the last one where none does."""
    return next((choice for choice in choices if width is None or cells(choice) <= width), choices[-1])


def near(path: str | None) -> str:
    """A path from the current folder where it lies there: short enough for a line, and to be clicked."""
    if not path:
        return ""
    inside = Path(path).is_relative_to(Path.cwd())
    return str(Path(path).relative_to(Path.cwd())) if inside else path


def table(rows: Sequence[Sequence[str]], width: int | None, *, name: int) -> list[str]:
    """Rows as lines, their columns below one another. Only the column of names gives way where they do not fit."""
    if not rows:
        return []
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        rest = sum(widths) - widths[name] + 2 * (len(widths) - 1)
        widths[name] = min(widths[name], max(width - rest, _SHORTEST))
    return ["  ".join(_padded(text, room) for text, room in zip(row, widths, strict=True)).rstrip() for row in rows]


def _padded(text: str, room: int) -> str:
    shown = shorten(text, room)
    return shown + " " * (room - cells(shown))


def labelled(label: str, value: str, width: int | None, *, indent: str = "  ", room: int = 18) -> list[str]:
    """A fact: its label, and its value beside it or, where that is one long word, below it."""
    value = plain(value)
    head = f"{indent}{label:<{room}} "
    if width is None or cells(head) + cells(value) <= width:
        return [head + value]
    if " " in value:
        return wrap(value, width, first=head, rest=" " * len(head))
    return [head.rstrip(), f"{indent}  {value}"]


def wrap(text: str, width: int | None, *, first: str = "", rest: str = "") -> list[str]:
    """The lines of a text: `first` begins the first, `rest` the others.

    A path, a URI or a command that is longer than a line stands on lines of its own, whole; any other word is cut in its middle.
    """
    text = plain(text)
    if width is None:
        return [line.rstrip() for line in (first + text).splitlines()] or [first]
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines += _filled(paragraph, width, first if not lines else rest, rest)
    return lines


def reflow(text: str, width: int | None) -> str:
    """Lines that are laid out already, the long ones broken: what follows a line's last gap stays to the right of it."""
    return "".join(f"{part}\n" for line in plain(text).splitlines() for part in _reflowed(line, width))


def _reflowed(line: str, width: int | None) -> list[str]:
    if width is None or cells(line) <= width:
        return [line]
    found = _GAP.match(line)
    head = found[0] if found and cells(found[0]) <= width // 2 else line[: len(line) - len(line.lstrip())]
    text, rest = line[len(head) :], " " * (cells(head) + (0 if head.strip() else 2))
    if " " not in text.strip() and head.strip():  # one long word: below its label
        return [head.rstrip(), f"    {text}"]
    return wrap(text, width, first=head, rest=rest)


def _filled(text: str, width: int, first: str, rest: str) -> list[str]:
    lines, line, begun = [], first, False
    for piece in _pieces(text, width - max(cells(first), cells(rest))):
        if begun and cells(line) + 1 + cells(piece) > width:
            lines.append(line)
            line, begun = rest, False
        line = f"{line} {piece}" if begun else line + piece
        begun = True
        if piece.endswith(" \\"):
            lines.append(line)
            line, begun = rest, False
    return [*lines, line] if begun or not lines else lines


def _pieces(text: str, room: int) -> Iterator[str]:
    for piece in _PIECE.findall(text):
        if cells(piece) <= room:
            yield piece
        elif " " in piece:
            yield from _continued(_WORD.findall(piece), room)
        else:
            yield piece if _WHOLE.search(piece) else shorten(piece, room)


def command_lines(command: str, width: int | None, *, indent: str) -> list[str]:
    """A command for a shell, on as many lines as it takes: as printed, it can be pasted."""
    room = None if width is None else width - cells(indent)
    if room is None or cells(command) <= room:
        return [indent + command]
    first, *rest = _continued(_WORD.findall(command), room - len(_FURTHER))
    return [indent + first, *(f"{indent}{_FURTHER}{line}" for line in rest)]


def _continued(words: list[str], room: int) -> Iterator[str]:
    """A long command on several lines, as a shell reads it."""
    line = words[0]
    for word in words[1:]:
        if cells(line) + 1 + cells(word) + 2 > room:
            yield f"{line} \\"
            line = word
        else:
            line = f"{line} {word}"
    yield line
