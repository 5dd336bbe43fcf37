"""How a failure is shown: one message on standard error, or one JSON object on standard output."""

from __future__ import annotations

import json
import sys
from typing import Any

from sagelens.errors import SagelensError

__all__ = ["EMPTY_RESULT", "report_failure"]

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
        failure = {"kind": error.kind, "step": None, "message": error.message}
        sys.stdout.write(json.dumps(EMPTY_RESULT | {"error": failure}) + "\n")
    sys.stderr.write(f"sagelens: {error.message}\n")
    return error.exit_code
