"""What to do next, as commands that work as printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.errors import BadInput, StepFailed, error_of_kind
from sagelens.values.hint import hint

__all__ = ["debug_offer"]

_DEBUGGABLE = frozenset({"Processing", "Training"})


def debug_offer(document: Mapping[str, Any]) -> str:
    """For a step that failed by its code or by what it was given: how to run it again in a debugger. Empty for a verdict."""
    error = document["error"]
    if error is None or not issubclass(error_of_kind(error["kind"]), StepFailed | BadInput):
        return ""
    step = next((step for step in document["steps"] if step["name"] == error["step"]), None)
    if step is None or step["type"] not in _DEBUGGABLE or not step["job_arn"]:
        return ""
    words = document["execution_id"], step["name"]
    return f"{hint('debug', *words)} runs it in pdb on the same inputs; {hint('logs', *words)} has all that it wrote."
