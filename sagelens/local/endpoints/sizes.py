"""CapacitySize as the value that a deployer has of it, so that both sides count in the same way.

AWS does not say how a percentage becomes instances: our rule is `Size`'s.
"""

from __future__ import annotations

from sagelens.local.ports import Document
from sagelens.values.quantity import Size

__all__ = ["size_of"]


def size_of(size: Document) -> Size:
    return Size(int(size["Value"]), percent=size["Type"] == "CAPACITY_PERCENT")
