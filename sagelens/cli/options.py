"""Options and arguments that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AsJson", "Dry", "Env", "Model", "NeededReason", "Reason", "Run", "Runtime", "Set"]

Env = Annotated[str, typer.Option("--env", help="A file of configs/environments/, without .yaml.", envvar="SAGELENS_ENV")]
Set = Annotated[list[str], typer.Option("--set", help="Set any key of the config: dotted.key=value. May be repeated.")]
Runtime = Annotated[
    str | None, typer.Option("--runtime", help="What jobs and model servers run in: process or docker. As it is unless given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Print every request to AWS, and send none.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the endpoint's journal.")]
NeededReason = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]
Model = Annotated[str, typer.Argument(help="A model package's ARN, its version number, or `latest`.")]
Run = Annotated[str, typer.Argument(help="An execution's ARN or id, the start of an id, or `last`.")]
