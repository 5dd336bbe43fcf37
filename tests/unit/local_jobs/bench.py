"""A service's worth of rooms around jobs: real store, real object store, real processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sagelens.local.clock import ScaledClock
from sagelens.local.forking.zygotes import Zygotes
from sagelens.local.jobs import Jobs
from sagelens.local.objects import ObjectStore
from sagelens.local.store import Store


class Bench:
    """Jobs with what they need, below one folder."""

    def __init__(self, state: Path, runtime: Path, *, fork: bool, scale: float = 1.0) -> None:
        self.state = state
        self.objects = ObjectStore(state / "objects")
        self.store = Store(state / "state.db")
        self.processes = Zygotes(runtime, state / "logs", fork=fork)
        self.clock = ScaledClock(scale)
        self.jobs = self.make_jobs()

    def make_jobs(self) -> Jobs:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.state), "PYTHONPATH": str(self.state / "path")}
        return Jobs(
            self.store,
            self.objects,
            self.processes,
            self.clock,
            state=self.state,
            environment=environment,
            account="000000000000",
            region="eu-west-1",
        )

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return await self.jobs.handlers()[f"sagemaker.{operation}"](request)

    def put(self, uri: str, content: str) -> str:
        path = self.objects.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return uri

    def get(self, uri: str) -> str:
        return self.objects.path(uri).read_text(encoding="utf-8")

    def log(self, noun: str, name: str) -> str:
        return (self.state / f"logs/aws/sagemaker/{noun}Jobs/{name}/algo-1").read_text(encoding="utf-8")

    async def close(self) -> None:
        await self.jobs.close()
        await self.processes.close()
        self.store.close()


@asynccontextmanager
async def bench_at(state: Path, runtime: Path, *, fork: bool = False, scale: float = 1.0) -> AsyncIterator[Bench]:
    bench = Bench(state, runtime, fork=fork, scale=scale)
    try:
        yield bench
    finally:
        await bench.close()
