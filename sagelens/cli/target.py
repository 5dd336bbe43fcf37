"""The target of a command: a project in one environment, with the clients that reach it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.errors import BadInput
from sagelens.project import Project, Target, find_root, load_project
from sagelens.wiring import Clients, quiet

if TYPE_CHECKING:
    from sagelens.aws.costs import Estimate
    from sagelens.aws.follower import Follower

__all__ = ["Connection", "connect"]


@dataclass
class Connection:
    """`poll` are the shortest and the longest pause in seconds between two looks at something that is under way.

    `follower` keeps execution.json where the service itself does not. `estimates` are those of the executions that were
    started, by the pipeline's name.
    """

    project: Project
    clients: Clients
    poll: tuple[float, float]
    follower: Follower | None = None
    estimates: dict[str, Estimate] = field(default_factory=dict)

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
    return _aws(project)


def _aws(project: Project) -> Connection:
    """Refused for credentials of another account than the environment's."""
    from sagelens.aws.follower import Follower
    from sagelens.aws.refusals import check_account
    from sagelens.aws.tracking import check_tracking

    environment, clients = project.environment, Clients(project.environment.region)
    check_tracking(environment.tracking.uri)
    check_account(clients.get("sts"), environment.account, environment.name)
    follower = Follower(
        sagemaker=clients.get("sagemaker"), s3=clients.get("s3"), logs=clients.get("logs"), bucket=environment.bucket
    )
    return Connection(project, clients, poll=(5.0, 15.0), follower=follower)
