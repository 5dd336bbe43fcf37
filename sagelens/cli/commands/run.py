"""`run` and `compile`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.cli.commands.report import gather, write_page
from sagelens.cli.commands.runs import pipelines_of
from sagelens.cli.deployment_run import PIPELINE, deployments_during, material_of, parameters_of, run_deployment
from sagelens.cli.deployment_watch import Lookout
from sagelens.cli.execution import Document, find_execution, follow, settled
from sagelens.cli.pipelines import composed, execute, source_files_of
from sagelens.cli.result import error_of, evidence_of, facts_of, result_of
from sagelens.cli.screen import complain
from sagelens.cli.target import Connection, connect
from sagelens.cli.view import Progress
from sagelens.errors import BadInput, WaitingForApproval
from sagelens.pipeline.compose import compose
from sagelens.pipeline.selection import select
from sagelens.text.hint import hint

if TYPE_CHECKING:
    from sagelens.evaluation.report import Execution

__all__ = ["RunOptions", "deploy_and_conclude", "dry_run", "follow_started", "print_definition", "run_pipeline"]

_TRAINING = "training"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """`selection`: the steps of `--from`, `--to` and `--only`. `runtime` is the local service's. With `deploy` an
    approved model of a training run is deployed."""

    settings: Sequence[str] = ()
    selection: tuple[str | None, str | None, str | None] = (None, None, None)
    parameters: Sequence[str] = ()
    cache: bool = True
    deploy: bool = True
    runtime: str | None = None


def run_pipeline(name: str, options: RunOptions, *, environment: str, as_json: bool) -> int:
    """Compose, publish, start and follow; a training run that is approved goes on to deployment."""
    connection = connect(environment, settings=options.settings, runtime=options.runtime)
    compiled = composed(connection, name, cache=options.cache)
    first, last, only = options.selection
    selected = select(compiled.parsed(), first=first, last=last, only=only) if any(options.selection) else []
    with ThreadPoolExecutor(1, "aside") as aside:
        following = aside.submit(composed, connection, PIPELINE) if name == _TRAINING and options.deploy else None
        with Progress() as watch:
            documents = [execute(connection, compiled, _parameters(options.parameters), selected=selected, watch=watch)]
        gathered = [aside.submit(gather, connection.s3, documents[0])]
        package = _package_of(connection, documents[0]) if name == _TRAINING else None
        if following is not None and package is not None and package["ModelApprovalStatus"] == "Approved":
            lookout = Lookout(connection, connection.project.deployment.endpoint)
            documents.append(run_deployment(connection, following.result(), package["ModelPackageArn"], lookout=lookout))
            gathered.append(aside.submit(gather, connection.s3, documents[1]))
    return _conclude(connection, documents, gathered, package, as_json=as_json)


def dry_run(name: str, options: RunOptions, *, environment: str, as_json: bool) -> int:
    """Print every request of `run`, those of a deployment that would follow included."""
    from sagelens.cli.commands.dry_run import DryRun, package_arn, print_requests
    from sagelens.project import Approval, find_root, load_project

    project = load_project(find_root(Path.cwd()), environment=environment, settings=options.settings)
    pipelines: list[tuple[str, dict[str, str]]] = [(name, _parameters(options.parameters))]
    if name == _TRAINING and options.deploy and project.environment.approval is Approval.AUTOMATIC:
        pipelines.append((PIPELINE, parameters_of(package_arn(project, "1"))))
    run = DryRun(pipelines=pipelines, settings=options.settings, selection=options.selection, cache=options.cache)
    return print_requests(run, environment=environment, as_json=as_json)


def deploy_and_conclude(connection: Connection, package: str, *, reason: str, as_json: bool) -> int:
    """Deploy an approved package with progress and a summary; returns the exit code."""
    lookout = Lookout(connection, connection.project.deployment.endpoint)
    document = run_deployment(connection, composed(connection, PIPELINE), package, lookout=lookout, reason=reason)
    with ThreadPoolExecutor(1, "aside") as aside:
        gathered = aside.submit(gather, connection.s3, document)
    return _conclude(connection, [document], [gathered], None, as_json=as_json)


def follow_started(run: str, *, environment: str, as_json: bool) -> int:
    """Follow an execution that was started elsewhere or earlier; returns its exit code."""
    connection = connect(environment)
    arn = find_execution(connection, pipelines_of(connection), run)
    with Progress() as watch:
        document = follow(connection, arn, watch, own=False)
    with ThreadPoolExecutor(1, "aside") as aside:
        gathered = aside.submit(gather, connection.s3, document)
    package = _package_of(connection, document) if document["pipeline"].endswith(f"-{_TRAINING}") else None
    return _conclude(connection, [document], [gathered], package, as_json=as_json)


def print_definition(name: str, *, environment: str, settings: Sequence[str]) -> int:
    from sagelens.project import find_root, load_project

    project = load_project(find_root(Path.cwd()), environment=environment, settings=settings)
    compiled = compose(project, name, sources=source_files_of)
    sys.stdout.write(json.dumps(compiled.parsed(), indent=1, sort_keys=True) + "\n")
    return 0


def _parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = [text for text, (_, equals, _) in zip(given, pairs, strict=True) if not equals]
    if wrong:
        raise BadInput(f"--parameter {wrong[0]} is not of the form Name=value.")
    return {name: value for name, _, value in pairs}


def _package_of(connection: Connection, document: Document) -> dict[str, Any] | None:
    """The model package that a succeeded training run registered or found; None when it did not get there."""
    if document["status"] != "Succeeded":
        return None
    arn = facts_of(evidence_of(connection.s3, document, {"registration"})).get("model_package_arn")
    if arn is None:
        return None
    package: dict[str, Any] = connection.sagemaker.describe_model_package(ModelPackageName=arn)
    return package


def _conclude(
    connection: Connection,
    documents: list[Document],
    gathered: Sequence[Future[Execution]],
    package: dict[str, Any] | None,
    *,
    as_json: bool,
) -> int:
    """`gathered` are what the executions left, being read from S3 meanwhile."""
    executions = [future.result() for future in gathered]
    result = result_of(documents, [record for execution in executions for record in execution.evidence.values()])
    documents[0] = settled(connection, documents[0])  # its run in MLflow is shown; those that followed need not be waited for
    deployments = material_of(connection, deployments_during(connection, documents))
    result["report"] = str(write_page(connection, executions, deployments))
    error = next((found for document in documents if (found := error_of(document)) is not None), None)
    if connection.follower is not None:
        from sagelens.cli.aws import cost_of, print_tails

        result["cost"] = cost_of(connection, documents)
        print_tails(connection, documents)
    if error is None and package is not None and package["ModelApprovalStatus"] != "Approved":
        error = WaitingForApproval(
            f"{package['ModelPackageArn']} waits for approval. Give it, and deploy: "
            f"{hint('models', 'approve', str(package['ModelPackageVersion']), '--reason', 'WHY')}."
        )
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        if error is not None:
            complain(error.message)
    else:
        from sagelens.cli.summary import print_summary

        print_summary(documents, result, error)
    return error.exit_code if error is not None else 0
