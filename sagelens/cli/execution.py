"""Starting an execution of a pipeline, following it, and finding one again by what a person calls it."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sagelens.cli.names import unknown_run
from sagelens.cli.objects import read_json_or_none
from sagelens.cli.target import Connection
from sagelens.errors import BadInput, Interrupted, NotFound
from sagelens.text.hint import hint

__all__ = [
    "TERMINAL",
    "Document",
    "document_uri",
    "find_execution",
    "follow",
    "latest_finished",
    "list_executions",
    "read_document",
    "settled",
    "start",
    "stop",
]

Document = dict[str, Any]
TERMINAL = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})
_TRACKING_SECONDS = 5.0
_AT_ONCE = 10.0  # s between the end of a run and the deployment that it goes on to: less than one, on a busy machine more


def start(
    connection: Connection,
    pipeline: str,
    *,
    parameters: Mapping[str, str],
    selected: Sequence[str] = (),
) -> str:
    """Start an execution; returns its ARN. `selected` runs these steps only, the others' outputs taken from the latest run."""
    selection: dict[str, Any] = {}
    if selected:
        source = latest_finished(connection, pipeline)
        selection["SelectiveExecutionConfig"] = {
            "SelectedSteps": [{"StepName": name} for name in selected],
            **({"SourcePipelineExecutionArn": source} if source else {}),
        }
    answer = connection.sagemaker.start_pipeline_execution(
        PipelineName=pipeline,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        ClientRequestToken=uuid.uuid4().hex,
        ParallelismConfiguration={"MaxParallelExecutionSteps": connection.project.environment.max_parallel_steps},
        **selection,
    )
    return str(answer["PipelineExecutionArn"])


def follow(connection: Connection, arn: str, watch: Callable[[Document], None], *, own: bool) -> Document:
    """Look at an execution until it has ended; `watch` sees every change.

    Ctrl-C raises Interrupted: after the execution was stopped, if it is this command's own, else while it runs on.
    """
    try:
        with _interrupts() as heard:
            return _until_terminal(connection, arn, watch, heard)
    except KeyboardInterrupt as interrupt:
        if own:
            document = stop(connection, arn, watch)
            raise Interrupted(f"Interrupted; execution {arn} was stopped ({document['status']}).") from interrupt
        run = arn.rpartition("/")[2]
        raise Interrupted(
            f"Interrupted; execution {arn} runs on. {hint('follow', run)} follows it again, {hint('stop', run)} stops it."
        ) from interrupt


def stop(connection: Connection, arn: str, watch: Callable[[Document], None]) -> Document:
    """Stop an execution with the jobs that it runs, and wait for that. It may have ended in another way meanwhile."""
    connection.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
    return _until_terminal(connection, arn, watch)


def read_document(connection: Connection, arn: str) -> Document | None:
    """execution.json as it is now; None while there is none. Where nobody else keeps it, this does."""
    if connection.follower is not None:
        return connection.follower.look(arn)
    document: Document | None = read_json_or_none(connection.s3, document_uri(connection.project.environment.bucket, arn))
    return document


def document_uri(bucket: str, arn: str) -> str:
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return f"s3://{bucket}/{pipeline}/{execution}/execution.json"


def list_executions(connection: Connection, pipelines: Sequence[str]) -> list[dict[str, Any]]:
    """The summaries of all executions of these pipelines, newest first; a pipeline that was never run has none."""
    from botocore.exceptions import ClientError

    found: list[dict[str, Any]] = []
    for pipeline in pipelines:
        pages = connection.sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline)
        try:
            found += [summary | {"PipelineName": pipeline} for page in pages for summary in page["PipelineExecutionSummaries"]]
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"ResourceNotFound", "ResourceNotFoundException"}:
                raise
    return sorted(found, key=lambda summary: summary["StartTime"], reverse=True)


def find_execution(connection: Connection, pipelines: Sequence[str], run: str) -> str:
    """The ARN of a run given as ARN, as execution id (or the start of one), or as `last`: the newest that was asked for."""
    summaries = list_executions(connection, pipelines)
    arns = [str(summary["PipelineExecutionArn"]) for summary in summaries]
    if not arns:
        raise NotFound("Nothing has run yet. Start with `sagelens run training`.")
    if run == "last":
        return arns[1] if len(arns) > 1 and _followed(connection, summaries[0], arns[1]) else arns[0]
    matches = [arn for arn in arns if arn == run or arn.rpartition("/")[2].startswith(run)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise BadInput(
            f"'{run}' is the start of {len(matches)} runs: {', '.join(a.rpartition('/')[2] for a in matches)}. Give more."
        )
    raise unknown_run(run, [arn.rpartition("/")[2] for arn in arns])


def _followed(connection: Connection, summary: Mapping[str, Any], before: str) -> bool:
    """Whether an execution is the deployment that a run went on to by itself: the run is what was asked for. One that somebody
    asked for later has a reason, or begins when the run before it is long over."""
    document = read_document(connection, str(summary["PipelineExecutionArn"]))
    earlier = read_document(connection, before)
    if document is None or earlier is None or not earlier["finished"] or document["pipeline"] == earlier["pipeline"]:
        return False
    parameters = document["parameters"]
    soon = 0 <= document["started"] - earlier["finished"] <= _AT_ONCE
    return bool(soon and parameters.get("ModelPackageArn") and not parameters.get("Reason"))


def latest_finished(connection: Connection, pipeline: str) -> str | None:
    """The newest execution that can lend its outputs to a selective one."""
    for summary in list_executions(connection, [pipeline]):
        if summary["PipelineExecutionStatus"] in {"Succeeded", "Failed", "Stopped"}:
            return str(summary["PipelineExecutionArn"])
    return None


def settled(connection: Connection, document: Document) -> Document:
    """The document of an ended execution once the tracker has it, or as it is when that takes too long."""
    if connection.follower is not None:
        from sagelens.cli.aws import tracked

        return tracked(connection, document)
    deadline = time.monotonic() + _TRACKING_SECONDS
    while not document.get("tracking") and time.monotonic() < deadline:
        time.sleep(connection.poll[0])
        document = read_document(connection, document["execution_arn"]) or document
    return document


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the exception is lost where it comes while Python runs a finalizer or a callback."""
    pressed = False

    def note(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, or somebody else's
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _until_terminal(
    connection: Connection, arn: str, watch: Callable[[Document], None], interrupted: Callable[[], bool] = lambda: False
) -> Document:
    shortest, longest = connection.poll
    seen, changed = None, time.monotonic()
    while True:
        if interrupted():
            raise KeyboardInterrupt
        document = read_document(connection, arn)
        if document is not None and document != seen:
            watch(document)
            seen, changed = document, time.monotonic()
        if document is None:
            _check_alive(connection, arn)
        elif document["status"] in TERMINAL:
            return document
        time.sleep(min(max((time.monotonic() - changed) / 10, shortest), longest))


def _check_alive(connection: Connection, arn: str) -> None:
    """Raises the service's own error when the execution is gone."""
    connection.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
