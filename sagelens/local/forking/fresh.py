"""Processes started afresh: every command, and every call where forking is not possible or not safe."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from sagelens.local.forking import child
from sagelens.local.forking.process import signal_group
from sagelens.local.ports import Process, Spawn

__all__ = ["FreshProcesses"]


class FreshProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def wait(self) -> int:
        code = await self._process.wait()
        signal_group(self.pid, 9)  # what it left running ends with it, as in a container
        return code

    def terminate(self) -> None:
        if self._process.returncode is None:
            signal_group(self.pid, 15)

    def kill(self) -> None:
        if self._process.returncode is None:
            signal_group(self.pid, 9)


class FreshProcesses:
    """Each is the leader of its own group and, on Linux, ends with the service."""

    def __init__(self) -> None:
        self._started: list[FreshProcess] = []

    async def spawn(self, spawn: Spawn) -> Process:
        program = spawn.call.partition(":")[0]
        request: dict[str, Any] = (
            {"call": spawn.call, "argv": list(spawn.argv), "program": program}
            if spawn.call
            else {"command": [*spawn.command, *spawn.argv]}
        )
        if spawn.view is not None:
            request["view"] = spawn.view
        flags = ["-P", "-u"] if spawn.call else ["-I", "-S"]
        log = os.open(spawn.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *flags,
                str(Path(child.__file__)),
                str(os.getpid()),
                json.dumps(request),
                env=dict(spawn.env),
                cwd=spawn.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        started = FreshProcess(process)
        self._started = [*(p for p in self._started if p._process.returncode is None), started]  # noqa: SLF001  one module
        return started

    async def close(self) -> None:
        for process in self._started:
            process.kill()
        await asyncio.gather(*(process.wait() for process in self._started))
