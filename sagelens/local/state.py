"""What a service leaves below `.sagelens/` for others to find it.

The service holds a lock on `service.lock` as long as it lives: a `service.json` without that lock is stale, whatever process
has its pid.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sagelens.errors import BadInput, ServiceUnavailable

__all__ = ["RUNTIMES", "Running", "Settings", "State"]

_POLL = 0.005
RUNTIMES = ("process", "docker")
"""What jobs and model servers can run in."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a service is started with. `clock` is how many times as fast as the wall's its clock runs; `runtime` is what its jobs
    and model servers run in: `process` or `docker`."""

    account: str
    region: str
    clock: float = 1.0
    runtime: str = "process"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A service that answers: what `service.json` holds. `sockets` is the folder of its Unix sockets; `notice` says what `start`
    had to do first, if anything."""

    pid: int
    port: int
    s3_port: int
    access_key: str
    secret_key: str
    account: str
    region: str
    clock: float
    fingerprint: str
    runtime: str
    sockets: str
    sdk_defaults: str
    started: float
    notice: str = ""


class State:
    """The files below `.sagelens/`, which only its owner can read."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.folder = self.root / ".sagelens"
        self.service = self.folder / "service.json"
        self.log = self.folder / "logs" / "service.log"
        self.database = self.folder / "state.db"
        self.clock = self.folder / "clock.json"
        self.sdk_defaults = self.folder / "sdk-defaults.yaml"
        self.objects = self.folder / "objects"
        self.logs = self.folder / "logs"
        self._lock = os.stat_result((0,) * 10)

    def prepare(self) -> None:
        if not self.root.is_dir():
            raise BadInput(f"{self.root} is not a folder. Give the root of a project.")
        try:
            for folder in (self.folder, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise BadInput(
                f"{self.folder} cannot be used for the local SageMaker's state: {error}. It must be a folder of yours."
            ) from error

    def pid(self) -> int:
        """Of the process that holds the lock, whatever `service.json` says, and if there is none."""
        lock = self.folder / "service.lock"
        found = _holder(lock)
        if found is None:
            try:
                found = int(lock.read_text())
            except (OSError, ValueError) as error:
                raise ServiceUnavailable(
                    f"A local SageMaker of {self.root} holds {lock}, and its process is not known. End it by hand."
                ) from error
        return found

    def read(self) -> Running | None:
        """What `service.json` holds; None if it is missing, damaged or another version's."""
        try:
            return Running(**json.loads(self.service.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, running: Running) -> None:
        """Make `service.json` appear at once and whole, readable by its owner only."""
        partial = self.service.with_suffix(".new")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123  a mode is needed
            json.dump(asdict(running), file)
        partial.replace(self.service)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """One process at a time starts or stops the service."""
        with (self.folder / "start.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Held by the service; the operating system lets go of it when the process ends, however it ends."""
        with (self.folder / "service.lock").open("a+") as file:
            deadline = time.monotonic() + 1.0
            while not _try_lock(file.fileno(), fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(f"A local SageMaker of {self.root} runs already. See `sagelens local status`.")
                time.sleep(_POLL)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._lock = os.fstat(file.fileno())
            yield

    def lost(self) -> bool:
        """Whether the lock that this process holds is no longer where others look for it: the folder was removed, or moved."""
        try:
            return not os.path.samestat(self._lock, (self.folder / "service.lock").stat())
        except OSError:
            return True

    def served(self) -> bool:
        try:
            with (self.folder / "service.lock").open() as file:
                return not _try_lock(file.fileno(), fcntl.LOCK_SH)
        except FileNotFoundError:
            return False


def _holder(lock: Path) -> int | None:
    """The process that holds a lock on the file, as the kernel tells (Linux)."""
    try:
        inode = lock.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "->" not in words and words[1] == "FLOCK" and words[3] == "WRITE" and int(words[5].rpartition(":")[2]) == inode:
                return int(words[4])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
