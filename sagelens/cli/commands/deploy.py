"""`deploy` and `rollback`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.cli.commands.models import find_package
from sagelens.cli.commands.report import gather, write_page
from sagelens.cli.deployment_result import Conclusion, failure_of, print_deployment
from sagelens.cli.deployment_run import (
    PIPELINE,
    deployments_during,
    material_of,
    parameters_of,
    run_deployment,
    user_name,
    watched,
)
from sagelens.cli.deployment_watch import Lookout
from sagelens.cli.hints import complete
from sagelens.cli.names import unknown_endpoint
from sagelens.cli.pipelines import composed
from sagelens.cli.result import error_of
from sagelens.cli.screen import complain
from sagelens.cli.target import Connection, connect
from sagelens.errors import BadInput, Interrupted, NotFound, SagelensError

if TYPE_CHECKING:
    from sagelens.deployment import Record
    from sagelens.evaluation.report import Execution

__all__ = ["DeployOptions", "deploy_model", "dry_deploy", "roll_back_endpoint", "settings_of"]


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What stands on the command line beside the model; `settings` are those of `--set`."""

    strategies: Sequence[str] = ()
    settings: Sequence[str] = ()
    force: bool = False
    allow_breaking: bool = False
    reason: str = ""
    runtime: str | None = None


def dry_deploy(model: str, options: DeployOptions, *, environment: str, as_json: bool) -> int:
    """Print every request of `deploy` but those of the deployment's job, which depend on what the endpoint serves."""
    from sagelens.cli.commands.dry_run import DryRun, package_arn, print_requests
    from sagelens.project import find_root, load_project

    settings = settings_of(options)
    project = load_project(find_root(Path.cwd()), environment=environment, settings=settings)
    parameters = parameters_of(package_arn(project, model), reason=options.reason)
    run = DryRun(pipelines=[(PIPELINE, parameters)], settings=settings)
    return print_requests(run, environment=environment, as_json=as_json)


def deploy_model(model: str, options: DeployOptions, *, plan: bool, environment: str, as_json: bool) -> int:
    """Deploy a registered model and follow it to its end, or print what that would do; returns the exit code."""
    if plan:
        from sagelens.cli.commands.plan import print_plan

        connection = connect(environment, settings=settings_of(options))
        return print_plan(connection, find_package(connection, model, approved=True), as_json=as_json)
    try:
        connection = connect(environment, settings=settings_of(options), runtime=options.runtime)
        return _deploy(connection, find_package(connection, model, approved=True), options.reason, as_json=as_json)
    except SagelensError as error:
        return _refused(error, as_json=as_json)


def roll_back_endpoint(endpoint: str, *, to: str | None, reason: str, environment: str, as_json: bool) -> int:
    """Put an earlier version behind an endpoint again, under the guardrails of the environment; returns the exit code."""
    try:
        return _roll_back(connect(environment), endpoint, to, reason, as_json=as_json)
    except SagelensError as error:
        return _refused(error, as_json=as_json)


def settings_of(options: DeployOptions) -> list[str]:
    """The options as `--set` would give them; an option takes the place of a `--set` of its key. Raises BadInput."""
    from sagelens.values.grammar import chain_of

    chosen: dict[str, str] = {}
    if options.strategies:
        try:
            chain_of(options.strategies)
        except ValueError as error:
            raise BadInput(f"--strategy: {error}.") from error
        chosen["deployment.strategy"] = json.dumps(list(options.strategies))
    if options.force:
        chosen["deployment.force"] = "true"
    if options.allow_breaking:
        chosen["deployment.allow_breaking"] = "true"
    given = [setting for setting in options.settings if setting.partition("=")[0].strip() not in chosen]
    return given + [f"{key}={value}" for key, value in chosen.items()]


