"""Transform jobs: a model server of their own, asked once for each part of the input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagelens.local.endpoints.http import Answer, head_of
from sagelens.local.endpoints.server import Client, NotHealthy
from sagelens.local.jobs.job import Ending, Job, JobFailed, Status, Tools, reason
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["TransformRun", "check_transform"]

_MEGABYTE = 1024 * 1024
_PAYLOAD = 6
_UNLIMITED = 10_240
_TIMEOUT = 600
_HEALTHY_WITHIN = 120.0


def check_transform(request: Request) -> None:
    """Refuse by name what the process runtime does not do."""
    source, processing = request["TransformInput"], request.get("DataProcessing", {})
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    if kind != "S3Prefix":
        raise _refused(f"S3DataType is {kind}; only S3Prefix is read here")
    if source.get("CompressionType", "None") != "None":
        raise _refused(f"CompressionType is {source['CompressionType']}; only None is read here")
    if source.get("SplitType", "None") not in {"None", "Line"}:
        raise _refused(f"SplitType is {source['SplitType']}; None and Line are split here")
    for name in ("InputFilter", "OutputFilter"):
        if processing.get(name, "$") != "$":
            raise _refused(f"DataProcessing.{name} is not supported here")
    if processing.get("JoinSource", "None") != "None":
        raise _refused("DataProcessing.JoinSource is not supported here")
    if request["TransformResources"].get("InstanceCount", 1) != 1:
        raise _refused("InstanceCount is above 1; jobs run on this one machine")


def _refused(what: str) -> ApiError:
    return ApiError("ValidationException", f"The local SageMaker cannot run this transform job: {what}.")


class TransformRun:
    """`model` is the body of the model that the job names."""

    def __init__(self, job: Job, tools: Tools, *, model: Document) -> None:
        self._job = job
        self._tools = tools
        self._model = model
        self._payload = job.request.get("MaxPayloadInMB", _PAYLOAD) * _MEGABYTE
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> Ending:
        """Stopped, it stores nothing, as on AWS."""
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return Ending(status=Status.STOPPED)
            work.result()
            return Ending(status=Status.COMPLETED)
        finally:
            stopped.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait((work,))

    async def _work(self) -> None:
        inputs = _inputs(self._tools.objects.path(self._uri), self._uri)
        servers, job = self._tools.servers, self._job
        try:
            kind = job.request["TransformResources"]["InstanceType"]
            server = await servers.start(self._model_of_job(), log=job.log, within=_HEALTHY_WITHIN, instance_type=kind)
        except NotHealthy as error:
            raise JobFailed(reason(f"AlgorithmError: the model server did not start: {error}. See the job's log.")) from error
        try:
            await self._transform(inputs, server.client)
        finally:
            await servers.stop(server)

    def _model_of_job(self) -> Document:
        """The model, with the job's environment over its own."""
        container = self._model.get("PrimaryContainer") or self._model["Containers"][0]
        environment = {
            **container.get("Environment", {}),
            **self._job.request.get("Environment", {}),
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._payload // _MEGABYTE or _UNLIMITED),
        }
        return {**self._model, "PrimaryContainer": {**container, "Environment": environment}}

    @property
    def _uri(self) -> str:
        uri: str = self._job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        return uri

    async def _transform(self, inputs: dict[str, Path], client: Client) -> None:
        """Results become objects only when all is answered, so that a job that fails leaves none."""
        slots = asyncio.Semaphore(self._job.request.get("MaxConcurrentTransforms") or 1)
        made = self._job.root / "transformed"

        async def one(key: str, path: Path) -> None:
            async with slots:
                await self._transform_object(key, path, made / f"{key}.out", client)

        try:
            async with asyncio.TaskGroup() as group:
                for key, path in inputs.items():
                    group.create_task(one(key, path))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        target = self._tools.objects.path(self._job.request["TransformOutput"]["S3OutputPath"])
        for key in inputs:
            stored = target / f"{key}.out"
            stored.parent.mkdir(parents=True, exist_ok=True)
            (made / f"{key}.out").replace(stored)

    async def _transform_object(self, key: str, path: Path, made: Path, client: Client) -> None:
        end = b"\n" if self._job.request["TransformOutput"].get("AssembleWith") == "Line" else b""
        made.parent.mkdir(parents=True, exist_ok=True)
        with made.open("wb") as file:
            for part in self._parts(path, key):
                answer = await self._ask(part, key, client)
                file.write(answer.removesuffix(b"\n") + end if end else answer)

    def _parts(self, path: Path, key: str) -> Iterator[bytes]:
        request = self._job.request
        content = path.read_bytes()
        if request["TransformInput"].get("SplitType", "None") == "None":
            yield self._fitting(content, key)
            return
        lines = [line for line in content.splitlines(keepends=True) if line.strip()]
        if request.get("BatchStrategy", "MultiRecord") == "SingleRecord":
            yield from (self._fitting(line, key) for line in lines)
            return
        batch: list[bytes] = []
        size = 0
        for line in lines:
            if batch and self._payload and size + len(line) > self._payload:
                yield b"".join(batch)
                batch, size = [], 0
            batch.append(self._fitting(line, key))
            size += len(line)
        if batch:
            yield b"".join(batch)

    def _fitting(self, part: bytes, key: str) -> bytes:
        if self._payload and len(part) > self._payload:
            raise JobFailed(
                f"ClientError: a record of '{key}' has {len(part)} bytes, more than MaxPayloadInMB "
                f"({self._payload // _MEGABYTE}) allows. Raise MaxPayloadInMB, or split the input."
            )
        return part

    async def _ask(self, part: bytes, key: str, client: Client) -> bytes:
        request, source = self._job.request, self._job.request["TransformInput"]
        settings = request.get("ModelClientConfig", {})
        headers = [("Content-Type", source.get("ContentType", "application/octet-stream"))]
        if "Accept" in request["TransformOutput"]:
            headers.append(("Accept", request["TransformOutput"]["Accept"]))
        head = head_of("POST", "/invocations", headers, len(part))
        why = ""
        for _ in range(1 + settings.get("InvocationsMaxRetries", 0)):
            try:
                answer = await client.request(head, part, timeout=settings.get("InvocationsTimeoutInSeconds", _TIMEOUT))
            except TimeoutError:
                why = "no answer in time"
            except ConnectionError as error:
                why = str(error)
            else:
                if answer.status == 200:
                    return answer.body
                why = _refusal(answer)
                if answer.status < 500:
                    break
        raise JobFailed(reason(f"AlgorithmError: the model refused '{key}': {why}"))


def _inputs(path: Path, uri: str) -> dict[str, Path]:
    """Every object below the prefix, by its key relative to it."""
    if path.is_file():
        return {path.name: path}
    found = {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
    if not found:
        raise JobFailed(f"ClientError: No S3 objects found under S3 URL '{uri}'.")
    return found


def _refusal(answer: Answer) -> str:
    """The server's own words, out of JSON if it speaks that."""
    text = answer.body.decode("utf-8", "replace").strip()
    try:
        body: Any = json.loads(text)
    except ValueError:
        body = None
    if isinstance(body, dict):
        text = str(next((body[name] for name in ("message", "detail", "error") if name in body), text))
    return f"status {answer.status}: {text[:800]}"
