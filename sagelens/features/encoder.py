"""Categories as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sagelens.features.batch import Coded

__all__ = ["OrdinalEncoder"]

UNKNOWN = -1.0


class OrdinalEncoder:
    """The rank of a category among those seen in training, sorted; -1 for an unknown or missing one."""

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self._ranks = {category: float(rank) for rank, category in enumerate(self.categories)}
        self._last: tuple[Sequence[str], npt.NDArray[np.float32]] = ((), _ranked((), {}))

    @classmethod
    def fit(cls, column: Coded) -> OrdinalEncoder:
        present = np.unique(column.codes)
        return cls(sorted(column.values[code] for code in present.tolist() if code >= 0))

    def transform(self, column: Coded) -> npt.NDArray[np.float32]:
        # A joined column brings the same dictionary every time, so the last one is worth keeping.
        values, ranks = self._last
        if values is not column.values:
            ranks = _ranked(column.values, self._ranks)
            self._last = (column.values, ranks)
        return ranks.take(column.codes, mode="wrap")

    def state(self) -> list[str]:
        return list(self.categories)

    @classmethod
    def from_state(cls, state: Any) -> OrdinalEncoder:
        return cls(state)


def _ranked(values: Sequence[str], ranks: dict[str, float]) -> npt.NDArray[np.float32]:
    """The rank of each value, and one more at the end, which code -1 picks."""
    return np.array([*(ranks.get(value, UNKNOWN) for value in values), UNKNOWN], dtype=np.float32)
