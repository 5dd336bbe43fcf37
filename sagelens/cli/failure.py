"""How a failure is shown: one message on standard error, or one JSON object on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from sagelens.cli.hints import complete
from sagelens.cli.screen import complain
from sagelens.errors import Defect, SagelensError

__all__ = ["EMPTY_RESULT", "closed_output", "defect", "report_failure"]

EMPTY_RESULT: dict[str, Any] = {
    "execution_arn": None,
    "status": "Failed",
    "steps": [],
    "metrics": {},
    "model_package_arn": None,
    "endpoint_name": None,
    "report": None,
}


def report_failure(error: SagelensError, *, as_json: bool) -> int:
    """Show an error that stopped a command; returns its exit code."""
    if as_json:
        failure = {"kind": error.kind, "step": None, "message": complete(error.message)}
        sys.stdout.write(json.dumps(EMPTY_RESULT | {"error": failure}) + "\n")
    complain(error.message)
    return error.exit_code


def defect(error: Exception) -> Defect:
    """What nobody foresaw, in one line; its traceback goes to a file (or to standard error, where SAGELENS_TRACEBACK=1)."""
    if os.environ.get("SAGELENS_TRACEBACK") == "1":
        traceback.print_exception(error)
        kept = "standard error"
    else:
        kept = _kept("".join(traceback.format_exception(error)))
    said = " ".join(str(error).split())[:200]
    return Defect(
        f"This should not have happened: {type(error).__qualname__}{f': {said}' if said else ''}. It is a defect of "
        f"sagelens, or of the project's code that it called; the traceback is in {kept}."
    )


def _kept(text: str) -> str:
    """Beside the service's logs, or where there is no project, in a temporary file of one's own."""
    logs = next(
        (folder / ".sagelens" / "logs" for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".sagelens").is_dir()), None
    )
    try:
        if logs is not None:
            logs.mkdir(mode=0o700, exist_ok=True)
            file = logs / f"defect-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
            file.write_text(text, encoding="utf-8")
            return str(file)
        number, name = mkstemp(prefix="sagelens-defect-", suffix=".txt")
        with open(number, "w", encoding="utf-8") as opened:  # noqa: PTH123 - a descriptor
            opened.write(text)
    except OSError:
        traceback.print_exc()
        return "standard error"
    return name


def closed_output() -> int:
    """Whoever read the output has gone, as `head` does. Nothing more is written, not even at the interpreter's end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        pass
    return 0
