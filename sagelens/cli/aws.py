"""What running on AWS adds to a command: the estimate before, the figures and logs after."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagelens.aws.costs import Estimate, Job, actual, check_budget, estimate, jobs_of
from sagelens.aws.definition import DefinedStep, Resolver, steps_of
from sagelens.aws.recorded import recall, seconds_in
from sagelens.aws.refusals import check_bucket
from sagelens.cli.execution import Document, latest_finished
from sagelens.cli.screen import complain, reflow, width_of
from sagelens.cli.target import Connection
from sagelens.pipeline.compose import Compiled
from sagelens.pipeline.plan import pipeline_name
from sagelens.project import Project
from sagelens.text.hint import hint

if TYPE_CHECKING:
    from sagelens.aws.requests import Request

__all__ = ["SENDER", "check_start", "cost_of", "estimate_of", "estimate_text", "jobs_requests", "print_tails", "tracked"]

SENDER = "SageMaker Pipelines"
_TAIL = 20


def jobs_requests(compiled: Compiled, parameters: Mapping[str, str], selected: Sequence[str], project: Project) -> list[Request]:
    """The requests that SageMaker Pipelines will make for the steps, in an order in which they can run."""
    from graphlib import TopologicalSorter

    from sagelens.aws.requests import Request

    parsed = compiled.parsed()
    steps = steps_of(parsed)
    defaults = {given["Name"]: given["DefaultValue"] for given in parsed.get("Parameters", ()) if "DefaultValue" in given}
    place = project.environment
    arn = f"arn:aws:sagemaker:{place.region}:{place.account}:pipeline/{compiled.name}"
    resolver = Resolver(steps, {**defaults, **parameters}, {"PipelineName": compiled.name, "PipelineArn": arn})
    order = TopologicalSorter({name: step.depends_on for name, step in steps.items()}).static_order()
    return [
        Request("sagemaker", steps[name].operation or "", resolver.request(steps[name]), SENDER, name)
        for name in order
        if steps[name].operation and (not selected or name in selected)
    ]


def estimate_of(
    project: Project, compiled: Compiled, requests: Iterable[Request], recorded: Mapping[str, float]
) -> Estimate | None:
    """None where the environment has no prices. A deployment's estimate has the endpoint and its second fleet too."""
    from sagelens.cli.deployment_run import PIPELINE

    environment = project.environment
    if environment.costs is None:
        return None
    jobs = list(jobs_of(((request.step or "", request.parameters) for request in requests), environment))
    if compiled.name != pipeline_name(project.name, PIPELINE):
        return estimate(jobs, environment.costs, recorded=recorded)
    from sagelens.aws.rollout import extra_instance_hours

    extra = extra_instance_hours(project)
    return estimate(jobs, environment.costs, recorded=recorded, endpoint=environment.endpoint, extra_instance_hours=extra)


def check_start(connection: Connection, compiled: Compiled, parameters: Mapping[str, str], selected: Sequence[str]) -> None:
    """Show what the run is estimated to cost. Raises Refused above the budget, NotFound without the bucket; nothing was sent."""
    project = connection.project
    environment = project.environment
    check_bucket(connection.s3, environment.bucket, environment.name)
    if environment.costs is None:
        return
    recorded = recall(project.root, environment.name, compiled.name) | _recorded(connection, compiled.name)
    found = estimate_of(project, compiled, jobs_requests(compiled, parameters, selected, project), recorded)
    assert found is not None
    sys.stderr.write(reflow(estimate_text(found), width_of(sys.stderr)))
    check_budget(found)
    connection.estimates[compiled.name] = found


def _recorded(connection: Connection, pipeline: str) -> dict[str, float]:
    """From the last execution that ended, whoever started it."""
    arn = latest_finished(connection, pipeline)
    assert connection.follower is not None
    return seconds_in(connection.follower.look(arn)) if arn else {}


def estimate_text(found: Estimate) -> str:
    bounded = [step.step for step in found.steps if step.basis == "limit"]
    budget = f", budget {found.budget:g}" if found.budget is not None else ""
    lines = [f"Estimated cost: {found.total:.2f} {found.currency}{budget}"]
    if bounded:
        lines.append(f"  at most, since there is no recorded time of: {', '.join(bounded)}")
    if found.endpoint is not None and found.endpoint.hourly is not None:
        served = found.endpoint
        lines.append(
            f"  endpoint {served.instances} x {served.instance_type}: {served.hourly:.3f} {found.currency} an hour; "
            f"this deployment adds {served.extra_instance_hours:g} instance-hours, {served.deployment:.2f} {found.currency}"
        )
    lines += [f"  warning: {warning}" for warning in found.warnings]
    return "\n".join([*lines, f"  {found.note}", ""])


def cost_of(connection: Connection, documents: Iterable[Document]) -> dict[str, Any] | None:
    """What executions were estimated to cost and did cost, by pipeline; None where the environment has no prices."""
    environment = connection.project.environment
    if environment.costs is None or connection.follower is None:
        return None
    found = {}
    for document in documents:
        jobs = _jobs(connection.follower.definition(document["execution_arn"]), connection.project)
        guessed = connection.estimates.get(document["pipeline"])
        found[document["pipeline"]] = {
            "estimate": guessed.to_json() if guessed else None,
            "actual": actual(document, jobs, environment.costs),
        }
    return found


def _jobs(steps: Mapping[str, DefinedStep], project: Project) -> list[Job]:
    """Instances stand in a definition as they are, whatever else refers to parameters."""
    return list(jobs_of(((step.name, step.arguments) for step in steps.values()), project.environment))


def tracked(connection: Connection, document: Document) -> Document:
    """Project an ended execution into MLflow. A tracking server that fails costs a warning, not the run."""
    from pathlib import Path

    from sagelens.aws.tracking import project
    from sagelens.tracking.sqlite import sqlite_uri

    assert connection.follower is not None
    settings, state = connection.project.environment.tracking, connection.project.root / ".sagelens"
    state.mkdir(mode=0o700, exist_ok=True)
    try:
        tracking = project(
            document,
            uri=settings.uri or sqlite_uri(state / "mlflow.db", Path.cwd()),
            experiment=settings.experiment or document["pipeline"],
            artifacts=None if settings.uri else (state / "mlartifacts").as_uri(),
            s3=connection.s3,
        )
    except Exception as error:  # noqa: BLE001 - whatever a tracking server does, the run has ended and its evidence is kept
        complain(
            f"MLflow does not show {document['execution_arn']}: {type(error).__name__}: {error}. "
            f"{hint('follow', document['execution_id'])} tries again."
        )
        return document
    document = document | {"tracking": tracking}
    connection.follower.write(document)
    return document


def print_tails(connection: Connection, documents: Iterable[Document]) -> None:
    """Show the last lines of the log of each job that failed."""
    from botocore.exceptions import ClientError

    logs = connection.clients.get("logs")
    for step in (step for document in documents for step in document["steps"]):
        if step["status"] != "Failed" or not step["log_group"]:
            continue
        try:
            page = logs.get_log_events(logGroupName=step["log_group"], logStreamName=step["log_stream"], limit=_TAIL)
        except ClientError as error:
            complain(f"The log of step '{step['name']}' cannot be read: {error.response['Error'].get('Message')}", head="")
            continue
        complain(f"The last lines of step '{step['name']}' ({step['log_group']} {step['log_stream']}):", head="")
        sys.stderr.writelines("  " + event["message"].rstrip("\n") + "\n" for event in page["events"])
