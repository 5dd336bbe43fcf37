"""`ui`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sagelens.cli.screen import complain
from sagelens.cli.ui.mlflow_server import MlflowServer, mlflow_server
from sagelens.cli.ui.page import error_page, runs_page
from sagelens.cli.ui.pages import Pages
from sagelens.cli.ui.runs import tracked_runs
from sagelens.errors import BadInput, ServiceUnavailable
from sagelens.project import find_root, load_project
from sagelens.tracking.sqlite import sqlite_uri
from sagelens.wiring import quiet

__all__ = ["serve_ui"]

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def serve_ui(*, environment: str, port: int) -> int:
    """Serve a page of the runs, and MLflow's own behind it, on loopback until interrupted; returns 0 then."""
    quiet()
    project = load_project(find_root(Path.cwd()), environment=environment)
    state = project.root / ".sagelens"
    uri = project.environment.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(state / "mlflow.db", state)
    if uri.startswith(("http://", "https://")):
        raise BadInput(f"Environment '{environment}' tracks at {uri}, which has pages of its own. Open them in a browser.")
    state.mkdir(mode=0o700, exist_ok=True)
    log, reports = state / "logs" / "mlflow.log", state / "reports"
    try:
        with (
            _ended_by_signals(),
            closing(Pages(port)) as pages,  # first, so that a port in use is told of at once
            mlflow_server(uri, artifacts=state / "mlartifacts", folder=state, log=log) as server,
        ):
            pages.serve(lambda: _render(project.name, server, reports), reports)
            complain(f"Runs at {pages.address}, MLflow at {server.address}. Ctrl-C ends both.", head="")
            code = server.process.wait()
            raise ServiceUnavailable(f"MLflow ended (exit code {code}). See {log}.")
    except KeyboardInterrupt:
        return 0


def _render(project: str, server: MlflowServer, reports: Path) -> str:
    try:
        runs = tracked_runs(server.ask)
    except (OSError, ValueError, KeyError) as error:
        return error_page(project, f"MLflow does not say which runs there are: {error}. Load this page again.")
    return runs_page(project, runs, mlflow=server.address, reports={file.stem for file in reports.glob("*.html")})


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminal that is closed ends it as Ctrl-C does."""
    heard = [number for number in _ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup's is to stay ignored
    before = {number: signal.signal(number, _interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
