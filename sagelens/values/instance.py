"""Types of SageMaker instances."""

from __future__ import annotations

import re

__all__ = ["has_local_storage"]

_DISKS = re.compile(r"[a-z]+\d+[a-z]*d[a-z]*")
_FAMILIES = frozenset({"dl1", "g5", "g6", "g6e", "gr6", "i3", "i3en", "i4i", "p5", "p5e", "p5en", "trn1", "trn1n", "trn2"})


def has_local_storage(instance_type: str) -> bool:
    """Whether the type (such as `ml.m5d.large`) has disks of its own. Their hardware encrypts them; jobs refuse a key for them.

    AWS marks such families by a `d` after the generation, and has some older and some special ones without it.
    """
    family = instance_type.removeprefix("ml.").partition(".")[0]
    return family in _FAMILIES or _DISKS.fullmatch(family) is not None
