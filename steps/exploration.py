"""Visualisation and analytics: what the splits look like, what goes with the label, and what drifts."""

from __future__ import annotations

from sagelens.data import Profile, Table, profile
from sagelens.data.charts import draw
from sagelens.values import Figures

__all__ = ["explore"]


def explore(train: Table, validation: Table, test: Table, *, label: str, time: str) -> tuple[Profile, Figures]:
    """Profile every column by its kind, and draw what is worth a look. `time` is the column that orders the rows."""
    found = profile({"train": train, "validation": validation, "test": test}, target=label, time=time)
    return found, draw(found)
