"""How a job's program comes to its inputs, runs and leaves its outputs; and the runtime of processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sagelens.local.jobs.exits import exit_text
from sagelens.local.jobs.inputs import link_inputs
from sagelens.local.jobs.job import Job
from sagelens.local.jobs.outputs import archive, publish
from sagelens.local.jobs.program import spawn_of
from sagelens.local.ports import Objects, Process, Processes, Spawn

__all__ = ["JobRuntime", "ProcessRuntime", "Program"]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a job runs. `environment` is what is particular to the job; `code` is where its container would find its code."""

    entrypoint: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    code: Path


class JobRuntime(Protocol):
    """What a job runs in. The job's folder holds, as in a container, its configuration before and its messages afterwards."""

    def bring(self, wanted: Mapping[Path, str]) -> None:
        """Make each folder show the objects under its URI, or see that they can be; JobFailed when there are none."""
        ...

    async def start(self, job: Job, program: Program) -> Process:
        """Start the program; JobFailed when that cannot be."""
        ...

    def publish(self, made: Path, target: Path) -> None:
        """Have a folder that the job made become objects, unless the runtime has seen to that."""
        ...

    def archive(self, made: Path, target: Path) -> None:
        """The same, as one `.tar.gz` object."""
        ...

    def told(self, job: Job, code: int) -> str:
        """How a program that did not end well did end; JobFailed when it was not the program's doing."""
        ...


class ProcessRuntime:
    """Inputs are links to the objects, a step is a fork of a warm interpreter, outputs are moved into the object store.
    `environment` is what every job starts with."""

    def __init__(self, objects: Objects, processes: Processes, environment: Mapping[str, str]) -> None:
        self._objects = objects
        self._processes = processes
        self._environment = environment

    def bring(self, wanted: Mapping[Path, str]) -> None:
        link_inputs(self._objects, wanted)

    async def start(self, job: Job, program: Program) -> Process:
        return await self._processes.spawn(self._spawn(job, program))

    def publish(self, made: Path, target: Path) -> None:
        publish(made, target)

    def archive(self, made: Path, target: Path) -> None:
        archive(made, target)

    def told(self, job: Job, code: int) -> str:
        del job
        return exit_text(code)

    def _spawn(self, job: Job, program: Program) -> Spawn:
        return spawn_of(
            job,
            entrypoint=program.entrypoint,
            arguments=program.arguments,
            environment={**self._environment, **program.environment},
            code=program.code,
        )
