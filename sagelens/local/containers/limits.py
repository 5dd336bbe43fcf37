"""What an instance type has, as limits of a container on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Limits", "limits_of", "this_machine"]

GIB = 1024**3
_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "9xlarge": 36, "12xlarge": 48, "16xlarge": 64,
          "18xlarge": 72, "24xlarge": 96}  # fmt: skip
"""vCPU by size, the same in all families of general use."""
_MEMORY = {"c": 2, "m": 4, "r": 8}
"""GiB for each vCPU, by the family's first letter."""
_BURSTING = {"medium": (2, 4), "large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32)}
"""The t families."""
_ACCELERATED = {
    "g4dn.xlarge": (4, 16),
    "g4dn.2xlarge": (8, 32),
    "g5.xlarge": (4, 16),
    "g5.2xlarge": (8, 32),
    "p3.2xlarge": (8, 61),
}


@dataclass(frozen=True)
class Limits:
    """`memory` is in bytes."""

    cpus: float
    memory: int


def this_machine() -> Limits:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Limits(cores, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def limits_of(instance_type: str, machine: Limits) -> Limits:
    """What `ml.<family>.<size>` has, but no more than this machine; all of the machine for a type that is not known here."""
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    if found := _ACCELERATED.get(f"{family}.{size}"):
        cpus, memory = found
    elif family.startswith("t"):
        cpus, memory = _BURSTING.get(size, (0, 0))
    else:
        cpus = _SIZES.get(size, 0)
        memory = cpus * _MEMORY.get(family[:1], 0)
    if not cpus or not memory:
        return machine
    return Limits(min(cpus, machine.cpus), min(memory * GIB, machine.memory))
