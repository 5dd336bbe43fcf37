"""A container, seen from the service as the process of the client that runs it."""

from __future__ import annotations

import asyncio

from sagelens.local.containers.engine import Engine
from sagelens.local.ports import Process

__all__ = ["ContainerProcess", "code_of"]

_KILLED = 128
_SIGNALS = 64


class ContainerProcess:
    """The client hands SIGTERM on and ends when its container does; SIGKILL would reach the client alone: the engine is told."""

    def __init__(self, process: Process, name: str, engine: Engine) -> None:
        self._process = process
        self._name = name
        self._engine = engine
        self._removing: asyncio.Task[None] | None = None
        self.pid = process.pid

    async def wait(self) -> int:
        code = await self._process.wait()
        if self._removing is not None:
            await asyncio.shield(self._removing)
        return code_of(code)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        if self._removing is None:
            self._removing = self._engine.remove_soon(self._name)


def code_of(code: int) -> int:
    """A container's exit code as that of a process: minus the signal's number when one killed it."""
    return _KILLED - code if _KILLED < code <= _KILLED + _SIGNALS else code
