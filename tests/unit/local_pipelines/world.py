"""The rooms round the interpreter: a real store, a real object folder, and jobs that end when the test says so."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagelens.local.jobs.outputs import stamps_of
from sagelens.local.objects import ObjectStore
from sagelens.local.pipelines import Pipelines
from sagelens.local.pipelines.outputs import written_uris
from sagelens.local.ports import STAMPS, ApiError, Document, Request
from sagelens.local.store import Store

_JOB = re.compile(r"pipelines-[a-z0-9]{12}-(.+)-[a-z0-9]{10}")


class HandClock:
    """Stands still but for sleeping and `advance`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Jobs:
    """Jobs by step name. `hold` keeps a step's jobs running until `end`; `faults` are raised by the next Create calls;
    `failures` end the next jobs; `write` decides the bytes of every output of a step, `writes` whether there are any."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects
        self.requests: list[tuple[str, Request]] = []
        self.held: set[str] = set()
        self.faults: dict[str, list[ApiError]] = {}
        self.failures: dict[str, list[Document]] = {}
        self.write: dict[str, dict[str, bytes]] = {}
        self.writes = True
        self.groups: set[str] = set()
        self.running: dict[str, str] = {}
        self.most_running = 0
        self._answers: dict[str, Document] = {}
        self._ended: dict[str, asyncio.Event] = {}

    @property
    def started(self) -> list[str]:
        return [step_of(request) for operation, request in self.requests if operation.endswith("Job") and "Create" in operation]

    def requests_of(self, operation: str) -> list[Request]:
        return [request for name, request in self.requests if name == f"sagemaker.{operation}"]

    async def call(self, operation: str, request: Request) -> Document:
        self.requests.append((operation, json.loads(json.dumps(request))))
        action, noun = re.fullmatch(r"sagemaker\.(Create|Describe|Stop)(\w+)", operation).groups()  # type: ignore[union-attr]
        if noun.endswith("Job"):
            return self._create_job(noun, request) if action == "Create" else self._stop(noun, request)
        return self._made_at_once(action, noun, request)

    def _create_job(self, noun: str, request: Request) -> Document:
        step, name = step_of(request), request[f"{noun}Name"]
        if self.faults.get(step):
            raise self.faults[step].pop(0)
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:{noun.removesuffix('Job').lower()}-job/{name}"
        self._answers[arn] = {**request, f"{noun}Arn": arn, f"{noun}Status": "InProgress"}
        self._ended[arn] = asyncio.Event()
        self.running[step] = arn
        self.most_running = max(self.most_running, len(self.running))
        if step not in self.held:
            asyncio.get_running_loop().call_soon(self.end, step)
        return {f"{noun}Arn": arn}

    def end(self, step: str, status: str | None = None, **left: str) -> None:
        """End the job of a step that runs."""
        arn = self.running.pop(step)
        answer = self._answers[arn]
        noun = next(key.removesuffix("Status") for key in answer if key.endswith("JobStatus"))
        failures = self.failures.get(step)
        failure = left or (failures.pop(0) if failures else {})
        answer |= {f"{noun}Status": status or ("Failed" if failure else "Completed"), **failure}
        if answer[f"{noun}Status"] == "Completed" and self.writes:
            self._write(step, answer)
        answer[STAMPS] = stamps_of(self.objects, written_uris(noun.removesuffix("Job"), answer))
        self._ended[arn].set()

    def _write(self, step: str, answer: Document) -> None:
        for output in answer.get("ProcessingOutputConfig", {}).get("Outputs", ()):
            name = output["OutputName"]
            self.put(f"{output['S3Output']['S3Uri']}/data", self.write.get(step, {}).get(name, f"{step}/{name}".encode()))
        if "OutputDataConfig" in answer:
            root = f"{answer['OutputDataConfig']['S3OutputPath']}/{answer['TrainingJobName']}/output"
            self.put(f"{root}/model/model.ubj", b"model")
            self.put(f"{root}/data/evidence.json", b"{}")
            answer["ModelArtifacts"] = {"S3ModelArtifacts": f"{root}/model"}

    def put(self, uri: str, data: bytes) -> None:
        path = self.objects.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _stop(self, noun: str, request: Request) -> Document:
        self.end(step_of(request), status="Stopped")
        return {}

    def _made_at_once(self, action: str, noun: str, request: Request) -> Document:
        name = request.get(f"{noun}Name") or f"{noun.lower()}-1"
        if noun == "ModelPackageGroup":
            if action == "Create":
                self.groups.add(name)
            elif name not in self.groups:
                raise ApiError("ValidationException", f"{name} does not exist")
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:{noun.lower()}/{name}"
        if action == "Create":
            self._answers[arn] = {**request, f"{noun}Arn": arn}
        return self._answers.get(arn) or self._answers.get(name) or {f"{noun}Arn": arn}

    async def wait(self, arn: str) -> Document:
        await self._ended[arn].wait()
        return self._answers[arn]


def step_of(request: Request) -> str:
    name = next(str(value) for key, value in request.items() if key.endswith("JobName"))
    found = _JOB.fullmatch(name)
    return found.group(1) if found else name


class World:
    """One service with one pipeline called `flow`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = ObjectStore(root / "objects")
        self.jobs = Jobs(self.objects)
        self.clock = HandClock()
        self.store = Store(root / "state.db")
        self.documents: list[Document] = []
        self.pipelines = self.service()

    def service(self) -> Pipelines:
        """Another service over the same store, as after a restart."""
        return Pipelines(
            self.store,
            self.objects,
            self.jobs.call,
            self.jobs.wait,
            self.clock,
            "123456789012",
            "eu-west-1",
            self.documents.append,
        )

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.pipelines.handlers()[f"sagemaker.{operation}"](request)

    async def define(self, text: str, **request: Any) -> None:
        """Create the pipeline, or update it."""
        operation = "UpdatePipeline" if self.store.get("Pipeline", "flow") else "CreatePipeline"
        await self.call(operation, PipelineName="flow", PipelineDefinition=text, **request)

    async def start(self, **request: Any) -> str:
        return str((await self.call("StartPipelineExecution", PipelineName="flow", **request))["PipelineExecutionArn"])

    async def run(self, text: str | None = None, **request: Any) -> str:
        """Start an execution and wait for its end."""
        if text is not None:
            await self.define(text)
        arn = await self.start(**request)
        await self.end(arn)
        return arn

    async def end(self, arn: str) -> Document:
        return await asyncio.wait_for(self.pipelines.wait(arn), 60)

    async def status(self, arn: str) -> str:
        return str((await self.call("DescribePipelineExecution", PipelineExecutionArn=arn))["PipelineExecutionStatus"])

    async def steps(self, arn: str) -> dict[str, Document]:
        answer = await self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn, SortOrder="Ascending")
        return {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}

    async def statuses(self, arn: str) -> dict[str, str]:
        return {name: step["StepStatus"] for name, step in (await self.steps(arn)).items()}

    def document(self, arn: str, bucket: str = "bucket") -> Document:
        document: Document = json.loads(
            self.objects.path(f"s3://{bucket}/flow/{arn.rpartition('/')[2]}/execution.json").read_bytes()
        )
        return document

    def step(self, arn: str, name: str) -> Document:
        """A step as the document has it."""
        return next(step for step in self.document(arn)["steps"] if step["name"] == name)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the service work until something holds."""
        for _ in range(5000):
            if holds():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never came to hold")
