"""Processing jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from sagelens.local.jobs.execution import Execution
from sagelens.local.jobs.exits import left_message
from sagelens.local.jobs.job import Ending, Exit, Job, JobFailed, Status, Tools, reason
from sagelens.local.jobs.outputs import PUBLISHING, Occupied, fault_of, stamps_of
from sagelens.local.jobs.runtime import Program
from sagelens.local.ports import STAMPS, ApiError, Document, Request

__all__ = ["ProcessingRun", "check_processing"]

_EVIDENCE = "evidence"
"""The output of this name is kept when a job fails, too. AWS keeps none; ours does so that a failure can be explained."""
_MOST_SECONDS = 86_400


def check_processing(request: Request) -> None:
    """Refuse by name what the process runtime does not do."""
    inputs = request.get("ProcessingInputs", ())
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    for item in inputs:
        _check_input(item["InputName"], item)
    for item in outputs:
        if not item.get("S3Output", {}).get("LocalPath") or item.get("AppManaged"):
            raise _refused(f"output '{item['OutputName']}' has no S3Output with a LocalPath, or is AppManaged")
    _check_distinct("inputs", {item["InputName"]: item["S3Input"]["LocalPath"] for item in inputs}, len(inputs))
    _check_distinct("outputs", paths := {item["OutputName"]: item["S3Output"]["LocalPath"] for item in outputs}, len(outputs))
    _check_apart(paths)
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise _refused("InstanceCount is above 1; jobs run on this one machine")


def _check_distinct(noun: str, paths: Mapping[str, str], count: int) -> None:
    """Of two with one name or one place the second would take the place of the first."""
    if len(paths) < count:
        raise ApiError("ValidationException", f"The {noun} have names that stand more than once; each needs one of its own.")
    places: dict[Path, str] = {}
    for name, path in paths.items():
        other = places.setdefault(Path(path), name)
        if other != name:
            raise ApiError("ValidationException", f"The {noun} '{other}' and '{name}' have one LocalPath, {path}.")


def _check_apart(outputs: Mapping[str, str]) -> None:
    for name, path in outputs.items():
        for other, above in outputs.items():
            if Path(above) in Path(path).parents:
                raise _refused(f"output '{name}' ({path}) lies inside output '{other}' ({above}); give each a folder of its own")


def _check_input(name: str, item: Document) -> None:
    source = item.get("S3Input", {})
    if "DatasetDefinition" in item or not source.get("LocalPath"):
        raise _refused(f"input '{name}' has no S3Input with a LocalPath; a DatasetDefinition is not read here")
    if source["S3DataType"] != "S3Prefix":
        raise _refused(f"input '{name}' has S3DataType {source['S3DataType']}; only S3Prefix is read here")
    if source.get("S3CompressionType", "None") != "None":
        raise _refused(f"input '{name}' has S3CompressionType {source['S3CompressionType']}; only None is read here")
    if item.get("AppManaged"):
        raise _refused(f"input '{name}' is AppManaged; inputs are brought to the job here")
    if source.get("S3InputMode", "File") != "File":
        raise _refused(f"input '{name}' has S3InputMode {source['S3InputMode']}; only File is read here")


def _refused(what: str) -> ApiError:
    return ApiError("ValidationException", f"The local SageMaker cannot run this processing job: {what}.")


class ProcessingRun:
    def __init__(self, job: Job, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        self._execution = Execution(tools.clock)

    def stop(self) -> None:
        self._execution.stop()

    async def run(self) -> Ending:
        self._prepare()
        if self._execution.stopped:
            return Ending(status=Status.STOPPED)
        limit = self._job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _MOST_SECONDS)
        process = await self._tools.runtime.start(self._job, self._program())
        ended = await self._execution.run(process, limit)
        return await asyncio.to_thread(self._finish, ended, limit)

    def _prepare(self) -> None:
        job, request = self._job, self._job.request
        config = job.inside("/opt/ml/config")
        config.mkdir(parents=True, exist_ok=True)
        job.inside("/opt/ml/output").mkdir(parents=True, exist_ok=True)
        about = {"ProcessingJobArn": job.arn, "ProcessingJobName": job.name, **request}
        (config / "processingjobconfig.json").write_text(json.dumps(about, default=str), encoding="utf-8")
        (config / "resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}', encoding="utf-8")
        for output in self._outputs():  # before the inputs: inside one it would else be made among the objects
            job.inside(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        inputs = [item["S3Input"] for item in request.get("ProcessingInputs", ())]
        self._tools.runtime.bring({job.inside(source["LocalPath"]): source["S3Uri"] for source in inputs})

    def _outputs(self) -> list[Document]:
        return list(self._job.request.get("ProcessingOutputConfig", {}).get("Outputs", ()))

    def _program(self) -> Program:
        application = self._job.request["AppSpecification"]
        return Program(
            entrypoint=application.get("ContainerEntrypoint", ()),
            arguments=application.get("ContainerArguments", ()),
            environment={
                **self._job.request.get("Environment", {}),
                "PROCESSING_JOB_NAME": self._job.name,
                "PROCESSING_JOB_ARN": self._job.arn,
            },
            code=self._code(),
        )

    def _code(self) -> Path:
        sources = {item["InputName"]: item["S3Input"]["LocalPath"] for item in self._job.request.get("ProcessingInputs", ())}
        return self._job.inside(sources.get("code", "/opt/ml/processing/input/code"))

    def _finish(self, ended: Exit, limit: float) -> Ending:
        job = self._job
        message = left_message(job.inside("/opt/ml/output/message"))
        body = {"ExitMessage": message} if message else {}
        succeeded = ended.code == 0 and not ended.stopped and not ended.timed_out
        with PUBLISHING:
            for output in self._outputs():
                if succeeded or output["OutputName"] == _EVIDENCE:
                    self._publish(output)
            stamps = stamps_of(self._tools.objects, (output["S3Output"]["S3Uri"] for output in self._outputs()))
        if succeeded:
            return Ending(status=Status.COMPLETED, body={**body, STAMPS: stamps})
        if ended.stopped:
            return Ending(status=Status.STOPPED, body=body)
        why = f"AlgorithmError: See the job's log for more information, {self._tools.runtime.told(self._job, ended.code)}"
        if ended.timed_out:
            why = f"ClientError: MaxRuntimeExceeded: the job ran longer than its MaxRuntimeInSeconds of {limit:g} and was ended"
        return Ending(status=Status.FAILED, body={**body, "FailureReason": reason(why)})

    def _publish(self, output: Document) -> None:
        where = output["S3Output"]
        try:
            self._tools.runtime.publish(self._job.inside(where["LocalPath"]), self._tools.objects.path(where["S3Uri"]))
        except Occupied as error:
            text = f"ClientError: output '{output['OutputName']}' cannot be stored at {where['S3Uri']}: {error}"
            raise JobFailed(text) from error
        except OSError as error:
            text = f"{fault_of(error)}: output '{output['OutputName']}' could not be stored at {where['S3Uri']}: {error}"
            raise JobFailed(text) from error
