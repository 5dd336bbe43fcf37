"""The operations of jobs, and the tasks that run them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sagelens.local.endpoints.launcher import ProcessLauncher
from sagelens.local.endpoints.server import ModelServers, Servers
from sagelens.local.forking.views import Views
from sagelens.local.jobs.job import Ending, Job, JobFailed, Noun, Running, Status, Tools, log_path, reason
from sagelens.local.jobs.metric_definitions import check_definitions
from sagelens.local.jobs.outputs import fault_of
from sagelens.local.jobs.processing import ProcessingRun, check_processing
from sagelens.local.jobs.runtime import JobRuntime, ProcessRuntime
from sagelens.local.jobs.training import TrainingRun, check_training, model_artifacts
from sagelens.local.jobs.transform import TransformRun, check_transform
from sagelens.local.jobs.views import body_of, described, listed
from sagelens.local.ports import ApiError, Clock, Document, Handler, Objects, Processes, Request, Resource
from sagelens.local.store import Store

__all__ = ["Jobs"]

_log = logging.getLogger(__name__)
_OF_THE_MACHINE = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""What a job has of the service's own environment; the rest is given, so a job does not depend on who started the service."""
_CHECKS = {Noun.PROCESSING: check_processing, Noun.TRAINING: check_training, Noun.TRANSFORM: check_transform}


