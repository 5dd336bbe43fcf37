from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local_jobs.bench import Bench, bench_at

Run = Callable[..., Any]


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short folder: paths of sockets may not exceed 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def run(tmp_path: Path, runtime: Path) -> Run:
    """Run `scenario(bench)` on a loop of its own, with fresh processes; `scale` is the pace of the service's clock."""

    def within(scenario: Callable[[Bench], Awaitable[Any]], scale: float = 1.0) -> Any:
        async def main() -> Any:
            async with bench_at(tmp_path, runtime, scale=scale) as bench:
                return await scenario(bench)

        return asyncio.run(main())

    return within
