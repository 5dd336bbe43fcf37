"""The commands and their options. Every command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from sagelens import __version__
from sagelens.cli.app_models import models
from sagelens.cli.options import AsJson, Dry, Env, NeededReason, Reason, Run, Runtime, Set
from sagelens.errors import BadInput, Interrupted, SagelensError, disk_full

__all__ = ["app", "command", "run_app"]

app = typer.Typer(
    name="sagelens",
    help="ML pipelines that run on a laptop, in SageMaker local mode and on AWS.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
local = typer.Typer(help="The local SageMaker of this project.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(local, name="local")
image = typer.Typer(help="The image that jobs and model servers run in.", no_args_is_help=True)
app.add_typer(image, name="image")

# Typer brings a click of its own from some version on; what it raises for a wrong command line descends from this.
_USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


@cache
def command() -> Any:
    """The parsed commands; made once, in a warm interpreter before it forks."""
    return typer.main.get_command(app)


def run_app(argv: Sequence[str]) -> int:
    """Run a command line; returns its exit code. A user's mistake gets one message, never a traceback."""
    from sagelens.cli.guard import guarded_output

    with guarded_output():
        return _run(argv)


def _run(argv: Sequence[str]) -> int:  # noqa: PLR0911 - an exit code for each way to end
    import logging

    from sagelens.cli.failure import closed_output, defect, report_failure
    from sagelens.cli.hints import remember_environment

    remember_environment(argv)
    as_json = "--json" in argv
    logging.basicConfig(level=logging.WARNING, format="sagelens: %(message)s", force=True)
    try:
        outcome = command()(args=list(argv), standalone_mode=False, prog_name="sagelens")
    except SagelensError as error:
        return report_failure(disk_full(error) or error, as_json=as_json)
    except _USAGE as error:
        if as_json:
            return report_failure(BadInput(error.format_message()), as_json=True)
        error.show()
        return BadInput.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return report_failure(Interrupted("Interrupted."), as_json=as_json)
    except BrokenPipeError:
        return closed_output()
    except Exception as error:  # noqa: BLE001 - the command line's last handler: what is not known is a defect, and said to be one
        from sagelens.cli.foreign import translate

        return report_failure(translate(error) or defect(error), as_json=as_json)
    return outcome if isinstance(outcome, int) else 0


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        sys.stdout.write(f"sagelens {__version__}\n")
        raise typer.Exit


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="A module of pipelines/, such as training.")],
    env: Env = "local",
    setting: Set = [],  # noqa: B006 - typer copies it
    first: Annotated[str | None, typer.Option("--from", help="Run this step and all that depends on it.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Run this step and all that it depends on.")] = None,
    only: Annotated[str | None, typer.Option("--only", help="Run this step alone, on the outputs of the last run.")] = None,
    parameter: Annotated[list[str], typer.Option("--parameter", help="A parameter of the pipeline: Name=value.")] = [],  # noqa: B006
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every step, even if nothing changed.")] = False,
    runtime: Runtime = None,
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Do not go on to deployment, even if approved.")] = False,
    dry: Dry = False,
    as_json: AsJson = False,
) -> int:
    """Run a pipeline and show how it goes."""
    from sagelens.cli.commands.run import RunOptions, dry_run, run_pipeline

    options = RunOptions(
        settings=setting,
        selection=(first, last, only),
        parameters=parameter,
        cache=not no_cache,
        deploy=not no_deploy,
        runtime=runtime,
    )
    if dry:
        return dry_run(pipeline, options, environment=env, as_json=as_json)
    return run_pipeline(pipeline, options, environment=env, as_json=as_json)


@app.command(name="compile")
def compile_(
    pipeline: Annotated[str, typer.Argument(help="A module of pipelines/, such as training.")],
    env: Env = "local",
    setting: Set = [],  # noqa: B006 - typer copies it
) -> int:
    """Print the definition JSON of a pipeline. Sends and uploads nothing."""
    from sagelens.cli.commands.run import print_definition

    return print_definition(pipeline, environment=env, settings=setting)