class Jobs:
    """Jobs of this service, which run as processes of this machine unless another runtime and servers are given. `state` is the
    folder `.sagelens`; `environment` is what each job's process starts with."""

    def __init__(  # noqa: PLR0913  what a room is made of
        self,
        store: Store,
        objects: Objects,
        processes: Processes,
        clock: Clock,
        *,
        state: Path,
        environment: Mapping[str, str],
        account: str,
        region: str,
        runtime: JobRuntime | None = None,
        servers: Servers | None = None,
        views: Views | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        views = views or Views(state)
        self._arns = f"arn:aws:sagemaker:{region}:{account}"
        self._state = state
        machine = {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
        given = {**machine, **environment, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        given.setdefault("PYTHONPYCACHEPREFIX", str(state / "pycache"))  # inputs are objects, and stay free of __pycache__
        self._tools = Tools(
            objects=objects,
            clock=clock,
            runtime=runtime or ProcessRuntime(objects, processes, given, views),
            servers=servers
            or ModelServers(ProcessLauncher(objects=objects, processes=processes, state=state, environment=given, views=views)),
        )
        self._running: dict[str, Running] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def handlers(self) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {}
        for noun in Noun:
            handlers |= {
                f"sagemaker.Create{noun}Job": partial(self._create, noun),
                f"sagemaker.Describe{noun}Job": partial(self._describe, noun),
                f"sagemaker.List{noun}Jobs": partial(self._list, noun),
                f"sagemaker.Stop{noun}Job": partial(self._stop, noun),
            }
        return handlers

    async def wait(self, arn: str) -> Document:
        """Wait for a job's end; what Describe answers then."""
        task = self._tasks.get(arn)
        if task is not None:
            await asyncio.shield(task)
        resource = self._store.find(arn)
        if resource is None:
            raise ApiError("ResourceNotFound", f"Could not find requested job with ARN: {arn}.")
        return described(Noun(resource.kind.removesuffix("Job")), resource)

    async def recover(self) -> None:
        """Fail what an earlier service left unfinished; its processes ended with it."""
        for noun in Noun:
            for status in (Status.IN_PROGRESS, Status.STOPPING):
                for resource in self._store.query(noun.kind, status=status):
                    if resource.arn not in self._tasks:
                        why = "InternalServerError: the local SageMaker service ended while this job ran. Start the job again."
                        self._end(noun, resource.arn, Ending(status=Status.FAILED, body=_failure(noun, why)))

    async def close(self) -> None:
        """End what runs. The jobs are left as they are in the store, for `recover` to find."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _create(self, noun: Noun, request: Request) -> Document:
        _CHECKS[noun](request)
        await check_definitions(request)
        name = request[f"{noun}JobName"]
        arn = f"{self._arns}:{noun.arn_type}/{name}"
        if self._store.get(noun.kind, name) is not None:
            raise ApiError(
                "ResourceInUse",
                f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn}).",
            )
        job = Job(
            noun=noun,
            name=name,
            arn=arn,
            request=request,
            root=self._state / "jobs" / name,
            log=log_path(self._state / "logs", noun, name),
        )
        running = self._run_of(job)
        now = self._clock.time()
        self._store.insert(
            Resource(
                kind=noun.kind,
                arn=arn,
                name=name,
                status=Status.IN_PROGRESS,
                created=now,
                modified=now,
                body={**body_of(noun, request), **self._first(job)},
            )
        )
        self._running[arn] = running
        task = self._tasks[arn] = asyncio.create_task(self._run(job, running))
        task.add_done_callback(lambda _: self._forget(arn))
        return {f"{noun}JobArn": arn}

    def _run_of(self, job: Job) -> Running:
        match job.noun:
            case Noun.PROCESSING:
                return ProcessingRun(job, self._tools)
            case Noun.TRAINING:
                return TrainingRun(job, self._tools)
            case Noun.TRANSFORM:
                name = job.request["ModelName"]
                model = self._store.get("Model", name)
                if model is None:
                    raise ApiError("ValidationException", f'Could not find model "{name}".')
                return TransformRun(job, self._tools, model=model.body)

    def _first(self, job: Job) -> Document:
        """What a job has beside its request from the start."""
        match job.noun:
            case Noun.PROCESSING:
                return {f"{job.noun}StartTime": self._clock.time()}
            case Noun.TRAINING:
                return {
                    "SecondaryStatus": "Training",
                    "TrainingStartTime": self._clock.time(),
                    "ModelArtifacts": {"S3ModelArtifacts": model_artifacts(job.name, job.request)},
                }
            case Noun.TRANSFORM:
                return {"TransformStartTime": self._clock.time()}

    async def _run(self, job: Job, running: Running) -> None:
        """Run a job, and record how it ended, whatever happens."""
        try:
            if job.root.exists():
                shutil.rmtree(job.root)
            job.scratch.mkdir(parents=True)
            job.log.parent.mkdir(parents=True, exist_ok=True)
            job.log.touch(mode=0o600)
            ending = await running.run()
        except JobFailed as error:
            ending = Ending(status=Status.FAILED, body=_failure(job.noun, str(error)))
        except ApiError as error:
            ending = Ending(status=Status.FAILED, body=_failure(job.noun, f"ClientError: {error.message}"))
        except OSError as error:
            ending = Ending(status=Status.FAILED, body=_failure(job.noun, f"{fault_of(error)}: {error}"))
        except Exception as error:  # noqa: BLE001  a job without an end would be waited for for ever
            _log.exception("Job %s failed inside the service.", job.arn)
            ending = Ending(status=Status.FAILED, body=_failure(job.noun, f"InternalServerError: {error!r}"))
        shutil.rmtree(job.scratch, ignore_errors=True)
        self._end(job.noun, job.arn, ending)

    def _end(self, noun: Noun, arn: str, ending: Ending) -> None:
        now = self._clock.time()
        resource = self._store.find(arn)
        assert resource is not None
        body = {**ending.body, f"{noun}EndTime": now}
        if noun is Noun.TRAINING:
            started = resource.body.get("TrainingStartTime", now)
            seconds = max(int(now - started), 0)
            secondary = ending.body.get("SecondaryStatus", str(ending.status))
            body |= {
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
                "SecondaryStatusTransitions": [
                    {"Status": "Training", "StartTime": started, "EndTime": now, "StatusMessage": "Training"},
                    {"Status": secondary, "StartTime": now, "EndTime": now, "StatusMessage": f"Training job {secondary}"},
                ],
            }
        self._store.update(arn, modified=now, status=ending.status, body=body)

    def _forget(self, arn: str) -> None:
        self._tasks.pop(arn, None)
        self._running.pop(arn, None)

    async def _describe(self, noun: Noun, request: Request) -> Document:
        return described(noun, self._named(noun, request))

    async def _list(self, noun: Noun, request: Request) -> Document:
        return listed(noun, self._store, request)

    async def _stop(self, noun: Noun, request: Request) -> Document:
        resource = self._named(noun, request)
        if resource.status == Status.STOPPING:
            return {}
        if resource.status != Status.IN_PROGRESS or resource.arn not in self._running:
            raise ApiError(
                "ValidationException",
                f"The request was rejected because the {noun.lower()} job '{resource.name}' is in status {resource.status}.",
            )
        body = {"SecondaryStatus": "Stopping"} if noun is Noun.TRAINING else None
        self._store.update(resource.arn, modified=self._clock.time(), status=Status.STOPPING, body=body)
        self._running[resource.arn].stop()
        return {}

    def _named(self, noun: Noun, request: Request) -> Resource:
        name = request[f"{noun}JobName"]
        resource = self._store.get(noun.kind, name)
        if resource is None:
            raise ApiError("ResourceNotFound", f"Could not find requested job with name: {name}")
        return resource


def _failure(noun: Noun, why: str) -> Document:
    return {"FailureReason": reason(why), **({"SecondaryStatus": "Failed"} if noun is Noun.TRAINING else {})}
