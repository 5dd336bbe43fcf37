"""Views of the file system for processes of the service, where this system allows them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sagelens.local.bootstrap import LIBRARY
from sagelens.local.forking import confine

__all__ = ["Views"]

_log = logging.getLogger(__name__)


class Views:
    """`needed` are folders that every process must see, wherever they lie. Whether views can be had is tried once, when first
    asked; `impossible` gives the reason instead of trying."""

    def __init__(self, *needed: Path, impossible: str = "") -> None:
        interpreter = {sys.prefix, sys.base_prefix, sys.exec_prefix, LIBRARY}
        self._needed = (*needed, *(Path(path) for path in sorted(interpreter)))
        self._impossible = impossible
        self._tried: asyncio.Task[str] | None = None

    async def missing(self) -> str:
        """Why there are none here; empty where there are."""
        if self._impossible:
            return self._impossible
        if self._tried is None:
            self._tried = asyncio.create_task(_try())
        return await asyncio.shield(self._tried)

    async def of(self, root: Path, *, writable: Iterable[Path] = ()) -> dict[str, Any] | None:
        """The plan of a process that may change `root` and `writable`; None where there are no views."""
        if await self.missing():
            return None
        return confine.plan_of(root, writable=writable, needed=self._needed)


async def _try() -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(Path(confine.__file__)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode == 0:
        return ""
    reason = said.decode(errors="replace").strip().rpartition("\n")[2] or f"it ended with {process.returncode}"
    _log.warning("jobs have no view of the file system of their own: %s", reason)
    return reason
