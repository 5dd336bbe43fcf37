"""Whether a file is the one that was read before, told without reading it again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["is_settled", "stamp_of"]

_SETTLED = 2_000_000_000  # ns; FAT has times of two seconds, the coarsest there are


def stamp_of(path: Path) -> list[int]:
    """What the system says of a file: device, inode, size in bytes, times of change of content and of all else, in ns."""
    stat = path.stat()
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def is_settled(stamp: Sequence[int], *, now: int | None = None) -> bool:
    """Whether a file had not changed for two seconds, so that another change shows in its stamp. `now` is in nanoseconds.

    Times are only as fine as the clock behind them: a file that changed just now may change again within the same moment, to the
    same size. Git's index knows such files as "racily clean".
    """
    return max(stamp[-2:]) + _SETTLED < (time.time_ns() if now is None else now)
