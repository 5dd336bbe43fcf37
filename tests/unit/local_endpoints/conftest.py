"""Endpoints over real server processes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.endpoints import Endpoints
from sagelens.local.ports import Clock, Document, Resource, Spawn
from sagelens.local.store import Store

ACCOUNT = "123456789012"
REGION = "eu-west-1"
PROGRAM = Path(__file__).with_name("model_program.py")


class Program:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process

    async def wait(self) -> int:
        return await self._process.wait()

    def terminate(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


class Programs:
    """Starts a program in place of what is asked for: the test's model program unless another is given."""

    def __init__(self, *command: str) -> None:
        self.command = command or ("-S", str(PROGRAM))
        self.started: list[Spawn] = []
        self.running: list[Program] = []
        self.broken: Exception | None = None

    async def spawn(self, spawn: Spawn) -> Program:
        if self.broken:
            raise self.broken
        self.started.append(spawn)
        with spawn.log.open("ab") as log:
            env = {**os.environ, **spawn.env}
            process = await asyncio.create_subprocess_exec(
                sys.executable, *self.command, env=env, cwd=spawn.cwd, stdout=log, stderr=log
            )
        program = Program(process)
        self.running.append(program)
        return program

    def alive(self) -> int:
        return sum(Path(f"/proc/{program.pid}").exists() for program in self.running)


class Folders:
    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, uri: str) -> Path:
        return self.root / uri.removeprefix("s3://")

    def uri(self, path: Path) -> str:
        return f"s3://{path.relative_to(self.root).as_posix()}"


class Local:
    """A service's endpoints room with its neighbours, as a client sees it."""

    def __init__(self, folder: Path, clock: Clock, *, processes: Programs | None = None, **ports: Any) -> None:
        self.store = Store(folder / "state.db")
        self.objects = Folders(folder / "objects")
        self.processes = processes or Programs()
        self.clock = clock
        self.state = folder
        self.endpoints = Endpoints(
            self.store, self.objects, self.processes, clock, folder, {"LANG": "C"}, ACCOUNT, REGION, **ports
        )
        self.handlers = self.endpoints.handlers()

    async def call(self, operation: str, **request: Any) -> Document:
        service = "sagemaker-runtime" if operation == "InvokeEndpoint" else "sagemaker"
        return await self.handlers[f"{service}.{operation}"](request)

    def model(self, name: str, **settings: str) -> str:
        """A model whose program behaves as the settings say; without any it answers with its name."""
        folder = self.objects.root / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in {"answer": name, **settings}.items():
            (folder / f"{key}.txt").write_text(value)
        source = {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": f"s3://models/{name}"}
        container = {"Image": "sagelens:1", "ModelDataSource": {"S3DataSource": source}, "Environment": {"MODEL": name}}
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{name}"
        self.store.insert(Resource(kind="Model", arn=arn, name=name, body={"ModelName": name, "PrimaryContainer": container}))
        return name

    async def config(self, name: str, *variants: Document, **more: Any) -> str:
        await self.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=list(variants), **more)
        return name

    async def invoke(self, body: bytes = b"x", endpoint: str = "flights", **more: Any) -> Document:
        return await self.call("InvokeEndpoint", EndpointName=endpoint, Body=body, **more)

    def events(self, endpoint: str = "flights") -> list[Document]:
        """The states that the endpoint's deployments went through."""
        found = self.store.get("Endpoint", endpoint)
        assert found is not None
        events: list[Document] = found.body["LocalEvents"]
        return events

    def alarm(self, *names: str) -> Document:
        """What a DeploymentConfig says to watch these alarms."""
        return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in names]}}

    async def describe(self, endpoint: str = "flights") -> Document:
        return await self.call("DescribeEndpoint", EndpointName=endpoint)

    async def settled(self, endpoint: str = "flights") -> Document:
        """The endpoint once nothing is under way."""

        async def still() -> bool:
            return (await self.describe(endpoint))["EndpointStatus"] not in ("Creating", "Updating")

        await until(still)
        return await self.describe(endpoint)

    async def answers_with(self, body: bytes) -> None:
        """Wait until a request is answered so."""

        async def so() -> bool:
            return bool((await self.invoke())["Body"] == body)

        await until(so)

    async def nothing_runs(self) -> bool:
        return self.processes.alive() == 0 and not self.store.query("Endpoint")

    async def up(self, model: str, endpoint: str = "flights", **more: Any) -> Document:
        """Create an endpoint for one model and wait for it."""
        config = await self.config(f"{endpoint}-{model}", variant(model, **more))
        await self.call("CreateEndpoint", EndpointName=endpoint, EndpointConfigName=config)
        return await self.settled(endpoint)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait, for 20 seconds at most, until the condition holds."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.01)


def variant(model: str, count: int = 1, name: str = "AllTraffic", **more: Any) -> Document:
    kept = {"InitialVariantWeight": 1.0, "InstanceType": "ml.m5.large", **more}
    return {"VariantName": name, "ModelName": model, "InitialInstanceCount": count, **kept}


Scenario = Callable[[Local], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine function on a Local of its own; nothing may be left running."""

    def runner(scenario: Scenario, *, clock: Clock | None = None, **ports: Any) -> None:
        asyncio.run(_scenario(scenario, tmp_path, clock or ScaledClock(), ports))

    return runner


@asynccontextmanager
async def opened(folder: Path, clock: Clock, *, kind: type[Local] = Local, **ports: Any) -> AsyncIterator[Local]:
    local = kind(folder, clock, **ports)
    try:
        yield local
    finally:
        await local.endpoints.close()
        local.store.close()
        assert local.processes.alive() == 0, "model servers were left running"


async def _scenario(scenario: Scenario, folder: Path, clock: Clock, ports: dict[str, Any]) -> None:
    async with opened(folder, clock, **ports) as local:
        await scenario(local)
