"""What a person sees while a pipeline runs: a live table on a terminal, a line a change elsewhere. On standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from sagelens.cli.execution import Document
from sagelens.cli.guard import unguarded
from sagelens.values.plain import plain

__all__ = ["Progress", "verdict_of"]

_MARKS = {
    "Succeeded": "[green]●[/]",
    "Failed": "[red]✗[/]",
    "Executing": "[yellow]◐[/]",
    "Starting": "[yellow]◌[/]",
    "Stopped": "[red]■[/]",
    "Stopping": "[red]□[/]",
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
            self._live.update(_table(document))
            return
        for step in document["steps"]:
            key = (document["execution_id"], step["name"])
            if self._shown.get(key) != step["status"]:
                self._shown[key] = step["status"]
                sys.stderr.write(_line(step) + "\n")
        sys.stderr.flush()


def _line(step: dict[str, Any]) -> str:
    seconds = f"{step['seconds']:.2f} s" if step["seconds"] is not None else ""
    name, status = verdict_of(step)
    return f"{name:<24} {status:<10} {seconds:>8}  {_remark(step)}".rstrip()


def verdict_of(step: Mapping[str, Any]) -> tuple[str, str]:
    """A step's name and state in words that follow its verdict: a condition Succeeds whichever way it went, and the one behind a
    gate is named after the better."""
    if step["type"] != "Condition" or step.get("outcome") is None:
        return step["name"], step["status"]
    return step["name"].removesuffix("-passed"), "Passed" if step["outcome"] else "Stopped"


def _remark(step: dict[str, Any]) -> str:
    if step["failure"]:
        return plain(step["failure"]["message"])
    if step["cache"] == "hit":
        return "unchanged, taken from an earlier run"
    if step["cache"] == "miss" and step["cache_miss_reason"]:
        return plain(step["cache_miss_reason"])
    return ""


def _table(document: Document) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=f"{document['pipeline']} · {document['execution_id']} · {document['status']}", box=None, title_justify="left"
    )
    for heading, justify in (("", "left"), ("step", "left"), ("phase", "left"), ("time", "right"), ("", "left")):
        table.add_column(heading, justify=justify, overflow="ellipsis", no_wrap=True)  # type: ignore[arg-type]
    for step in document["steps"]:
        name, status = verdict_of(step)
        if step["type"] in {"Condition", "Fail"} and status in {"Passed", "Succeeded"}:
            continue
        table.add_row(
            _MARKS.get(status, " "),
            name,
            step["phase"] or step["type"],
            _seconds(step),
            f"[dim]{escape(_remark(step))}[/]",
        )
    return table


def _seconds(step: dict[str, Any]) -> str:
    if step["seconds"] is not None:
        return f"{step['seconds']:.2f} s"
    return f"{time.time() - step['started']:.1f} s" if step["started"] else ""
