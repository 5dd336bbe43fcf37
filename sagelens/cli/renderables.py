"""What rich draws at whatever width it has: text under its own beginning, and names cut in their middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelens.cli.screen import cells, shorten, wrap

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

__all__ = ["Hanging", "Name"]

_SHORTEST = 12  # columns that a name keeps


@dataclass(frozen=True)
class Hanging:
    """A text after `head`, broken between words; its further lines begin below its first word, or at `indent` columns."""

    head: str
    text: str
    style: str = ""
    indent: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        rest = " " * (len(self.head) if self.indent is None else self.indent)
        for line in wrap(self.text, options.max_width, first=self.head, rest=rest):
            yield Text(line, style=self.style)


@dataclass(frozen=True)
class Name:
    """A name in a column of a table that gives way."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        yield Text(shorten(self.text, options.max_width), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        longest = cells(self.text)
        return Measurement(min(longest, _SHORTEST), longest)