def _deploy(connection: Connection, package: str, reason: str, *, as_json: bool) -> int:
    endpoint = connection.project.deployment.endpoint
    compiled = composed(connection, PIPELINE)
    lookout = Lookout(connection, endpoint)
    document = run_deployment(connection, compiled, package, lookout=lookout, reason=reason, as_json=as_json)
    execution = gather(connection.s3, document)
    records = deployments_during(connection, [document])
    drawn = material_of(connection, records)
    error = error_of(document)
    conclusion = Conclusion(
        endpoint=endpoint,
        record=records[-1] if records else None,
        observed=drawn[-1].observed if drawn else {},
        standing=_words(error) if error else _standing(execution),
        package=package,
        failure=(document["error"] or failure_of(error.kind, error.message)) if error else None,
        clock=lookout.clock,
        report=write_page(connection, [execution], drawn),
    )
    return _conclude(conclusion, error, as_json=as_json)


def _standing(execution: Execution) -> str:
    """What the step said of a deployment that had nothing to do, and so kept no record."""
    found = next((value for value in execution.values.values() if isinstance(value, dict) and "outcome" in value), {})
    return str(found.get("outcome", ""))


def _roll_back(connection: Connection, endpoint: str, to: str | None, reason: str, *, as_json: bool) -> int:
    from sagelens.deployment import rollback

    settings, services = connection.project.deployment, _services(connection)
    lookout = Lookout(connection, endpoint)
    error: SagelensError | None = None
    with watched(connection, lookout, as_json=as_json):
        try:
            rollback(
                endpoint,
                to=to,
                why=reason or "no reason was given",
                who=_caller(connection),
                alarms=settings.alarms,
                strategies=settings.strategy,
                minimum_invocations=settings.minimum_invocations,
                on_inconclusive=settings.on_inconclusive,
                keep=settings.keep,
                force=settings.force,
                tags=connection.tags,
                services=services,
                journal=lookout.journal,
            )
        except KeyboardInterrupt as interrupt:
            said = f"Interrupted; SageMaker goes on with the update of '{endpoint}'. Run the same command to follow it again."
            raise Interrupted(said) from interrupt
        except NotFound as raised:
            error = unknown_endpoint(connection, endpoint) or raised
        except SagelensError as raised:
            error = raised
    record = lookout.record()
    if record is None and error is not None:
        raise error
    drawn = material_of(connection, [record] if record else [])
    conclusion = Conclusion(
        endpoint=endpoint,
        record=record,
        observed=drawn[-1].observed if drawn else {},
        standing="already landed",
        failure=failure_of(error.kind, error.message) if error else None,
        clock=lookout.clock,
        report=write_page(connection, [], drawn, name=_page_name(record)) if record else None,
    )
    return _conclude(conclusion, error, as_json=as_json)


def _page_name(record: Record) -> str:
    """A rollback has no execution of a pipeline to be named after."""
    return f"{record.kind}-{record.endpoint}-{Path(record.key).stem}"


def _services(connection: Connection) -> Any:
    from sagelens.deployment import Services

    clients = connection.clients
    return Services(
        sagemaker=clients.get("sagemaker"),
        cloudwatch=clients.get("cloudwatch"),
        s3=clients.get("s3"),
        runtime=clients.get("sagemaker-runtime"),
    )


def _caller(connection: Connection) -> str:
    from sagelens.deployment import caller

    return caller(user_name(), sts=connection.clients.get("sts"))


def _conclude(conclusion: Conclusion, error: SagelensError | None, *, as_json: bool) -> int:
    result = conclusion.to_json()
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        print_deployment(result)
    if error is not None:
        complain(error.message)
    return error.exit_code if error is not None else 0


def _refused(error: SagelensError, *, as_json: bool) -> int:
    """What stopped the command before a deployment began."""
    if as_json:
        conclusion = Conclusion(standing=_words(error), failure=failure_of(error.kind, complete(error.message)))
        sys.stdout.write(json.dumps(conclusion.to_json()) + "\n")
    complain(error.message)
    return error.exit_code


def _words(error: SagelensError) -> str:
    return error.kind.replace("-", " ")
