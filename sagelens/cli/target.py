"""The target of a command: a project in one environment, with the clients that reach it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.errors import BadInput
from sagelens.project import Project, Target, find_root, load_project
from sagelens.wiring import Clients, quiet

__all__ = ["Connection", "connect"]


@dataclass
class Connection:
    """`poll` are the shortest and the longest pause in seconds between two looks at something that is under way."""

    project: Project
    clients: Clients
    poll: tuple[float, float]

    @property
    def sagemaker(self) -> Any:
        return self.clients.get("sagemaker")

    @property
    def s3(self) -> Any:
        return self.clients.get("s3")

    @property
    def tags(self) -> Mapping[str, str]:
        return self.project.tags


def connect(
    environment: str, *, settings: Iterable[str] = (), start: Path | None = None, runtime: str | None = None
) -> Connection:
    """Load the project round the current folder and reach its environment, starting the local service if need be. `runtime` is
    what the local service is to run jobs in; BadInput when the environment is not local."""
    quiet()
    root = find_root(start or Path.cwd())
    project = load_project(root, environment=environment, settings=settings)
    if project.environment.target is Target.LOCAL:
        from sagelens.cli.service import ensure_service, point_at_service

        ensure_service(root, runtime)
        point_at_service(root)
        return Connection(project, Clients(project.environment.region), poll=(0.015, 0.15))
    if runtime is not None:
        raise BadInput(f"--runtime {runtime} is for a local environment; {project.environment.name} runs on AWS. Leave it out.")
    return Connection(project, Clients(project.environment.region), poll=(5.0, 15.0))
