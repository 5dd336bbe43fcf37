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
from sagelens.local.jobs.outputs import PUBLISHING, Occupied, fault_of, publish, stamps_of
from sagelens.local.objects.listing import objects_under
from sagelens.local.ports import STAMPS, ApiError, Document, Request

__all__ = ["TransformRun", "check_transform"]

_MEGABYTE = 1024 * 1024
_PAYLOAD = 6
_UNLIMITED = 10_240
_MOST_IN_FLIGHT = 100  # MB, by the API reference of CreateTransformJob
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
    if "DataCaptureConfig" in request:
        raise _refused("DataCaptureConfig is not supported here")
    if request["TransformResources"].get("InstanceCount", 1) != 1:
        raise _refused("InstanceCount is above 1; jobs run on this one machine")
    _check_payload(request)


def _check_payload(request: Request) -> None:
    """What the API reference says of the two, and the service model does not."""
    size, at_once = request.get("MaxPayloadInMB", _PAYLOAD), request.get("MaxConcurrentTransforms") or 1
    if size > _MOST_IN_FLIGHT:
        raise ApiError("ValidationException", f"MaxPayloadInMB is {size}; at most {_MOST_IN_FLIGHT} is allowed.")
    if size * at_once > _MOST_IN_FLIGHT:
        given = "" if "MaxPayloadInMB" in request else ", its default,"
        raise ApiError(
            "ValidationException",
            f"MaxConcurrentTransforms of {at_once} times MaxPayloadInMB of {size}{given} is {size * at_once} MB; together they "
            f"may be {_MOST_IN_FLIGHT} at most. Lower one of the two.",
        )


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
        self._publishing = False

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> Ending:
        """Stopped, it stores nothing, as on AWS."""
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not self._publishing:
                return Ending(status=Status.STOPPED)
            return Ending(status=Status.COMPLETED, body={STAMPS: await work})
        finally:
            stopped.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait((work,))

    @property
    def _made(self) -> Path:
        return self._job.root / "transformed"

    async def _work(self) -> Document:
        inputs = objects_under(self._tools.objects, self._uri)
        if not inputs:
            raise JobFailed(f"ClientError: No S3 objects found under S3 URL '{self._uri}'.")
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
        self._publishing = True
        return await asyncio.to_thread(self._publish)

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
        """Results become objects only once all is answered, so that a job that fails leaves none."""
        slots = asyncio.Semaphore(self._job.request.get("MaxConcurrentTransforms") or 1)

        async def one(key: str, path: Path) -> None:
            async with slots:
                await self._transform_object(key, path, self._made / f"{key}.out", client)

        try:
            async with asyncio.TaskGroup() as group:
                for key, path in inputs.items():
                    group.create_task(one(key, path))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    def _publish(self) -> Document:
        """Store all results; the state in which they are left."""
        uri: str = self._job.request["TransformOutput"]["S3OutputPath"]
        try:
            with PUBLISHING:
                publish(self._made, self._tools.objects.path(uri))
                return stamps_of(self._tools.objects, (uri,))
        except Occupied as error:
            raise JobFailed(f"ClientError: the results cannot be stored at {uri}: {error}") from error
        except OSError as error:
            raise JobFailed(f"{fault_of(error)}: the results could not be stored at {uri}: {error}") from error

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
