"""Events on their way to targets: kept until they have started what they are for, each target once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from sagelens.local.events.paths import is_path, text_at
from sagelens.local.objects.listing import objects_under
from sagelens.local.ports import ApiError, Call, Clock, Document, Metrics, Objects, Resource
from sagelens.local.store import AlreadyStored, Store
from sagelens.pipeline.data_version import EVENT, data_version, declares, sources_in
from sagelens.values import digest_bytes

__all__ = ["KIND", "Deliveries"]

KIND = "EventDelivery"
log = logging.getLogger(__name__)

_PENDING, _DELIVERED, _FAILED = "Pending", "Delivered", "Failed"
_PAUSES = (1.0, 5.0, 30.0)
"""Seconds on the wall before a target is tried again that the service itself failed to start."""
_KEPT = 100
"""Deliveries that have ended and are kept, of either kind, so that a question about one can be answered; each has its event."""
_MOST_PENDING = 1000
_AT_ONCE = 8  # starts; each may read the sources of its pipeline
_LONGEST = 1024  # of a parameter's value


class Deliveries:
    def __init__(self, store: Store, objects: Objects, clock: Clock, call: Call, metrics: Metrics) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock
        self._call = call
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def add(self, event: Document, rule: Resource, target: Document) -> None:
        """To be called within the transaction that the event belongs to. An event that was delivered before is left out."""
        now = self._clock.time()
        arn = f"{rule.arn}/delivery/{event['id']}/{target['Id']}"
        delivery = Resource(
            kind=KIND,
            arn=arn,
            name=f"{event['id']}/{target['Id']}",
            parent=rule.arn,
            status=_PENDING,
            created=now,
            modified=now,
            body={"Event": event, "Rule": rule.name, "Target": target},
        )
        try:
            self._store.insert(delivery)
        except AlreadyStored:
            return
        self._count("Invocations", rule.name)
        self._start(delivery)

    def are_full(self) -> bool:
        """Whether so many are under way that no client may add to them."""
        return len(self._tasks) >= _MOST_PENDING

    async def recover(self) -> None:
        """Go on with what an earlier service had no time for."""
        for delivery in self._store.query(KIND, status=_PENDING, descending=False):
            self._start(delivery)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, delivery: Resource) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery), name=f"delivery {delivery.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Resource) -> None:
        if self._store.find(delivery.arn) is None:
            return  # what the event belongs to was undone
        try:
            started = await self._tried(delivery)
        except (ApiError, LookupError) as error:
            self._failed(delivery, error.message if isinstance(error, ApiError) else str(error))
        except Exception as error:  # one event must not keep the others from being delivered
            log.exception("event %s could not be delivered", delivery.name)
            self._failed(delivery, f"{type(error).__name__}: {error}")
        else:
            self._end(delivery, _DELIVERED, {"PipelineExecutionArn": started})

    async def _tried(self, delivery: Resource) -> str:
        policy = delivery.body["Target"].get("RetryPolicy") or {}
        for pause in _PAUSES[: policy.get("MaximumRetryAttempts", len(_PAUSES))]:
            try:
                async with self._turns:
                    return await self._begin(delivery)
            except ApiError as error:
                if error.status < 500:
                    raise
                log.warning("event %s: %s. It is tried again in %s s.", delivery.name, error.message, pause)
            await asyncio.sleep(pause)
        async with self._turns:
            return await self._begin(delivery)

    async def _begin(self, delivery: Resource) -> str:
        """Start the target's pipeline; started again with the same event, it is the same execution."""
        event, target = delivery.body["Event"], delivery.body["Target"]
        given = {
            parameter["Name"]: _value(event, parameter["Name"], parameter["Value"])
            for parameter in target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
        }
        pipeline = target["Arn"].rpartition("/")[2]
        parameters = await self._found(pipeline, event) | given
        answer = await self._call(
            "sagemaker.StartPipelineExecution",
            {
                "PipelineName": pipeline,
                "ClientRequestToken": digest_bytes(delivery.arn.encode()),
                "PipelineExecutionDescription": f"Started by rule {delivery.body['Rule']} on event {event['id']}",
                "PipelineParameters": [{"Name": name, "Value": value} for name, value in parameters.items()],
            },
        )
        return str(answer["PipelineExecutionArn"])

    async def _found(self, pipeline: str, event: Mapping[str, Any]) -> dict[str, str]:
        """What the function of infra/ finds on AWS: the event's id, and the version of each source that lies in S3."""
        definition = str((await self._call("sagemaker.DescribePipeline", {"PipelineName": pipeline}))["PipelineDefinition"])
        versions = {name: await asyncio.to_thread(self._version, uri) for name, uri in sources_in(definition).items()}
        return {**versions, **({EVENT: str(event["id"])} if EVENT in declares(definition) else {})}

    def _version(self, uri: str) -> str:
        bucket = self._objects.path("/".join(uri.split("/")[:3]))
        found = [(path.relative_to(bucket).as_posix(), path) for path in objects_under(self._objects, uri).values()]
        try:
            return data_version((key, path.stat().st_size, _etag(path)) for key, path in found)
        except LookupError as error:
            raise LookupError(f"source {uri}: {error}") from error

    def _failed(self, delivery: Resource, reason: str) -> None:
        log.error("rule %s did not start %s: %s", delivery.body["Rule"], delivery.body["Target"]["Arn"], reason)
        self._count("FailedInvocations", delivery.body["Rule"])
        self._end(delivery, _FAILED, {"Reason": reason})

    def _end(self, delivery: Resource, status: str, body: Document) -> None:
        with self._store.transaction():
            self._store.update(delivery.arn, modified=self._clock.time(), status=status, body=body)
            for old in self._store.query(KIND, status=status, order_by="modified", offset=_KEPT):
                self._store.delete(old.arn)

    def _count(self, name: str, rule: str) -> None:
        self._metrics.record("AWS/Events", name, {"RuleName": rule}, 1.0)


def _value(event: Mapping[str, Any], name: str, given: str) -> str:
    value = text_at(event, given) if is_path(given) else given
    if len(value) > _LONGEST:
        raise LookupError(f"the value of parameter {name} has {len(value)} characters; {_LONGEST} are allowed")
    return value


def _etag(path: Any) -> str:
    """As the S3 API of the local service has it."""
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
