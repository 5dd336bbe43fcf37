"""Commands in messages, completed so that they work as printed: with the environment that this command was given.

Rooms below know no command line, so their messages say `sagelens follow x` (`sagelens.text.hint`). All text for people goes
through `complete` when it is printed.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from sagelens.cli.main import option_of
from sagelens.text.hint import command_line

__all__ = ["HINT", "complete", "hinted", "remember_environment"]

HINT = re.compile(r"`(sagelens(?: [^`\n]+)?)`")
_DEFAULT = "local"
_said: ContextVar[str | None] = ContextVar("environment to repeat", default=None)


def remember_environment(argv: Sequence[str]) -> None:
    """Note the environment that hints have to repeat: one that was given, or set in the shell and not the default."""
    ambient = os.environ.get("SAGELENS_ENV") or _DEFAULT
    _said.set(option_of(argv, "--env") or (ambient if ambient != _DEFAULT else None))


def complete(text: str) -> str:
    """The text, its hints with the environment where their command takes one."""
    if _said.get() is None or "`sagelens" not in text:
        return text
    return HINT.sub(lambda found: f"`{_completed(found[1])}`", text)


def hinted(*words: str) -> str:
    """A command as one types it, without backticks, completed: for a line of its own."""
    return _completed(command_line(*words))


def _completed(line: str) -> str:
    environment = _said.get()
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        return line
    if environment is None or option_of(words, "--env") is not None or not _takes_environment(words):
        return line
    return f"{line} {shlex.join(['--env', environment])}"


def _takes_environment(words: Sequence[str]) -> bool:
    from sagelens.cli.app import command

    found: Any = command()
    for word in words:
        inner = getattr(found, "commands", {})
        if word not in inner:
            break
        found = inner[word]
    return any("--env" in parameter.opts for parameter in found.params)
