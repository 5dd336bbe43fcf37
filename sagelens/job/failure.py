"""Whatever a step raises, as an error of ours that names the line of the project it came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sagelens.errors import BadInput, Interrupted, SagelensError, StepFailed, disk_full
from sagelens.values.place import place_of, words_of

__all__ = ["as_ours"]


def as_ours(error: BaseException, roots: Sequence[Path] = ()) -> SagelensError:
    """`roots` hold the project's code. The place comes first, since SageMaker cuts a message at its end.

    Errors that are about data, a config or a verdict say themselves what they are about, and get no place.
    """
    if full := disk_full(error):
        return full
    if isinstance(error, SagelensError) and type(error) is not BadInput:
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("The step was interrupted.")
    place = place_of(error, roots)
    before = f"{place}: " if place else ""
    if isinstance(error, BadInput):
        return BadInput(f"{before}{error.message}")
    return StepFailed(f"{before}{words_of(error)}")
