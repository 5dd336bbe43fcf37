"""Brings the local service up, and points AWS clients at it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sagelens.errors import BadInput

__all__ = ["ensure_service", "point_at_service"]


def ensure_service(root: Path, runtime: str | None = None) -> None:
    """Start the project's service unless it runs, in the runtime that is asked for, if one is. The account and region come from
    the project's local environment.

    One that runs older code, or in another runtime, is replaced, but not while an execution is under way.
    """
    from sagelens.cli.screen import complain
    from sagelens.local import lifecycle

    running = lifecycle.status(root)
    if running is not None:
        other = runtime not in {None, running.runtime}
        if not other and not lifecycle.outdated(root):
            return
        if lifecycle.busy(root):
            if other:
                raise BadInput(
                    f"The local SageMaker runs in the {running.runtime} runtime, and an execution is under way, which "
                    f"another runtime would end. Wait for it, or leave out --runtime {runtime}."
                )
            complain("The local SageMaker runs older code; it is replaced once no execution is under way.", head="")
            return
    from sagelens.project import load_project

    environment = load_project(root).environment
    if sys.stderr.isatty():
        print("Starting the local SageMaker …", file=sys.stderr)
    started = lifecycle.start(root, account=environment.account, region=environment.region, runtime=runtime)
    if started.notice:
        complain(started.notice, head="")


def point_at_service(root: Path) -> None:
    """Let this process's AWS clients talk to the project's service, whatever account the shell is signed in to."""
    from sagelens.local import lifecycle

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(lifecycle.environment(root))
