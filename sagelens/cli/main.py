"""Where the command `sagelens` enters.

Against the local service the work is handed to a warm interpreter, so that nothing heavy is imported here. This module and all
that it imports before it decides are the standard library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main", "option_of", "warm_main"]

_WARM = frozenset(
    {
        "compile", "deploy", "endpoints", "follow", "invoke", "logs", "models", "report", "rollback", "run", "runs", "show",
        "traffic", "validate",
    }
)  # fmt: skip
_COLD = frozenset({"--help", "-h", "--version", "--dry-run"})
"""What needs no service."""


def main() -> None:
    sys.exit(_run(sys.argv[1:]))


def warm_main() -> None:
    """The same, inside a warm interpreter: never looks for another one."""
    sys.exit(_run_here(sys.argv[1:]))


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] in _WARM and not _COLD.intersection(argv) and _environment(argv) == "local":
        root = _root(Path.cwd())
        if root is not None:
            code = _run_warm(root, argv)
            if code is not None:
                return code
    return _run_here(argv)


def _run_warm(root: Path, argv: Sequence[str]) -> int | None:
    """The exit code of the command run by the local service's warm interpreter; None where there is none."""
    from sagelens.cli.service import ensure_service
    from sagelens.errors import SagelensError
    from sagelens.local.warm import run_warm

    try:
        ensure_service(root, option_of(argv, "--runtime"))  # replacing the service later would end this very command
    except SagelensError as error:
        return _report(error, argv)
    return run_warm(list(argv), root)


def _report(error: object, argv: Sequence[str]) -> int:
    from sagelens.cli.failure import report_failure
    from sagelens.cli.hints import remember_environment
    from sagelens.errors import SagelensError

    assert isinstance(error, SagelensError)
    remember_environment(argv)
    return report_failure(error, as_json="--json" in argv)


def _run_here(argv: Sequence[str]) -> int:
    from sagelens.cli.app import run_app

    return run_app(argv)


def _environment(argv: Sequence[str]) -> str:
    return option_of(argv, "--env") or os.environ.get("SAGELENS_ENV", "local")


def option_of(argv: Sequence[str], name: str) -> str | None:
    """The value of an option, before anything is parsed."""
    for position, word in enumerate(argv):
        if word == name and position + 1 < len(argv):
            return argv[position + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _root(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / "configs").is_dir() and (folder / "pipelines").is_dir():
            return folder
    return None
