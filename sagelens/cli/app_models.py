"""The commands of `sagelens models`."""

from __future__ import annotations

from typing import Annotated

import typer

from sagelens.cli.options import AsJson, Env, Model, NeededReason

__all__ = ["models"]

models = typer.Typer(help="Registered models.", no_args_is_help=True)


@models.command(name="list")
def list_models(env: Env = "local", as_json: AsJson = False) -> int:
    """List the registered models, newest first."""
    from sagelens.cli.commands.models import list_packages

    return list_packages(environment=env, as_json=as_json)


@models.command(name="show")
def show_model(
    model: Model = "latest",
    example: Annotated[bool, typer.Option("--example", help="Print a request to try, and how to send it.")] = False,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Show one registered model: metrics, lineage, and the schema of a request."""
    from sagelens.cli.commands.example import print_example
    from sagelens.cli.commands.models import show_package

    if example:
        return print_example(model, environment=env, as_json=as_json)

    return show_package(model, environment=env, as_json=as_json)


@models.command(name="approve")
def approve_model(
    model: Model,
    reason: NeededReason,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Approve a model. Here that deploys it; on AWS the rule on approvals does."""
    from sagelens.cli.commands.models import approve_package

    return approve_package(model, reason, environment=env, as_json=as_json)


@models.command(name="reject")
def reject_model(
    model: Model,
    reason: NeededReason,
    env: Env = "local",
    as_json: AsJson = False,
) -> int:
    """Reject a model."""
    from sagelens.cli.commands.models import reject_package

    return reject_package(model, reason, environment=env, as_json=as_json)
