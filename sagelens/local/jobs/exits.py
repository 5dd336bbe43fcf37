"""What is said of a process that ended badly."""

from __future__ import annotations

import signal
from pathlib import Path

__all__ = ["exit_text", "left_message"]


def exit_text(code: int) -> str:
    """`exit code: 3`, or which signal killed it."""
    number = -code if code < 0 else 0
    if number == signal.SIGKILL:
        return "killed (signal 9), perhaps out of memory"
    if number:
        try:
            return f"killed by {signal.Signals(number).name} (signal {number})"
        except ValueError:
            return f"killed (signal {number})"
    return f"exit code: {code}"


def left_message(path: Path, longest: int = 1024) -> str:
    """What a program left at /opt/ml/output/message or failure."""
    try:
        with path.open("rb") as file:
            return file.read(4 * longest).decode("utf-8", "replace").strip()[:longest]
    except OSError:
        return ""
