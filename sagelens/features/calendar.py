"""The calendar, on whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["day_of_week"]

_THURSDAY = 3  # the weekday of 1970-01-01, from which numpy counts days


def day_of_week(year: npt.NDArray[Any], month: npt.NDArray[Any], day: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Monday is 0."""
    months = (year.astype(np.int64) - 1970) * 12 + (month.astype(np.int64) - 1)
    first_days = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    return (first_days + (day.astype(np.int64) + (_THURSDAY - 1))) % 7