@app.command()
def validate(
    env: Env = "local",
    setting: Set = [],  # noqa: B006 - typer copies it
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the project's file instead.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Read the sources, too, and check what is said of their values.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check configs, suites and pipelines without running anything."""
    from sagelens.cli.commands.validate import validate_project

    return validate_project(environment=env, settings=setting, schema=schema, data=data, as_json=as_json)


@app.command()
def runs(env: Env = "local", as_json: AsJson = False) -> int:
    """List the executions of all pipelines, newest first."""
    from sagelens.cli.commands.runs import list_runs

    return list_runs(environment=env, as_json=as_json)


@app.command()
def show(run: Run = "last", env: Env = "local", as_json: AsJson = False) -> int:
    """Show one execution: its steps, what was reused and why not, and how it ended."""
    from sagelens.cli.commands.runs import show_run

    return show_run(run, environment=env, as_json=as_json)


@app.command(name="follow")
def follow_run(run: Run = "last", env: Env = "local", as_json: AsJson = False) -> int:
    """Follow an execution that runs already, whoever started it, to its end. Ctrl-C ends the following alone."""
    from sagelens.cli.commands.run import follow_started

    return follow_started(run, environment=env, as_json=as_json)


@app.command()
def stop(run: Run, env: Env = "local", as_json: AsJson = False) -> int:
    """Stop an execution with the jobs that it runs, and wait for that."""
    from sagelens.cli.commands.runs import stop_run

    return stop_run(run, environment=env, as_json=as_json)


@app.command()
def logs(run: Run, step: Annotated[str, typer.Argument(help="The name of a step.")], env: Env = "local") -> int:
    """Print what a step wrote."""
    from sagelens.cli.commands.runs import print_logs

    return print_logs(run, step, environment=env)


@app.command()
def debug(run: Run, step: Annotated[str, typer.Argument(help="The name of a step.")], env: Env = "local") -> int:
    """Run a step's function in pdb, here, on the inputs that it had in that execution."""
    from sagelens.cli.commands.debug import debug_step

    return debug_step(run, step, environment=env)


@app.command()
def report(run: Run = "last", env: Env = "local", as_json: AsJson = False) -> int:
    """Write the report of an execution: one HTML page that needs nothing else."""
    from sagelens.cli.commands.report import write_report

    return write_report(run, environment=env, as_json=as_json)


@app.command()
def endpoints(
    endpoint: Annotated[str | None, typer.Argument(help="One endpoint; all of them unless given.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Every deployment in the endpoint's journal.")] = False,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Show the endpoints, what they serve, and how their last deployments ended."""
    from sagelens.cli.commands.endpoints import list_endpoints, show_history

    if history:
        return show_history(endpoint, environment=env, as_json=as_json)
    return list_endpoints(endpoint, environment=env, as_json=as_json)


@app.command()
def traffic(
    endpoint: Annotated[str, typer.Argument(help="The name of an endpoint.")],
    file: Annotated[str, typer.Argument(help="Rows to ask for: a JSON request, or a JSON object on each line.")],
    rate: Annotated[float, typer.Option("--rate", help="Requests a second, at most 1000.")] = 50,
    seconds: Annotated[float, typer.Option("--seconds", help="How long, on this machine's clock, at most 3600.")] = 30,
    variant: Annotated[str | None, typer.Option("--variant", help="The production variant that shall answer.")] = None,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Ask an endpoint for one row after the other, and count the answers by variant."""
    from sagelens.cli.commands.traffic import send_traffic

    return send_traffic(endpoint, file, rate=rate, seconds=seconds, variant=variant, environment=env, as_json=as_json)


@app.command()
def invoke(
    endpoint: Annotated[str, typer.Argument(help="The name of an endpoint.")],
    body: Annotated[str, typer.Argument(help="A file with the request, or - for standard input.")] = "-",
    content_type: Annotated[str, typer.Option("--content-type", help="The media type of the request.")] = "application/json",
    variant: Annotated[str | None, typer.Option("--variant", help="The production variant that shall answer.")] = None,
    env: Env = "local",
) -> int:
    """Ask an endpoint for a prediction and print its answer."""
    from sagelens.cli.commands.endpoints import invoke_endpoint

    return invoke_endpoint(endpoint, body, content_type=content_type, variant=variant, environment=env)


@app.command()
def deploy(
    model: Annotated[str, typer.Argument(help="A model package's ARN, its version number, or `latest`: the latest approved.")],
    env: Env = "local",
    strategy: Annotated[
        list[str],
        typer.Option("--strategy", help="KIND[:key=value,...], such as canary:size=10%,wait=10m. Again for each of a chain."),
    ] = [],  # noqa: B006 - typer copies it
    setting: Set = [],  # noqa: B006 - typer copies it
    plan: Annotated[bool, typer.Option("--plan", help="Print what would happen, and touch nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Begin although an alarm rings already.")] = False,
    allow_breaking: Annotated[
        bool, typer.Option("--allow-breaking", help="Deploy although requests of today would be refused.")
    ] = False,
    reason: Reason = "",
    runtime: Runtime = None,
    dry: Dry = False,
    as_json: AsJson = False,
) -> int:
    """Deploy a registered model, watch how it goes, and prove that it landed or was undone."""
    from sagelens.cli.commands.deploy import DeployOptions, deploy_model, dry_deploy

    options = DeployOptions(
        strategies=strategy, settings=setting, force=force, allow_breaking=allow_breaking, reason=reason, runtime=runtime
    )
    if dry:
        return dry_deploy(model, options, environment=env, as_json=as_json)
    return deploy_model(model, options, plan=plan, environment=env, as_json=as_json)


@app.command()
def rollback(
    endpoint: Annotated[str, typer.Argument(help="The name of an endpoint.")],
    reason: NeededReason,
    to: Annotated[
        str | None,
        typer.Option("--to", help="A version, an endpoint config or the start of a digest; the one before unless given."),
    ] = None,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Put a version that was good behind an endpoint again, under the same guardrails."""
    from sagelens.cli.commands.deploy import roll_back_endpoint

    return roll_back_endpoint(endpoint, to=to, reason=reason, environment=env, as_json=as_json)


@app.command()
def ui(env: Env = "local", port: Annotated[int, typer.Option("--port", help="Of the page; 0 takes any free one.")] = 5000) -> int:
    """Serve a page of the runs with their figures, and MLflow behind it, on this machine only."""
    from sagelens.cli.commands.ui import serve_ui

    return serve_ui(environment=env, port=port)


@local.command(name="start")
def start_local(
    port: Annotated[int, typer.Option("--port", help="0 takes any free one.")] = 0,
    clock: Annotated[
        str | None, typer.Option("--clock", help="How fast its clock runs: 60x lets an hour pass in a minute.")
    ] = None,
    runtime: Runtime = None,
) -> int:
    """Start the service of this project unless it runs."""
    from sagelens.cli.commands.local import start

    return start(port, clock, runtime)


@local.command(name="stop")
def stop_local() -> int:
    """Stop the service, its jobs and its endpoints."""
    from sagelens.cli.commands.local import stop

    return stop()


@local.command(name="status")
def local_status(as_json: AsJson = False) -> int:
    """Say whether the service runs, and where."""
    from sagelens.cli.commands.local import status

    return status(as_json=as_json)


@local.command(name="env")
def local_env() -> int:
    """Print `export NAME=value` lines that point any AWS client at the service."""
    from sagelens.cli.commands.local import environment

    return environment()


@local.command(name="logs")
def local_logs(lines: Annotated[int, typer.Option("--lines", help="How many of the last lines.")] = 100) -> int:
    """Print the service's own log."""
    from sagelens.cli.commands.local import logs as print_service_log

    return print_service_log(lines)


@local.command(name="reset")
def reset_local(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> int:
    """Stop the service and delete everything that it kept."""
    from sagelens.cli.commands.local import reset

    return reset(yes=yes)


@image.command(name="build")
def build_image(
    base: Annotated[str | None, typer.Option("--base", help="The image to build on; a Debian with Python 3.11.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="What to call it; the environment's image unless given.")] = None,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Build the image from infra/image/ and write its bill of materials."""
    from sagelens.cli.commands.image import build_image as build

    return build(base=base, tag=tag, environment=env, as_json=as_json)


@image.command(name="push")
def push_image(env: Env = "local", as_json: AsJson = False) -> int:
    """Push the environment's image to ECR and print its digest."""
    from sagelens.cli.commands.image import push_image as push

    return push(environment=env, as_json=as_json)
