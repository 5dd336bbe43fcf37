"""The projector and its writer, a process of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.forking.fresh import FreshProcesses
from sagelens.local.ports import Process, Spawn
from sagelens.local.projector import Projector
from sagelens.tracking.client import connect

from .conftest import ARN, Bucket


class Watched:
    """Fresh processes, and a list of those that were started."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self._fresh = FreshProcesses()

    async def spawn(self, spawn: Spawn) -> Process:
        process = await self._fresh.spawn(spawn)
        self.started.append(process)
        return process

    async def close(self) -> None:
        await self._fresh.close()


class Objects:
    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, uri: str) -> Path:
        return self.root / uri.removeprefix("s3://")

    def uri(self, path: Path) -> str:
        return f"s3://{path.relative_to(self.root)}"


@pytest.fixture
def state(tmp_path: Path, empty_database: Path) -> Path:
    """The service's folder, with a path too long for a socket, and a database that has its tables."""
    folder = tmp_path / ("long" * 20) / ".sagelens"
    folder.mkdir(parents=True)
    shutil.copy(empty_database, folder / "mlflow.db")
    return folder


@asynccontextmanager
async def opened(state: Path, bucket: Bucket) -> AsyncIterator[tuple[Projector, Watched]]:
    processes = Watched()
    projector = Projector(processes, state, Objects(bucket.root), {"PATH": "/usr/bin:/bin"})
    try:
        yield projector, processes
    finally:
        await projector.close()
        await processes.close()


def run_of(state: Path, run_id: str) -> Any:
    return connect(f"sqlite:///{state / 'mlflow.db'}").get_run(run_id)


def test_an_execution_is_followed_to_its_end_over_the_death_of_the_writer(state: Path, bucket: Bucket) -> None:
    async def scenario() -> None:
        async with opened(state, bucket) as (projector, processes):
            bucket.step("prepare", evidence={"metrics": {"rows": 5.0}})
            bucket.save()
            projector(json.loads(json.dumps(bucket.document)))
            await projector.settle(ARN)
            assert "tracking" not in json.loads(bucket.path.read_text()) or bucket.document["tracking"] is None
            processes.started[0].kill()
            bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}})
            bucket.finish()
            bucket.save()
            projector(bucket.document)
            await projector.settle(ARN)
            assert len(processes.started) == 2

    asyncio.run(scenario())
    tracking = json.loads(bucket.path.read_text())["tracking"]

    assert tracking["uri"] == f"sqlite:///{state / 'mlflow.db'}"
    assert tracking["experiment"] == "training"
    assert tracking["steps"].keys() == {"prepare", "train"}
    assert run_of(state, tracking["run_id"]).info.status == "FINISHED"
    assert run_of(state, tracking["run_id"]).data.metrics == {"rows": 5.0, "roc_auc": 0.7}
    assert run_of(state, tracking["run_id"]).info.artifact_uri.startswith((state / "mlartifacts").as_uri())


def test_what_an_earlier_service_left_unwritten_is_written_at_the_start(state: Path, bucket: Bucket) -> None:
    bucket.step("prepare", evidence={})
    bucket.finish("Failed")
    bucket.save()

    async def scenario() -> None:
        async with opened(state, bucket) as (projector, _):
            await projector.start()
            await projector.settle(ARN)

    asyncio.run(scenario())
    tracking = json.loads(bucket.path.read_text())["tracking"]

    assert run_of(state, tracking["run_id"]).info.status == "FAILED"


def test_documents_that_pile_up_are_written_once(state: Path, bucket: Bucket) -> None:
    async def scenario() -> None:
        async with opened(state, bucket) as (projector, _):
            for number in range(20):
                bucket.step(f"step-{number}")
                projector(json.loads(json.dumps(bucket.document)))
            bucket.finish()
            bucket.save()
            projector(bucket.document)
            await projector.settle(ARN)

    asyncio.run(scenario())
    tracking = json.loads(bucket.path.read_text())["tracking"]

    assert len(tracking["steps"]) == 20


def test_a_writer_that_cannot_work_lets_the_execution_go_on(
    state: Path, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.finish()
    bucket.save()

    async def scenario() -> None:
        processes = Watched()
        environment = {"PATH": "/usr/bin:/bin", "MLFLOW_TRACKING_URI": "nonsense://x"}
        projector = Projector(processes, state, Objects(bucket.root), environment)
        projector(bucket.document)
        await projector.settle(ARN)
        await projector.close()
        await processes.close()

    asyncio.run(scenario())

    assert "tracking URI 'nonsense://x'" in json.loads(bucket.path.read_text())["tracking"]["error"]
    assert "tracking URI 'nonsense://x'" in caplog.text
