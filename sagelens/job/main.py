"""The entry point of every job: run one step, leave evidence, say why it failed.

    python3 -m sagelens.job processing|training

A step may raise anything; whatever it raises becomes a failure message, so this is one of the few broad handlers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sagelens.errors import BadInput, Interrupted, SagelensError, to_failure_message
from sagelens.job.evidence import evidence_of, write_evidence
from sagelens.job.failure import as_ours
from sagelens.job.layout import JobKind, Layout, layout_of
from sagelens.job.request import StepRequest, read_request
from sagelens.job.run import Trace, prepare, write_results
from sagelens.wiring import Clients, quiet

__all__ = ["main"]

LONGEST_MESSAGE = 1024  # SageMaker keeps no more of a failure reason
QUIET_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def main() -> int:
    """Run the step that the job's `config` input describes; the answer is the exit code."""
    try:
        layout = layout_of(_kind(sys.argv[1:]))
    except BadInput as error:
        print(error.message, file=sys.stderr, flush=True)
        return 1
    quiet()
    with _stoppable():
        try:
            request = read_request(layout.step)
            _run(request, layout)
        except (SagelensError, KeyboardInterrupt) as error:
            _leave_message(as_ours(error), layout.failure)
            return 1
    return 0


def _kind(arguments: list[str]) -> JobKind:
    if len(arguments) != 1 or arguments[0] not in list(JobKind):
        raise BadInput(f"Usage: python3 -m sagelens.job {'|'.join(JobKind)} (given: {' '.join(arguments) or 'nothing'})")
    return JobKind(arguments[0])


def _run(request: StepRequest, layout: Layout) -> None:
    """Run the step and leave its evidence, also when it fails."""
    name = f"step '{request.step}' of pipeline '{request.pipeline}'"
    print(f"{name}: {request.function} starts", flush=True)
    trace, started, cpu = Trace(), time.time(), time.process_time()
    error: SagelensError | None = None
    try:
        with _recorded_warnings(trace):
            clients = Clients(region=os.environ.get("AWS_REGION"))
            prepared = prepare(request, layout, clients, trace)
            write_results(prepared, prepared.call(), request, layout, trace)
    except (Exception, KeyboardInterrupt, SystemExit) as raised:  # noqa: BLE001 - a step may raise anything
        traceback.print_exc()
        error = as_ours(raised, [layout.code])
    evidence = evidence_of(request, layout, trace, started=started, cpu=time.process_time() - cpu, error=error)
    write_evidence(evidence, layout.evidence)
    seconds = f"{evidence.finished - started:.2f} s"
    if error:
        print(f"{name}: failed after {seconds}: {to_failure_message(error)}", flush=True)
        raise error
    print(f"{name}: done in {seconds}{_summary(trace)}", flush=True)


def _summary(trace: Trace) -> str:
    parts = [f"{r.name} {r.rows:,} rows" if r.rows is not None else f"{r.name} {r.bytes:,} bytes" for r in trace.outputs]
    return f" ({', '.join(parts)})" if parts else ""


def _leave_message(error: SagelensError, path: Path) -> None:
    message = to_failure_message(error)[:LONGEST_MESSAGE]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message, encoding="utf-8")
    print(message, file=sys.stderr, flush=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SageMaker stops a job with SIGTERM, two minutes before it kills it."""
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    raise Interrupted("The step was asked to stop (SIGTERM) and wrote nothing more.")


@contextmanager
def _recorded_warnings(trace: Trace) -> Iterator[None]:
    """What the step warns of goes to the log and to the evidence."""

    def keep(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        trace.warnings.append(" ".join(str(message).split()))
        print(f"{category.__name__}: {trace.warnings[-1]}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for category in QUIET_WARNINGS:
            warnings.simplefilter("ignore", category)
        warnings.showwarning = keep
        yield
