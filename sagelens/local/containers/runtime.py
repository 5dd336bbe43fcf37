"""The docker runtime of a service, from its start to its end; and what an earlier one left behind, whatever runs now."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sagelens.errors import ServiceUnavailable
from sagelens.local.containers.engine import Engine, EngineError
from sagelens.local.containers.jobs import ContainerJobs
from sagelens.local.containers.servers import ContainerLauncher
from sagelens.local.endpoints.server import ModelServers, Servers
from sagelens.local.jobs.runtime import JobRuntime
from sagelens.local.ports import Objects, Processes

__all__ = ["docker_runtime", "remove_containers"]

_log = logging.getLogger(__name__)
_MARK = "containers"
"""A file that is there as long as containers of the project may be."""


@asynccontextmanager
async def docker_runtime(
    state: Path, *, objects: Objects, processes: Processes, environment: Mapping[str, str]
) -> AsyncIterator[tuple[JobRuntime, Servers]]:
    """Containers for the service whose state is in this folder; none is left when it ends, nor from before it starts."""
    engine = Engine(state)
    try:
        found = await engine.sweep()
    except EngineError as error:
        raise ServiceUnavailable(f"The docker runtime cannot be used: {error}") from error
    if found:
        _log.warning("%d containers of an earlier service were removed", found)
    mark = state / _MARK
    mark.touch(mode=0o600)
    jobs = ContainerJobs(objects, processes, engine, environment, sys.platform)
    try:
        yield jobs, ModelServers(ContainerLauncher(objects, processes, engine, environment, state))
    finally:
        await engine.close()
        mark.unlink(missing_ok=True)


async def remove_containers(state: Path) -> None:
    """Remove what a service in the docker runtime left when it was killed."""
    mark = state / _MARK
    if not mark.exists():
        return
    try:
        await Engine(state).sweep()
        mark.unlink()
    except EngineError as error:
        _log.warning("containers of an earlier service may be left: %s", error)
