"""Training jobs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sagelens.local.jobs.execution import Execution
from sagelens.local.jobs.exits import left_message
from sagelens.local.jobs.job import Ending, Exit, Job, JobFailed, Status, Tools, reason
from sagelens.local.jobs.metric_definitions import final_metrics
from sagelens.local.jobs.outputs import Occupied, fault_of, stamps_of
from sagelens.local.jobs.runtime import Program
from sagelens.local.ports import STAMPS, ApiError, Document, Request

__all__ = ["TrainingRun", "check_training", "model_artifacts"]

_MOST_SECONDS = 86_400
_LONGEST = 2_419_200  # s: CreateTrainingJob's API reference
_DATA = "/opt/ml/output/data"
_MODEL = "/opt/ml/model"
_CHECKPOINTS = "/opt/ml/checkpoints"


def check_training(request: Request) -> None:
    """Refuse by name what the process runtime does not do."""
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ApiError("ValidationException", f"Channel names must be unique; given more than once: {', '.join(twice)}.")
    if "AlgorithmSpecification" not in request:  # optional in the service model, for jobs that customise a model of AWS's
        raise _refused("it has no AlgorithmSpecification, which says what to run")
    mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    for channel in request.get("InputDataConfig", ()):
        _check_channel(channel, mode)
    if request.get("ResourceConfig", {}).get("InstanceCount", 1) != 1:
        raise _refused("InstanceCount is above 1; jobs run on this one machine")
    _check_times(request)


def _check_channel(channel: Document, mode: str) -> None:
    """`mode` is the job's TrainingInputMode, which holds for a channel that has none."""
    name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
    if source is None:
        raise _refused(f"channel '{name}' has no S3DataSource")
    if source["S3DataType"] != "S3Prefix":
        raise _refused(f"channel '{name}' has S3DataType {source['S3DataType']}; only S3Prefix is read here")
    if channel.get("CompressionType", "None") != "None":
        raise _refused(f"channel '{name}' has CompressionType {channel['CompressionType']}; only None is read here")
    if channel.get("RecordWrapperType", "None") != "None":
        raise _refused(f"channel '{name}' has RecordWrapperType {channel['RecordWrapperType']}; only None is read here")
    if channel.get("InputMode", mode) == "Pipe":
        raise _refused(f"channel '{name}' has InputMode Pipe; File and FastFile are read here")


def _check_times(request: Request) -> None:
    """What the API reference says of spot training, and the service model does not."""
    stopping = request.get("StoppingCondition", {})
    limit, wait = stopping.get("MaxRuntimeInSeconds", _MOST_SECONDS), stopping.get("MaxWaitTimeInSeconds")
    if limit > _LONGEST:
        raise ApiError("ValidationException", f"MaxRuntimeInSeconds is {limit}; at most {_LONGEST}, 28 days, is allowed.")
    if request.get("EnableManagedSpotTraining") and wait is None:
        raise ApiError("ValidationException", "EnableManagedSpotTraining needs a MaxWaitTimeInSeconds in StoppingCondition.")
    if wait is not None and wait < limit:
        raise ApiError(
            "ValidationException",
            f"MaxWaitTimeInSeconds is {wait}; it includes the run, so it cannot be below MaxRuntimeInSeconds, {limit}.",
        )


def _refused(what: str) -> ApiError:
    return ApiError("ValidationException", f"The local SageMaker cannot run this training job: {what}.")


def model_artifacts(name: str, request: Request) -> str:
    """Where the model will be: a folder when OutputDataConfig.CompressionType is NONE, else an archive."""
    return f"{_output(name, request)}/{'model' if _as_folders(request) else 'model.tar.gz'}"


def _output(name: str, request: Request) -> str:
    return f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output"


def _as_folders(request: Request) -> bool:
    return bool(request["OutputDataConfig"].get("CompressionType") == "NONE")


