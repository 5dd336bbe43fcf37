"""`run` and `compile`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.cli.commands.report import gather, write_page
from sagelens.cli.execution import Document, follow, settled, start
from sagelens.cli.result import error_of, evidence_of, facts_of, result_of
from sagelens.cli.target import Connection, connect
from sagelens.cli.view import Progress
from sagelens.errors import BadInput, WaitingForApproval
from sagelens.pipeline.compose import Compiled, compose, publish
from sagelens.pipeline.selection import select

if TYPE_CHECKING:
    from sagelens.evaluation.report import Execution

__all__ = ["deploy_and_conclude", "print_definition", "run_pipeline"]

_TRAINING = "training"
_DEPLOYMENT = "deployment"


def run_pipeline(
    name: str,
    *,
    environment: str,
    settings: Sequence[str],
    selection: tuple[str | None, str | None, str | None],
    parameters: Sequence[str],
    cache: bool,
    as_json: bool,
) -> int:
    """Compose, publish, start and follow; a training run that is approved goes on to deployment."""
    connection = connect(environment, settings=settings)
    compiled = _composed(connection, name, cache)
    first, last, only = selection
    selected = select(compiled.parsed(), first=first, last=last, only=only) if any(selection) else []
    with ThreadPoolExecutor(1, "aside") as aside, Progress() as watch:
        following = aside.submit(_composed, connection, _DEPLOYMENT, cache=True) if name == _TRAINING else None
        documents = [_execute(connection, compiled, _parameters(parameters), selected, watch)]
        gathered = [aside.submit(gather, connection.s3, documents[0])]
        package = _package_of(connection, documents[0]) if name == _TRAINING else None
        if following is not None and package is not None and package["ModelApprovalStatus"] == "Approved":
            documents.append(_deploy(connection, following.result(), package["ModelPackageArn"], watch))
            gathered.append(aside.submit(gather, connection.s3, documents[1]))
    return _conclude(connection, documents, gathered, package, as_json=as_json)


def _deploy(connection: Connection, compiled: Compiled, package: str, watch: Any) -> Document:
    """Run the deployment pipeline for an approved model package."""
    return _execute(connection, compiled, {"ModelPackageArn": package}, [], watch)


def deploy_and_conclude(connection: Connection, package: str, *, as_json: bool) -> int:
    """Deploy an approved package with progress and a summary; returns the exit code."""
    with ThreadPoolExecutor(1, "aside") as aside, Progress() as watch:
        document = _deploy(connection, _composed(connection, _DEPLOYMENT, cache=True), package, watch)
        gathered = aside.submit(gather, connection.s3, document)
    return _conclude(connection, [document], [gathered], None, as_json=as_json)


def print_definition(name: str, *, environment: str, settings: Sequence[str]) -> int:
    from sagelens.project import find_root, load_project

    project = load_project(find_root(Path.cwd()), environment=environment, settings=settings)
    compiled = compose(project, name, sources=_source_files)
    sys.stdout.write(json.dumps(compiled.parsed(), indent=1, sort_keys=True) + "\n")
    return 0


def _composed(connection: Connection, name: str, cache: bool) -> Compiled:
    return compose(connection.project, name, sources=_source_files, cache=cache)


def _source_files(project: Any) -> Any:
    from sagelens.cli.sources import source_files

    return source_files(project)


def _execute(
    connection: Connection, compiled: Compiled, parameters: dict[str, str], selected: Sequence[str], watch: Any
) -> Document:
    environment = connection.project.environment
    publish(
        compiled,
        sagemaker=connection.sagemaker,
        s3=connection.s3,
        bucket=environment.bucket,
        role=environment.role,
        tags=connection.tags,
    )
    arn = start(connection, compiled.name, parameters=parameters, selected=selected)
    return follow(connection, arn, watch)


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
    result["report"] = str(write_page(connection, executions))
    error = next((found for document in documents if (found := error_of(document)) is not None), None)
    if error is None and package is not None and package["ModelApprovalStatus"] != "Approved":
        error = WaitingForApproval(
            f"{package['ModelPackageArn']} waits for approval. Run `sagelens models approve "
            f"{package['ModelPackageArn']} --env {connection.project.environment.name}`."
        )
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        if error is not None:
            sys.stderr.write(f"sagelens: {error.message}\n")
    else:
        from sagelens.cli.summary import print_summary

        print_summary(documents, result, error)
    return error.exit_code if error is not None else 0
