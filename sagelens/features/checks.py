"""What must not, and what had better not, be a feature."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadConfig

__all__ = ["OutsideTrainingRange", "refuse_leaks", "warn_outside_training_range"]


class OutsideTrainingRange(UserWarning):
    """A feature takes values in the test rows that training never saw."""


def refuse_leaks(columns: Collection[str], *, leaks: Collection[str], label: str) -> None:
    """Refuse columns that are not known when a prediction is asked for."""
    if label in columns:
        raise BadConfig(f"The label '{label}' is among the features. Remove it from configs/ features, or from what is derived.")
    leaking = sorted(set(columns) & set(leaks))
    if leaking:
        raise BadConfig(
            f"Features {', '.join(leaking)} leak: preparation.leaks says that they are not known when a prediction is asked for. "
            "Remove them from configs/ features, or from what is derived."
        )


def warn_outside_training_range(
    names: Sequence[str], train: npt.NDArray[np.float32], test: npt.NDArray[np.float32], *, share: float = 0.05
) -> None:
    """Warn of each feature of which more than this share of the test rows lies outside the range of the training rows."""
    for column, name in enumerate(names):
        lowest, highest = np.fmin.reduce(train[:, column]), np.fmax.reduce(train[:, column])
        values = test[:, column]
        outside = float(np.mean((values < lowest) | (values > highest))) if values.size else 0.0
        if outside > share:
            warnings.warn(
                f"Feature '{name}': {outside:.0%} of the test rows lie outside its training range, {lowest:g} to {highest:g}. "
                "A model cannot learn what such values mean; leave the feature out or replace it by one that recurs.",
                OutsideTrainingRange,
                stacklevel=2,
            )
