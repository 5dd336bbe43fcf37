"""What the three kinds of jobs have in common: their names in AWS's API, and the values that pass between the modules here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sagelens.local.ports import Clock, Document, Objects

if TYPE_CHECKING:
    from sagelens.local.endpoints.server import Servers
    from sagelens.local.jobs.runtime import JobRuntime

__all__ = ["Ending", "Exit", "Job", "JobFailed", "Noun", "Running", "Status", "Tools", "log_path", "reason"]

LONGEST_REASON = 1024


class Noun(StrEnum):
    """The kinds, as they appear in names of operations and fields."""

    PROCESSING = "Processing"
    TRAINING = "Training"
    TRANSFORM = "Transform"

    @property
    def kind(self) -> str:
        return f"{self}Job"

    @property
    def arn_type(self) -> str:
        return f"{self.lower()}-job"

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/{self}Jobs"


class Status(StrEnum):
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class JobFailed(Exception):
    """The job cannot go on; the text is its FailureReason, which starts with AWS's word for whose fault it is."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job to run. `root` is what its container would have as `/`."""

    noun: Noun
    name: str
    arn: str
    request: Document
    root: Path
    log: Path

    @property
    def scratch(self) -> Path:
        """What its container would have as `/tmp`; gone when the job has ended."""
        return self.root / "tmp"

    def inside(self, path: str) -> Path:
        """The file that the job knows by this absolute path."""
        parts = Path(path).parts[1:]
        if not path.startswith("/") or ".." in parts:
            raise JobFailed(f"ClientError: the container path '{path}' has to be absolute and without '..'.")
        return self.root.joinpath(*parts)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended; `body` is laid over what Describe answers."""

    status: Status
    body: Document = field(default_factory=dict)


class Running(Protocol):
    """A job under way."""

    async def run(self) -> Ending:
        """Run to the end; JobFailed or ApiError when it cannot."""
        ...

    def stop(self) -> None:
        """Ask it to end early; `run` then answers with Stopped."""
        ...


@dataclass(frozen=True)
class Exit:
    """How the process ended: its code, and whether it was asked to, or ran out of time."""

    code: int
    stopped: bool = False
    timed_out: bool = False


def log_path(logs: Path, noun: Noun, name: str) -> Path:
    """`<logs>/<group>/<stream>`, with `<job name>/algo-1` for the stream."""
    return logs / noun.log_group.lstrip("/") / name / "algo-1"


def reason(text: str) -> str:
    """Cut to what AWS keeps."""
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What running a job takes. `servers` are those of transform jobs."""

    objects: Objects
    clock: Clock
    runtime: JobRuntime
    servers: Servers
