"""`run --dry-run` and `deploy --dry-run`: every request, in order, and none sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from sagelens.aws.costs import Estimate, check_budget
from sagelens.aws.definition import EXECUTION_ID
from sagelens.aws.recorded import recall
from sagelens.aws.refusals import check_account, check_bucket
from sagelens.aws.requests import DryClients, Request, check
from sagelens.cli.aws import estimate_of, estimate_text, jobs_requests
from sagelens.cli.pipelines import begin
from sagelens.cli.screen import complain, reflow, width_of
from sagelens.cli.sources import source_files
from sagelens.cli.target import Connection
from sagelens.errors import BadInput, Refused
from sagelens.pipeline.compose import Compiled, compose
from sagelens.pipeline.selection import select
from sagelens.project import Project, Target, find_root, load_project
from sagelens.wiring import quiet

__all__ = ["DryRun", "package_arn", "print_requests"]

_STAND_IN = "derived-when-the-command-is-run-"
_DERIVED = {
    "ClientRequestToken": f"of StartPipelineExecution: {_STAND_IN} stands for one that each start makes anew",
    "execution id": f"{EXECUTION_ID} stands for the one that SageMaker chooses; job names end in ten letters of its choice",
    "value-of-...": "stands for what a step writes, which is read when the run gets there",
    "UpdatePipeline": "is sent in place of CreatePipeline where the pipeline exists, nothing where it is the same already",
    "following": "once it has started, the command asks for the execution's state and writes execution.json; this is not listed",
    "DataVersion-...": "is the version of a source in S3, found by listing it when the run starts",
    "PutObject": "none is sent where the marker of the same definition is there already",
}


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """Some pipelines to start, each with its parameters, and the steps of the first that are selected."""

    pipelines: Sequence[tuple[str, Mapping[str, str]]]
    settings: Sequence[str] = ()
    selection: tuple[str | None, str | None, str | None] = (None, None, None)
    cache: bool = True


def print_requests(run: DryRun, *, environment: str, as_json: bool) -> int:
    """Print what would be sent; returns Refused's exit code above the budget. Raises BadConfig for what AWS would refuse."""
    quiet()
    project = load_project(find_root(Path.cwd()), environment=environment, settings=run.settings)
    requests: list[Request] = []
    estimates: dict[str, Estimate] = {}
    for number, (name, parameters) in enumerate(run.pipelines):
        compiled, found = _requests(
            project, name, parameters, run, selection=run.selection if number == 0 else (None, None, None)
        )
        requests += map(check, found)
        recorded = recall(project.root, project.environment.name, compiled.name)
        if estimated := estimate_of(project, compiled, (request for request in found if request.step), recorded):
            estimates[compiled.name] = estimated
    refused = _refused(estimates.values())
    if as_json:
        listing = _listing(project, run, requests, estimates)
        failure = {"error": {"kind": refused.kind, "step": None, "message": refused.message}} if refused else {}
        sys.stdout.write(json.dumps({**listing, **failure}, sort_keys=True) + "\n")
    else:
        sys.stdout.write(reflow(_text(requests, estimates), width_of(sys.stdout)))
    if refused is not None:
        complain(refused.message)
    return refused.exit_code if refused is not None else 0


def _refused(estimates: Iterable[Estimate]) -> Refused | None:
    """What a real run would be refused for; the listing is shown all the same."""
    try:
        for estimated in estimates:
            check_budget(estimated)
    except Refused as error:
        return error
    return None


def _requests(
    project: Project,
    name: str,
    parameters: Mapping[str, str],
    run: DryRun,
    *,
    selection: tuple[str | None, str | None, str | None],
) -> tuple[Compiled, list[Request]]:
    """What our own code sends, by running it on clients that send nothing, and what SageMaker Pipelines sends after that."""
    environment = project.environment
    clients = DryClients(environment.region, environment.account)
    connection = Connection(project, clients, poll=(0.0, 0.0))
    if environment.target is Target.AWS:
        check_account(clients.get("sts"), environment.account, environment.name)
    compiled = compose(project, name, sources=lambda given: source_files(given, clients.get("s3")), cache=run.cache)
    compiled = replace(compiled, versions=dict.fromkeys(compiled.versions, _STAND_IN))
    first, last, only = selection
    selected = select(compiled.parsed(), first=first, last=last, only=only) if any(selection) else []
    if environment.target is Target.AWS:
        check_bucket(clients.get("s3"), environment.bucket, environment.name)
    begin(connection, compiled, parameters, selected=selected)
    given = {**compiled.versions, **parameters}
    return compiled, [*map(_settled, clients.requests), *jobs_requests(compiled, given, selected, project)]


def _settled(request: Request) -> Request:
    """A token that is made anew for each start, replaced by a text that says so."""
    if request.operation != "StartPipelineExecution":
        return request
    return replace(request, parameters={**request.parameters, "ClientRequestToken": _STAND_IN})


def _listing(project: Project, run: DryRun, requests: Sequence[Request], estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {
        "environment": project.environment.name,
        "account": project.environment.account,
        "region": project.environment.region,
        "pipelines": [name for name, _ in run.pipelines],
        "requests": [request.to_json() for request in requests],
        "derived": _DERIVED,
        "estimates": {name: found.to_json() for name, found in estimates.items()},
        "sent": 0,
    }


def _text(requests: Sequence[Request], estimates: Mapping[str, Estimate]) -> str:
    lines = [f"{len(requests)} requests, none of them sent", ""]
    lines += _lines(requests)
    lines += ["", *(f"{name}\n{estimate_text(found)}" for name, found in estimates.items())]
    return "\n".join([*lines, "All of them are valid for AWS, and none holds a secret. --json shows them whole.", ""])


def _lines(requests: Sequence[Request]) -> Iterator[str]:
    for (operation, step), group in groupby(requests, key=lambda request: (request.operation, request.step)):
        several = list(group)
        if operation == "PutObject":
            size = sum(request.size for request in several)
            yield f"  {operation:<26} {len(several)} objects, {size / 1e6:.1f} MB, to s3://{several[0].parameters['Bucket']}"
        else:
            yield f"  {operation:<26} {step or _subject(several[0].parameters):<24} {_instances(several[0].parameters)}".rstrip()


def _subject(parameters: Mapping[str, Any]) -> str:
    fields = ("PipelineName", "Key", "Bucket")
    return str(next((parameters[field] for field in fields if field in parameters), ""))


def _instances(parameters: Mapping[str, Any]) -> str:
    found = (
        parameters.get("ProcessingResources", {}).get("ClusterConfig")
        or parameters.get("ResourceConfig")
        or parameters.get("TransformResources")
        or {}
    )
    return f"{found['InstanceCount']} x {found['InstanceType']}" if "InstanceType" in found else ""


def package_arn(project: Project, model: str) -> str:
    """The ARN of a model package given as one or as a version number. `latest` would have to be asked of AWS."""
    if model.startswith("arn:"):
        return model
    if not model.isdigit():
        raise BadInput(
            f"--dry-run asks AWS nothing, so it cannot tell which model '{model}' is. Give a version number or an ARN."
        )
    place, group = project.environment, project.registration.model_package_group
    return f"arn:aws:sagemaker:{place.region}:{place.account}:model-package/{group}/{model}"
