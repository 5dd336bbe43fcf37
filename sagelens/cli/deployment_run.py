"""Running the deployment pipeline for one model package, watched; and what its page is drawn from."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sagelens.cli.deployment_metrics import observed_of
from sagelens.cli.deployment_view import DeploymentView
from sagelens.cli.deployment_watch import Lookout, Watching, clock_of
from sagelens.cli.execution import Document
from sagelens.cli.pipelines import execute
from sagelens.cli.target import Connection
from sagelens.cli.view import Progress
from sagelens.deployment import Journal, Record
from sagelens.errors import Interrupted
from sagelens.pipeline.compose import Compiled
from sagelens.pipeline.plan import pipeline_name
from sagelens.text.hint import hint

if TYPE_CHECKING:
    from sagelens.evaluation.report import Deployment

__all__ = ["PIPELINE", "deployments_during", "material_of", "parameters_of", "run_deployment", "user_name", "watched"]

PIPELINE = "deployment"
_RECENT = 20
_SLACK = 2.0
"""Seconds: records are timed by the answers' Date, which has whole seconds."""


def run_deployment(
    connection: Connection, compiled: Compiled, package: str, *, lookout: Lookout, reason: str = "", as_json: bool = False
) -> Document:
    """Deploy an approved model package; the execution's document when it has ended."""
    parameters = parameters_of(package, reason=reason)
    with watched(connection, lookout, as_json=as_json) as steps:
        try:
            return execute(connection, compiled, parameters, watch=steps)
        except Interrupted as error:
            said = f"An update that SageMaker has begun goes on; {hint('deploy', package)} follows it again."
            raise Interrupted(f"{error.message} {said}") from error


def parameters_of(package: str, *, reason: str = "") -> dict[str, str]:
    """Those of the deployment pipeline."""
    return {"ModelPackageArn": package, "DeployedBy": user_name(), **({"Reason": reason} if reason else {})}


@contextmanager
def watched(connection: Connection, lookout: Lookout, *, as_json: bool) -> Iterator[Callable[[Document], None]]:
    """A context in which a deployment is shown; gives what shows the steps of its pipeline where lines are printed."""
    with DeploymentView(as_json=as_json) as view, Watching(lookout, view, pause=connection.poll[1]):
        if as_json or view.live:
            yield _unseen
        else:
            with Progress() as steps:
                yield steps


def _unseen(_: Document) -> None:
    pass


def user_name() -> str:
    """Who is signed in on this machine; empty where nobody is known, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def deployments_during(connection: Connection, documents: Iterable[Document]) -> list[Record]:
    """The journal's records of the executions of the deployment pipeline among these, the earliest first."""
    project = connection.project
    ours = [document for document in documents if document["pipeline"] == pipeline_name(project.name, PIPELINE)]
    if not ours:
        return []
    journal = Journal(connection.s3, project.environment.bucket, project.deployment.endpoint)
    records = [journal.read(key) for key in journal.keys()[:_RECENT]]
    return [record for record in reversed(records) if any(_overlap(record, document) for document in ours)]


def _overlap(record: Record, document: Document) -> bool:
    """One endpoint has one deployment at a time, so what was written while an execution ran is that execution's."""
    ended = document.get("finished") or float("inf")
    return bool(record.updated >= document["started"] - _SLACK and record.started <= ended + _SLACK)


def material_of(connection: Connection, records: Sequence[Record]) -> list[Deployment]:
    """For the report: the records, with what CloudWatch told of them."""
    from sagelens.evaluation.report import Deployment

    if not records:
        return []
    environment, clock = connection.project.environment, clock_of(connection.sagemaker.list_endpoints(MaxResults=1))
    return [
        Deployment(
            journal=record.to_json(),
            observed=observed_of(
                record,
                bucket=environment.bucket,
                variant=connection.project.deployment.variant,
                clock=clock,
                cloudwatch=connection.clients.get("cloudwatch"),
                s3=connection.s3,
            ),
        )
        for record in records
    ]
