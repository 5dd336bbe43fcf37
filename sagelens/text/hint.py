"""Commands that a message offers: quoted for a shell, so that they work as they are printed.

A room below the command line does not know which environment a command was given. It writes `hint("runs")`; the command line
adds `--env` where one is needed, when it prints the message (`sagelens.cli.hints`).
"""

from __future__ import annotations

import shlex

__all__ = ["command_line", "hint"]


def command_line(*words: str) -> str:
    """A command of sagelens as one types it: `command_line("logs", "last", "my step")` is `sagelens logs last 'my step'`."""
    return shlex.join(["sagelens", *words])


def hint(*words: str) -> str:
    """The same in backticks, as it stands in a message."""
    return f"`{command_line(*words)}`"
