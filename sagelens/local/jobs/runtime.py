"""How a job's program comes to its inputs, runs and leaves its outputs; and the runtime of processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sagelens.local.forking.views import Views
from sagelens.local.jobs.exits import exit_text
from sagelens.local.jobs.inputs import link_inputs
from sagelens.local.jobs.job import Job
from sagelens.local.jobs.outputs import archive, publish
from sagelens.local.jobs.program import spawn_of
from sagelens.local.ports import Document, Objects, Process, Processes, Spawn

__all__ = ["JobRuntime", "ProcessRuntime", "Program"]

_NOT_FOR_JOBS = ("MLFLOW_", "SAGELENS_EXPERIMENT")  # tracking is the service's


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a job runs. `environment` is what is particular to the job; `code` is where its container would find its code;
    `writable` are folders of objects that it changes while it runs."""

    entrypoint: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    code: Path
    writable: Sequence[Path] = ()


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
    `environment` is what every job starts with; one that asks for network isolation gets no credentials."""

    def __init__(self, objects: Objects, processes: Processes, environment: Mapping[str, str], views: Views) -> None:
        self._objects = objects
        self._processes = processes
        self._environment = {name: value for name, value in environment.items() if not name.startswith(_NOT_FOR_JOBS)}
        self._views = views

    def bring(self, wanted: Mapping[Path, str]) -> None:
        link_inputs(self._objects, wanted)

    async def start(self, job: Job, program: Program) -> Process:
        view = await self._views.of(job.root, writable=program.writable)
        return await self._processes.spawn(self._spawn(job, program, view))

    def publish(self, made: Path, target: Path) -> None:
        publish(made, target)

    def archive(self, made: Path, target: Path) -> None:
        archive(made, target)

    def told(self, job: Job, code: int) -> str:
        del job
        return exit_text(code)

    def _spawn(self, job: Job, program: Program, view: Mapping[str, Any] | None) -> Spawn:
        given = {n: v for n, v in self._environment.items() if not (_isolated(job.request) and n.startswith("AWS_"))}
        return spawn_of(
            job,
            entrypoint=program.entrypoint,
            arguments=program.arguments,
            environment={**given, **program.environment},
            code=program.code,
            view=view,
        )


def _isolated(request: Document) -> bool:
    """Whether a job is to reach nothing over the network: said in two places, by its kind."""
    return bool(request.get("EnableNetworkIsolation") or request.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
