"""`runs`, `show`, `stop` and `logs`."""

from __future__ import annotations

import json
import sys
from typing import Any

from sagelens.cli.execution import TERMINAL, Document, find_execution, list_executions, read_document, stop
from sagelens.cli.result import evidence_of, result_of
from sagelens.cli.screen import say, table, width_of
from sagelens.cli.target import Connection, connect
from sagelens.cli.view import Progress
from sagelens.errors import NotFound
from sagelens.pipeline.compose import list_pipelines
from sagelens.pipeline.plan import pipeline_name
from sagelens.values.suggestion import suggestion

__all__ = ["document_of", "list_runs", "pipelines_of", "print_logs", "show_run", "stop_run"]


def list_runs(*, environment: str, as_json: bool) -> int:
    connection = connect(environment)
    rows = [
        {
            "execution_arn": summary["PipelineExecutionArn"],
            "pipeline": summary["PipelineName"],
            "status": summary["PipelineExecutionStatus"],
            "started": summary["StartTime"].isoformat(),
        }
        for summary in list_executions(connection, pipelines_of(connection))
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    shown = [
        (row["execution_arn"].rpartition("/")[2], f"{row['pipeline']:<24}", f"{row['status']:<10}", row["started"][:19])
        for row in rows
    ]
    sys.stdout.writelines(f"{line}\n" for line in table(shown, width_of(sys.stdout), name=1))
    if not rows:
        say("Nothing has run yet. Start with `sagelens run training`.")
    return 0


def show_run(run: str, *, environment: str, as_json: bool) -> int:
    connection = connect(environment)
    document = document_of(connection, run)
    if as_json:
        sys.stdout.write(json.dumps(result_of([document], evidence_of(connection.s3, document))) + "\n")
        return 0
    from sagelens.cli.summary import print_execution

    print_execution(document)
    return 0


def stop_run(run: str, *, environment: str, as_json: bool) -> int:
    """Stop an execution, and say how it ended; one that has ended already is left as it is."""
    connection = connect(environment)
    document = document_of(connection, run)
    late = document["status"] in TERMINAL
    if not late:
        with Progress() as watch:
            document = stop(connection, document["execution_arn"], watch)
    if as_json:
        row = {name: document[name] for name in ("execution_arn", "pipeline", "status")}
        sys.stdout.write(json.dumps(row | {"ended_before": late}) + "\n")
    else:
        said = "had ended already" if late else "has ended"
        say(f"{document['execution_id']}  {document['pipeline']} {said}: {document['status']}")
    return 0


def print_logs(run: str, step: str, *, environment: str) -> int:
    connection = connect(environment)
    found = step_of(document_of(connection, run), step)
    if found["cache"] == "hit" and found["cache_source"]:
        found = step_of(document_of(connection, found["cache_source"]), step)
    if not found["log_group"]:
        raise NotFound(f"Step '{step}' of run '{run}' ran no job, so it has no log.")
    token: dict[str, str] = {}
    logs = connection.clients.get("logs")
    while True:
        page = logs.get_log_events(
            logGroupName=found["log_group"], logStreamName=found["log_stream"], startFromHead=True, **token
        )
        for event in page["events"]:
            sys.stdout.write(event["message"].rstrip("\n") + "\n")
        if not page["events"] or page["nextForwardToken"] == token.get("nextToken"):
            return 0
        token = {"nextToken": page["nextForwardToken"]}


def pipelines_of(connection: Connection) -> list[str]:
    project = connection.project
    return [pipeline_name(project.name, name) for name in list_pipelines(project.root)]


def document_of(connection: Connection, run: str) -> Document:
    arn = find_execution(connection, pipelines_of(connection), run)
    document = read_document(connection, arn)
    if document is None:
        raise NotFound(f"Execution {arn} left no execution.json. It may have been started by another client.")
    return document


def step_of(document: Document, name: str) -> dict[str, Any]:
    steps = {step["name"]: step for step in document["steps"]}
    if name in steps:
        return dict(steps[name])
    raise NotFound(f"Run {document['execution_id']} has no step '{name}'. {suggestion(name, steps)}")