class TrainingRun:
    def __init__(self, job: Job, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        self._execution = Execution(tools.clock)

    def stop(self) -> None:
        self._execution.stop()

    async def run(self) -> Ending:
        self._prepare()
        if self._execution.stopped:
            return Ending(status=Status.STOPPED, body={"SecondaryStatus": "Stopped"})
        limit = self._job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _MOST_SECONDS)
        process = await self._tools.runtime.start(self._job, self._program())
        ended = await self._execution.run(process, limit)
        metrics = await final_metrics(self._job.request, self._job.log, self._tools.clock.time())
        return await asyncio.to_thread(self._finish, ended, {"FinalMetricDataList": metrics})

    def _prepare(self) -> None:
        job, request = self._job, self._job.request
        channels = {channel["ChannelName"]: channel for channel in request.get("InputDataConfig", ())}
        for folder in (_MODEL, _DATA, "/opt/ml/input/config", "/opt/ml/input/data"):
            job.inside(folder).mkdir(parents=True, exist_ok=True)
        files = {
            "hyperparameters": request.get("HyperParameters", {}),
            "inputdataconfig": {name: _channel(channel) for name, channel in channels.items()},
            "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
        }
        for name, content in files.items():
            job.inside(f"/opt/ml/input/config/{name}.json").write_text(json.dumps(content), encoding="utf-8")
        uris = {name: channel["DataSource"]["S3DataSource"]["S3Uri"] for name, channel in channels.items()}
        self._tools.runtime.bring({job.inside(f"/opt/ml/input/data/{name}"): uri for name, uri in uris.items()})
        if "CheckpointConfig" in request:
            self._link_checkpoints(request["CheckpointConfig"])

    def _link_checkpoints(self, config: Document) -> None:
        """The folder is where the objects are: what was kept before is there, and what is kept outlives the job."""
        kept = self._kept(config)
        kept.mkdir(parents=True, exist_ok=True)
        folder = self._job.inside(config.get("LocalPath", _CHECKPOINTS))
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(kept, target_is_directory=True)

    def _kept(self, config: Document) -> Path:
        return self._tools.objects.path(config["S3Uri"].rstrip("/"))

    def _program(self) -> Program:
        algorithm = self._job.request["AlgorithmSpecification"]
        return Program(
            entrypoint=algorithm.get("ContainerEntrypoint", ()),
            arguments=algorithm.get("ContainerArguments", ()),
            environment={
                **self._job.request.get("Environment", {}),
                "TRAINING_JOB_NAME": self._job.name,
                "TRAINING_JOB_ARN": self._job.arn,
            },
            code=self._job.inside("/opt/ml/input/data/code"),
            writable=[self._kept(self._job.request["CheckpointConfig"])] if "CheckpointConfig" in self._job.request else (),
        )

    def _finish(self, ended: Exit, metrics: Document) -> Ending:
        """A job that was stopped or ran out of time keeps its model, as on AWS; one that failed keeps its output data."""
        if ended.stopped or ended.timed_out:
            self._store(model=True)
            secondary = "MaxRuntimeExceeded" if ended.timed_out else "Stopped"
            return Ending(status=Status.STOPPED, body={**metrics, "SecondaryStatus": secondary})
        self._store(model=ended.code == 0)
        if ended.code == 0:
            stamps = stamps_of(self._tools.objects, (_output(self._job.name, self._job.request),))
            return Ending(status=Status.COMPLETED, body={**metrics, "SecondaryStatus": "Completed", STAMPS: stamps})
        left = left_message(self._job.inside("/opt/ml/output/failure"))
        code = self._tools.runtime.told(self._job, ended.code)
        why = f"AlgorithmError: {left[: 1000 - len(code)]}, {code}" if left else f"AlgorithmError: See the job's log, {code}"
        return Ending(status=Status.FAILED, body={**metrics, "SecondaryStatus": "Failed", "FailureReason": reason(why)})

    def _store(self, *, model: bool) -> None:
        job, objects = self._job, self._tools.objects
        output = _output(job.name, job.request)
        wanted = {"data" if _as_folders(job.request) else "output.tar.gz": job.inside(_DATA)}
        if model:
            wanted["model" if _as_folders(job.request) else "model.tar.gz"] = job.inside(_MODEL)
        store = self._tools.runtime.publish if _as_folders(job.request) else self._tools.runtime.archive
        for name, made in wanted.items():
            if not any(made.iterdir()):
                continue
            try:
                store(made, objects.path(f"{output}/{name}"))
            except Occupied as error:
                raise JobFailed(f"ClientError: {output}/{name} cannot be stored: {error}") from error
            except OSError as error:
                raise JobFailed(f"{fault_of(error)}: {output}/{name} could not be stored: {error}") from error


def _channel(channel: Document) -> Document:
    """What the container is told of a channel; the URI is ours, for evidence."""
    source = channel["DataSource"]["S3DataSource"]
    return {
        "TrainingInputMode": "File",
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        "S3Uri": source["S3Uri"],
    }
