"""Missing numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sagelens.features.batch import Numbers

__all__ = ["MedianImputer"]


class MedianImputer:
    """The median of the training rows in place of a missing number; a column that was never present stays missing."""

    def __init__(self, medians: Sequence[float | None]) -> None:
        self.medians = np.array([np.nan if median is None else median for median in medians], dtype=np.float64)

    @classmethod
    def fit(cls, columns: Sequence[Numbers]) -> MedianImputer:
        return cls([_median(column) for column in columns])

    def transform(self, matrix: npt.NDArray[np.float32]) -> None:
        """Fill a matrix in place, one column for each median."""
        missing = np.isnan(matrix)
        if missing.any():
            np.copyto(matrix, self.medians, where=missing, casting="same_kind")

    def state(self) -> list[float | None]:
        return [None if np.isnan(median) else median for median in self.medians.tolist()]

    @classmethod
    def from_state(cls, state: Sequence[float | None]) -> MedianImputer:
        return cls(state)


def _median(column: Numbers) -> float | None:
    missing = np.isnan(column)
    present = column[~missing] if missing.any() else column
    return float(np.median(present)) if present.size else None
