"""Text from data, for a terminal or a log: shown, not obeyed."""

from __future__ import annotations

import logging
import re

__all__ = ["PlainFormatter", "plain"]

# C0 and C1 controls but tab and line feed; what turns the direction of text (as in "Trojan Source", Boucher and Anderson 2021);
# line and paragraph separators; halves of surrogate pairs, which no encoding writes.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")  # SGR of ECMA-48: looks, and nothing else


def plain(text: str, *, lines: bool = True) -> str:
    r"""The text with every sign that a terminal would obey as the escape of a Python string: `\x1b`, `\r`, `\u202e`. Colours go.
    Tabs stay, and with `lines` the ends of lines do."""
    if text.isprintable():
        return text
    shown = _OBEYED.sub(_escape, _COLOUR.sub("", text))
    return shown if lines else shown.replace("\n", "\\n")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class PlainFormatter(logging.Formatter):
    """A message is one line, whatever it tells of; a traceback has its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = plain(record.message, lines=False)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - likewise
        return plain(super().formatException(ei))  # type: ignore[arg-type]
