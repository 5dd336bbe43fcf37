"""What a person sees while a pipeline runs: a live table on a terminal, a line a change elsewhere. On standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from sagelens.cli.execution import Document
from sagelens.cli.guard import unguarded
from sagelens.cli.screen import shorten, width_of
from sagelens.cli.step_lines import columns_of, step_lines, verdict_of

__all__ = ["Progress"]

_WIDE = 110  # columns from which there is room for a step's phase
_PHASE = 14  # columns: the longest has 13
_MARKS = {
    "Succeeded": ("●", "green"),
    "Passed": ("●", "green"),
    "Failed": ("✗", "red"),
    "Executing": ("◐", "yellow"),
    "Starting": ("◌", "yellow"),
    "Stopped": ("■", "red"),
    "Stopping": ("□", "red"),
}


class Progress:
    """A context that shows every document it is called with."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=unguarded(sys.stderr))
        self._live: Any = None
        self._shown: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Callable[[Document], None]:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, refresh_per_second=8, transient=False)
            self._live.start()
        return self._show

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def _show(self, document: Document) -> None:
        if self._live is not None:
            self._live.update(_picture(document, self._console.width))
            return
        columns = columns_of(document["steps"], width_of(sys.stderr))
        for step in document["steps"]:
            key = (document["execution_id"], step["name"])
            if self._shown.get(key) != step["status"]:
                self._shown[key] = step["status"]
                sys.stderr.write("\n".join(step_lines(step, columns, _remark(step))) + "\n")
        sys.stderr.flush()


def _remark(step: Mapping[str, Any]) -> str:
    if step["failure"]:
        return str(step["failure"]["message"])
    if step["cache"] == "hit":
        return "unchanged, from an earlier run"
    if step["cache"] == "miss" and step["cache_miss_reason"]:
        return str(step["cache_miss_reason"])
    return ""


def _picture(document: Document, width: int) -> Any:
    from rich.console import Group
    from rich.text import Text

    title = f" · {document['execution_id']} · {document['status']}"
    lines = [Text(shorten(document["pipeline"], width - len(title)) + title, style="italic", no_wrap=True)]
    return Group(*lines, *_steps(document, width))


def _steps(document: Document, width: int) -> Iterator[Any]:
    """Each with its mark; a condition that let the run go on says nothing that its gate does not."""
    from rich.text import Text

    shown = [step for step in document["steps"] if not _silent(step)]
    columns = columns_of(shown, width)
    for step in shown:
        mark, colour = _MARKS.get(verdict_of(step)[1], (" ", ""))
        phase = f"{step['phase'] or step['type']:<{_PHASE}}" if width >= _WIDE else ""
        first, *below = step_lines(step, columns, _remark(step), mark=f"{mark} ", extra=phase, running=True)
        line = Text(first, no_wrap=True, overflow="crop")
        line.stylize(colour, 0, 1)
        line.stylize("dim", 2 + columns.name + columns.state + columns.time + 2)
        yield line
        yield from (Text(text, style="dim", no_wrap=True, overflow="crop") for text in below)


def _silent(step: Mapping[str, Any]) -> bool:
    return step["type"] in {"Condition", "Fail"} and verdict_of(step)[1] in {"Passed", "Succeeded"}
