"""A step in lines: its name, state and time side by side and whole, what is remarked of it after them or below."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sagelens.cli.screen import cells, shorten, wrap
from sagelens.text.plain import plain

__all__ = ["Columns", "columns_of", "duration_of", "step_lines", "verdict_of"]

_NAME = 24  # columns of most names; one width for all keeps the lines of a run below one another
_LONGEST = 40  # columns that a name gets where nothing limits the line
_SHARE = 0.4  # of a line's width that names may take
_BELOW = "    "


class Columns(NamedTuple):
    """Widths of a name, a state and a time; `width` is the line's, None where it is not limited."""

    width: int | None
    name: int
    state: int
    time: int


def columns_of(steps: Sequence[Mapping[str, Any]], width: int | None) -> Columns:
    """Wide enough for every state and time; a long name gives way."""
    verdicts = [verdict_of(step) for step in steps]
    most = _LONGEST if width is None else int(width * _SHARE)
    return Columns(
        width=width,
        name=min(max([_NAME, *(cells(name) for name, _ in verdicts)]), most),
        state=max([10, *(len(state) for _, state in verdicts)]),
        time=max([9, *(len(duration_of(step)) for step in steps)]),
    )


def step_lines(
    step: Mapping[str, Any], columns: Columns, remark: str, *, mark: str = "", extra: str = "", running: bool = False
) -> list[str]:
    """The lines of one step. `mark` stands before its name, `extra` after its time, `remark` in the rest of the line or below."""
    name, state = verdict_of(step)
    shown, remark = plain(name) if columns.width is None else shorten(name, columns.name), plain(remark)
    padding = " " * max(columns.name - cells(shown), 0)
    head = f"{mark}{shown}{padding} {state:<{columns.state}} {duration_of(step, running=running):>{columns.time}}"
    head += f"  {extra}" if extra else ""
    if not remark:
        return [head.rstrip()]
    line = f"{head}  {remark}"
    if columns.width is None or cells(line) <= columns.width:
        return [line]
    return [head.rstrip(), *wrap(remark, columns.width, first=_BELOW, rest=_BELOW)]


def verdict_of(step: Mapping[str, Any]) -> tuple[str, str]:
    """A step's name and state in words that follow its verdict: a condition Succeeds whichever way it went, and the one behind a
    gate is named after the better."""
    if step["type"] != "Condition" or step.get("outcome") is None:
        return step["name"], step["status"]
    return step["name"].removesuffix("-passed"), "Passed" if step["outcome"] else "Stopped"


def duration_of(step: Mapping[str, Any], *, running: bool = False) -> str:
    """How long a step took; with `running`, how long it has been at it."""
    if step["seconds"] is not None:
        return f"{step['seconds']:.2f} s"
    return f"{time.time() - step['started']:.1f} s" if running and step["started"] else ""
