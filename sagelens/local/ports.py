"""What the rooms of the local SageMaker know of one another.

Everything runs on one asyncio loop in the service's process; jobs and model servers are other processes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "STAMPS",
    "Alarms",
    "ApiError",
    "Call",
    "Clock",
    "Document",
    "Handler",
    "Metrics",
    "Objects",
    "Process",
    "Processes",
    "Request",
    "Resource",
    "Spawn",
]

STAMPS = "LocalStamps"
"""The member of a job that ended well which tells in what state it left each output, by URI. No client sees it."""

Document = dict[str, Any]
Request = dict[str, Any]
Handler = Callable[[Request], Awaitable[Document]]
"""Serves one operation: the decoded and validated request in, the answer out, both in AWS's own field names.
Timestamps are floats (seconds since the epoch), blobs are bytes."""

Call = Callable[[str, Request], Awaitable[Document]]
"""Performs an operation as a client would, validation included: `await call("sagemaker.CreateModel", {...})`."""


class ApiError(Exception):
    """What a client sees: AWS's code (`ValidationException`, `ResourceNotFound`, `ResourceInUse`, …), message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One thing that the service keeps. `body` holds, in AWS's field names, what Describe answers beside the fields here.

    `kind` is the shape's noun: Pipeline, PipelineExecution, PipelineExecutionStep, ProcessingJob, TrainingJob, TransformJob,
    Model, ModelPackageGroup, ModelPackage, EndpointConfig, Endpoint. `parent` is the owner's name (an execution's pipeline, a
    package's group) or "".
    """

    kind: str
    arn: str
    name: str
    parent: str = ""
    status: str = ""
    created: float = 0.0
    modified: float = 0.0
    body: Document = field(default_factory=dict)


class Clock(Protocol):
    """The service's clock; it may run faster than the wall's. `label` says which one it is: `1x`, `60x`, `driven`."""

    @property
    def label(self) -> str: ...

    def time(self) -> float:
        """Seconds since the epoch, on this clock."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Metrics(Protocol):
    """Takes observations. Called for every request that an endpoint answers, so it costs microseconds."""

    def record(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        """One observation, now on the service's clock. The dimensions must stay as they are: they are read later."""
        ...


class Alarms(Protocol):
    """The states of alarms, as CloudWatch names them: OK, ALARM, INSUFFICIENT_DATA."""

    def state(self, name: str) -> tuple[str, str] | None:
        """State and reason; None for an alarm that does not exist."""
        ...

    def subscribe(self, names: Sequence[str], told: Callable[[str, str, str], None]) -> Callable[[], None]:
        """Call `told(name, state, reason)` at once whenever one of them changes; the answer ends that."""
        ...


class Objects(Protocol):
    """The object store: `s3://bucket/key` is the file `<root>/bucket/key`."""

    root: Path

    def path(self, uri: str) -> Path:
        """The file or folder that an s3:// URI names; ApiError ValidationException for anything else or outside the root."""
        ...

    def uri(self, path: Path) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Spawn:
    """A process to start. `call` is `module:function`, called without arguments in a fork of a warm interpreter of `family`;
    or `command`, a program with its arguments, started fresh. Exactly one of the two. `lasting` marks a process that stays: it is
    forked only from an interpreter that stays as well, and started afresh until there is one. `view` is what it may see and
    change of the file system (`sagelens.local.forking.confine`); without one, all that its user may."""

    family: str = ""
    call: str = ""
    command: Sequence[str] = ()
    argv: Sequence[str] = ()
    env: Mapping[str, str]
    cwd: Path
    log: Path
    lasting: bool = False
    view: Mapping[str, Any] | None = None


class Process(Protocol):
    pid: int

    async def wait(self) -> int:
        """The exit code; minus the signal's number when killed by one."""
        ...

    def terminate(self) -> None:
        """SIGTERM to the process's group."""
        ...

    def kill(self) -> None: ...


class Processes(Protocol):
    """Starts processes, forked from a warm interpreter where that is possible and safe."""

    async def spawn(self, spawn: Spawn) -> Process: ...
