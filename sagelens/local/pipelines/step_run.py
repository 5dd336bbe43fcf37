"""Runs one step of an execution to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sagelens.errors import from_failure_message
from sagelens.local.pipelines.cache import Hit, StepCache
from sagelens.local.pipelines.cache_key import Fingerprint
from sagelens.local.pipelines.conditions import evaluate
from sagelens.local.pipelines.definition import Step
from sagelens.local.pipelines.jobs import JOBS, JobKind, Outcome, job_name, outcome
from sagelens.local.pipelines.journal import Journal
from sagelens.local.pipelines.outputs import evidence_uri, output_uris, read_config
from sagelens.local.pipelines.plan import Plan
from sagelens.local.pipelines.record import StepRecord
from sagelens.local.pipelines.resolve import Scope, resolve
from sagelens.local.pipelines.retry import fault_of_error, fault_of_job, next_delay
from sagelens.local.pipelines.scheduler import State
from sagelens.local.ports import ApiError, Call, Clock, Document, Objects

__all__ = ["Services", "StepRun"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What a step needs of the rest of the service."""

    call: Call
    wait: Callable[[str], Awaitable[Document]]
    clock: Clock
    cache: StepCache
    objects: Objects

    def read(self, uri: str) -> bytes:
        return self.objects.path(uri).read_bytes()


@dataclass(frozen=True)
class Attempt:
    """One try: how it ended, the job's properties, and the fault that may let it be tried again."""

    outcome: Outcome
    properties: Mapping[str, Any]
    fault: str | None = None


