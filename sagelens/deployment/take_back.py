"""Undoing a deployment that landed and then did not answer properly."""

from __future__ import annotations

from sagelens.deployment.follow import return_to
from sagelens.deployment.journal import Journal, Record
from sagelens.deployment.order import Order, Services
from sagelens.deployment.pace import Pace
from sagelens.deployment.release import Release
from sagelens.deployment.run import Ending, Recorder, Run, Told, silent
from sagelens.errors import RollbackFailed, RolledBack
from sagelens.values.guard import Alarms
from sagelens.values.s3 import split_uri

__all__ = ["take_back"]


def take_back(
    uri: str, reason: str, *, services: Services, told: Told = silent, pace: Pace | None = None
) -> RolledBack | RollbackFailed:
    """Put back what served before the deployment whose journal is at `uri`, or delete an endpoint that was new.

    The journal then tells it. The answer is the error that says so, to be raised.
    """
    pace = pace or Pace()
    bucket, key = split_uri(uri)
    journal = Journal(services.s3, bucket, key.split("/")[-2])
    record = journal.read(key)
    order = Order(release=_release(record), alarms=Alarms(waived="it is taken back"))
    recorder = Recorder(record, journal=journal, told=told, pace=pace)
    run = Run(order=order, services=services, pace=pace, journal=journal, recorder=recorder)
    ending = _undo(run, reason)
    recorder.end(ending, serves=(record.previous_config or "") if ending.error is RolledBack else record.serves)
    return RolledBack(ending.reason) if ending.error is RolledBack else RollbackFailed(ending.reason)


def _release(record: Record) -> Release:
    """As far as undoing it goes; what stayed beside the old model never got a config of its own."""
    return Release(
        endpoint=record.endpoint,
        config_name=record.config,
        variant={"VariantName": "", "ModelName": record.model},
        digest=record.model_digest,
        model_uri=record.model_uri,
    )


def _undo(run: Run, reason: str) -> Ending:
    previous = run.recorder.record.previous_config
    if previous is None:
        run.services.sagemaker.delete_endpoint(EndpointName=run.endpoint)
        return Ending.rolled_back(f"{reason}. The endpoint was new, so it was deleted.")
    if failed := return_to(run, previous, phase="smoke test"):
        return Ending.rollback_failed(f"{reason}. {failed}. Look at it now: sagelens endpoints")
    return Ending.rolled_back(f"{reason}. The endpoint serves {previous} again.")
