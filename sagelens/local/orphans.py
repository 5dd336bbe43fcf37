"""Servers that outlived the service that started them: ended by the next one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

__all__ = ["end_orphans", "remember"]

_RECORD = "server.json"


def remember(root: Path, pid: int) -> None:
    """Leave in a server's folder which process it is."""
    (root / _RECORD).write_text(json.dumps({"pid": pid, "started": _started(pid)}))


def end_orphans(roots: Path) -> int:
    """End every server that a folder below remembers and whose process still runs; how many there were."""
    ended = 0
    for root in roots.iterdir() if roots.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, KeyError):
            record = json.loads((root / _RECORD).read_text())
            if record["started"] and record["started"] == _started(record["pid"]):
                os.kill(record["pid"], signal.SIGKILL)
                ended += 1
        shutil.rmtree(root, ignore_errors=True)
    return ended


def _started(pid: int) -> str:
    """When a process started, in words that only it has: a number alone is soon given to another process."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607