class StepRun:
    """One step on its way. `run` returns when the step has ended; `stop` ends it early."""

    def __init__(self, step: Step, plan: Plan, journal: Journal, services: Services) -> None:
        self._step = step
        self._plan = plan
        self._journal = journal
        self._services = services
        self._stopping = asyncio.Event()
        self._config: dict[str, Any] = {}

    @property
    def _record(self) -> StepRecord:
        return self._journal.records[self._step.name]

    def _save(self, **changes: Any) -> None:
        self._journal.save(replace(self._record, **changes))

    def begin(self) -> None:
        """Record that the step has started; from here on it counts as running."""
        step = self._step
        self._journal.save(
            StepRecord(
                name=step.name,
                type=step.type,
                status=State.STARTING,
                started=self._services.clock.time(),
                display_name=step.display_name,
                description=step.description,
            )
        )

    async def run(self) -> None:
        try:
            await self._run()
        except ApiError as error:
            self._fail(f"ClientError: {error.message}", error.message)
        except Exception as error:  # noqa: BLE001  a step of one execution must not take the service down
            _log.exception("Step '%s' of %s failed inside the service.", self._step.name, self._plan.arn)
            self._fail(f"InternalServerError: {error!r}", f"The service failed while it ran this step: {error!r}.")

    async def stop(self) -> None:
        """Ask the step's job to stop; a step without one ends as soon as it can."""
        if self._stopping.is_set() or not self._record.running:
            return
        self._stopping.set()
        self._save(status=State.STOPPING)
        await self._stop_job()

    async def _stop_job(self) -> None:
        kind = JOBS.get(self._step.type)
        if kind is None or kind.stop is None or self._record.job_arn is None:
            return
        try:
            await self._services.call(kind.stop, {kind.name: self._record.job_name})
        except ApiError as error:
            _log.info("Job %s was not stopped: %s", self._record.job_name, error.message)  # it has just ended

    async def _run(self) -> None:
        match self._step.type:
            case "Condition":
                self._decide()
            case "Fail":
                message = str(resolve(self._step.arguments["ErrorMessage"], self._scope()))
                self._fail(message, message)
            case _:
                await self._run_job()

    def _scope(self, name: str = "") -> Scope:
        return self._plan.scope(self._journal.properties, self._services.read, now=self._services.clock.time(), job_name=name)

    def _decide(self) -> None:
        scope = self._scope()
        found = [evaluate(c, lambda value: resolve(value, scope)) for c in self._step.arguments["Conditions"]]
        holds = all(found)
        self._end(State.SUCCEEDED, outcome=holds, properties={"Outcome": holds}, attempts=1)

    def _fail(self, reason: str, message: str) -> None:
        error = from_failure_message(message)
        self._end(State.FAILED, failure_reason=reason, failure_kind=error.kind, failure_message=error.message)

    def _end(self, status: State, **changes: Any) -> None:
        self._save(status=status, finished=self._services.clock.time(), **changes)

    def _arguments(self, name: str) -> dict[str, Any]:
        resolved = resolve(self._step.arguments, self._scope(name))
        assert isinstance(resolved, dict)
        return resolved

    async def _run_job(self) -> None:
        arguments = self._arguments("")
        self._config = read_config(self._step.type, arguments, self._services.read)
        if self._config.get("phase"):
            self._save(phase=self._config["phase"])
        made_of: Fingerprint | None = None
        if self._step.cached:
            found = await self._services.cache.look_up(
                self._plan.pipeline, self._step, arguments, now=self._services.clock.time()
            )
            if isinstance(found, Hit):
                self._reuse(found)
                return
            made_of = found.made_of
            self._save(cache="miss", cache_miss_reason=found.reason)
        await self._try_until_done(made_of)

    def _reuse(self, hit: Hit) -> None:
        old = hit.record
        self._end(
            State.SUCCEEDED,
            cache="hit",
            cache_source=hit.execution_arn,
            job_name=old.job_name,
            job_arn=old.job_arn,
            properties=old.properties,
            outputs=old.outputs,
            evidence=old.evidence,
            log_group=old.log_group,
            log_stream=old.log_stream,
        )

    async def _try_until_done(self, made_of: Fingerprint | None) -> None:
        first = self._services.clock.time()
        for number in count(1):
            attempt = await self._attempt(number)
            elapsed = self._services.clock.time() - first
            delay = next_delay(self._step.retries, attempt.fault, attempt=number, elapsed=elapsed)
            if attempt.outcome.state is not State.FAILED or delay is None or not await self._pause(delay):
                await self._conclude(attempt, made_of)
                return

    async def _pause(self, seconds: float) -> bool:
        """Wait before the next try; False if the step is stopped instead."""
        waits = [asyncio.ensure_future(self._services.clock.sleep(seconds)), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._stopping.is_set()

    async def _attempt(self, number: int) -> Attempt:
        if self._stopping.is_set():
            return Attempt(Outcome(state=State.STOPPED), {})
        kind = JOBS[self._step.type]
        prefix = str(self._step.arguments.get(kind.name) or "") if kind.name else ""
        name = job_name(self._plan.id, self._step.name, prefix)
        self._save(attempts=number, job_name=name, job_arn=None)
        try:
            return await self._make(kind, name, self._arguments(name))
        except ApiError as error:
            left = from_failure_message(error.message)
            return Attempt(
                Outcome(state=State.FAILED, reason=f"ClientError: {error.message}", kind=left.kind, message=left.message),
                {},
                fault_of_error(error),
            )

    async def _make(self, kind: JobKind, name: str, arguments: dict[str, Any]) -> Attempt:
        if self._step.type == "RegisterModel":
            await self._make_group(arguments)
        request = {**arguments, kind.name: name} if kind.name else arguments
        arn = str((await self._services.call(kind.create, request))[kind.arn])
        if kind.stop is None:
            properties = await self._services.call(kind.describe, {kind.describe_by: name if kind.name else arn})
            self._save(job_arn=arn)
            return Attempt(Outcome(state=State.SUCCEEDED), properties)
        status = State.STOPPING if self._stopping.is_set() else State.EXECUTING
        self._save(status=status, job_arn=arn, log_group=kind.log_group, log_stream=f"{name}/algo-1")
        if self._stopping.is_set():
            await self._stop_job()
        properties = await self._services.wait(arn)
        ended = outcome(kind, properties, asked_to_stop=self._stopping.is_set())
        return Attempt(ended, properties, fault_of_job(str(properties.get("FailureReason") or "")))

    async def _make_group(self, arguments: Mapping[str, Any]) -> None:
        """AWS makes a missing model package group when a RegisterModel step runs."""
        group = arguments.get("ModelPackageGroupName")
        if not group:
            return
        try:
            await self._services.call("sagemaker.DescribeModelPackageGroup", {"ModelPackageGroupName": group})
        except ApiError:
            with suppress(ApiError):  # another step makes it right now; anything else is said when the package is made
                await self._services.call("sagemaker.CreateModelPackageGroup", {"ModelPackageGroupName": group})

    async def _conclude(self, attempt: Attempt, made_of: Fingerprint | None) -> None:
        ended = attempt.outcome
        state = State.STOPPED if self._stopping.is_set() and ended.state is State.FAILED else ended.state
        self._end(
            state,
            properties=attempt.properties,
            outputs=output_uris(self._step.type, attempt.properties, list(self._config.get("gives", ()))),
            evidence=self._evidence(attempt.properties),
            **(
                {"failure_reason": ended.reason, "failure_kind": ended.kind, "failure_message": ended.message}
                if state is State.FAILED
                else {}
            ),
        )
        if state is State.SUCCEEDED and made_of is not None:
            await self._services.cache.remember(self._plan.pipeline, self._step, made_of, self._record, self._plan.arn)

    def _evidence(self, properties: Mapping[str, Any]) -> str | None:
        uri = evidence_uri(self._step.type, properties)
        return uri if uri and self._services.objects.path(uri).is_file() else None
