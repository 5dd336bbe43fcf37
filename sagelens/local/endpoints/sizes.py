"""CapacitySize as instances, and how many steps a size makes of a fleet.

AWS does not say how a percentage becomes instances; here it is rounded up, and is at least one.
"""

from __future__ import annotations

import math

from sagelens.local.ports import Document

__all__ = ["instances", "linear_steps", "rolling_batches"]


def instances(size: Document, count: int) -> int:
    """How many of `count` instances a CapacitySize means: from 1 to all of them."""
    value = int(size["Value"])
    wanted = math.ceil(count * value / 100) if size["Type"] == "CAPACITY_PERCENT" else value
    return max(1, min(wanted, count))


def linear_steps(size: Document, count: int) -> int:
    """The steps of a linear rollout of a fleet of `count` instances; the last one takes what remains."""
    whole = 100 if size["Type"] == "CAPACITY_PERCENT" else count
    return math.ceil(whole / int(size["Value"]))


def rolling_batches(size: Document, count: int) -> int:
    """The batches of a rolling update: of whole instances, so a percentage below one instance makes one for each."""
    return math.ceil(count / instances(size, count))
