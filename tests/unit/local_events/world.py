"""The rooms round events: a real store, a real registry, real alarms and pipelines; jobs end by themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagelens.local.api import Api
from sagelens.local.events import Events
from sagelens.local.metrics import CloudWatch
from sagelens.local.objects import ObjectStore
from sagelens.local.pipelines import Pipelines
from sagelens.local.ports import Document, Handler, Resource
from sagelens.local.registry import Registry
from sagelens.local.store import Store
from sagelens.testing.clock import DrivenClock
from tests.unit.local_pipelines.world import Jobs

PLACE = {"account": "123456789012", "region": "eu-west-1"}
ROLE = "arn:aws:iam::123456789012:role/events"


def definition(*parameters: str, sources: dict[str, str] | None = None) -> str:
    """One step that reads these sources; a run has to be given their versions."""
    declared = [{"Name": name, "Type": "String", "DefaultValue": "none"} for name in parameters]
    versions = [f"DataVersion-{name}" for name in sources or ()]
    declared += [{"Name": name, "Type": "String"} for name in versions]
    inputs = [
        {"InputName": f"source-{name}", "S3Input": {"S3Uri": uri, "LocalPath": "/opt/ml/x", "S3DataType": "S3Prefix"}}
        for name, uri in (sources or {}).items()
    ]
    environment = {f"V{number}": {"Get": f"Parameters.{name}"} for number, name in enumerate(versions)}
    step = {
        "Name": "collect",
        "Type": "Processing",
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
        "Arguments": {
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": "image"},
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
            "Environment": environment,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "table",
                        "S3Output": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": ["s3://bucket/flow", {"Get": "Execution.PipelineExecutionId"}, "table"],
                                }
                            },
                            "LocalPath": "/opt/ml/processing/output/table",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
    }
    return json.dumps({"Version": "2020-12-01", "Parameters": declared, "Steps": [step]})


class World:
    """One service; `again` is what the next one finds on the same disk."""

    def __init__(self, root: Path, clock: DrivenClock | None = None) -> None:
        self.root = root
        self.clock = clock or DrivenClock()
        self.objects = ObjectStore(root / "objects")
        self.store = Store(root / "state.db")
        self.jobs = Jobs(self.objects)
        self.handlers: dict[str, Handler] = {}
        handlers = self.handlers
        self.api = Api(handlers, "key", self.clock)
        self.metrics = CloudWatch(self.store, self.clock, **PLACE)
        kept: dict[str, Any] = {"store": self.store, "objects": self.objects, "clock": self.clock, **PLACE}
        self.events = Events(**kept, call=self.api.call, metrics=self.metrics)
        self.pipelines = Pipelines(**kept, call=self.jobs.call, wait=self.jobs.wait, on_change=self.events.execution_changed)
        for room in (Registry(self.store, self.clock, **PLACE), self.metrics, self.pipelines, self.events):
            handlers.update(room.handlers())
        self.events.watch(handlers)
        self.metrics.announce(self.events.alarm_changed)

    async def open(self) -> World:
        for room in (self.metrics, self.pipelines, self.events):
            await room.recover()
        return self

    async def close(self) -> None:
        for room in (self.events, self.pipelines, self.metrics):
            await room.close()
        await asyncio.sleep(0)
        self.store.close()

    async def again(self) -> World:
        return await World(self.root, self.clock).open()

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.api.call(operation, request)

    async def pipeline(self, name: str, text: str) -> str:
        made = await self.call(
            "sagemaker.CreatePipeline", PipelineName=name, PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken="t" * 32
        )
        return str(made["PipelineArn"])

    async def rule(self, name: str, pipeline: str, *, parameters: dict[str, str] | None = None, **when: Any) -> str:
        """A rule with this pipeline as its target; a pattern is given as what it is."""
        if "EventPattern" in when:
            when["EventPattern"] = json.dumps(when["EventPattern"])
        made = await self.call("events.PutRule", Name=name, **when)
        listed = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
        target = {
            "Id": "start",
            "Arn": pipeline,
            "RoleArn": ROLE,
            "SageMakerPipelineParameters": {"PipelineParameterList": listed},
        }
        await self.call("events.PutTargets", Rule=name, Targets=[target])
        return str(made["RuleArn"])

    async def put(self, source: str, detail_type: str, detail: Any) -> Document:
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
        return await self.call("events.PutEvents", Entries=[entry])

    async def arrived(self, key: str = "raw/_SUCCESS") -> Document:
        return await self.put("aws.s3", "Object Created", {"bucket": {"name": "arrivals"}, "object": {"key": key}})

    def executions(self, pipeline: str = "flow") -> list[Resource]:
        return self.store.query("PipelineExecution", parent=pipeline, descending=False)

    def deliveries(self) -> list[Resource]:
        return self.store.query("EventDelivery", descending=False)

    async def settled(self) -> None:
        """Until every delivery and execution has ended."""
        await self.until(
            lambda: (
                not self.store.query("EventDelivery", status="Pending")
                and not self.store.query("PipelineExecution", status="Executing")
            )
        )

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110  threads and the store are looked at from outside
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
