"""pydantic's adapters, one for each annotation, kept: building one takes longer than validating with it."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["adapter_of", "warm"]


def adapter_of(annotation: Any) -> Any:
    """The TypeAdapter of an annotation."""
    try:
        return _kept(annotation)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _made(annotation)


def warm() -> None:
    """Build those that almost every job needs, in a warm interpreter before it forks."""
    from sagelens import project, values
    from sagelens.job.request import StepRequest

    settings = [getattr(project, name) for name in project.__all__ if isinstance(getattr(project, name), type)]
    plain: list[Any] = [bool, int, float, str, tuple[str, ...], dict[str, Any], dict[str, dict[str, Any]]]
    for annotation in (StepRequest, values.Verdict, values.TimeSplit, *settings, *plain):
        adapter_of(annotation)


def _made(annotation: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(annotation)


_kept = cache(_made)
