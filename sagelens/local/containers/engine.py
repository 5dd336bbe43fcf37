"""The Docker engine, as far as the service needs it: containers with its project's label, and the network of isolated servers."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sagelens.local.containers.client import client_environment

__all__ = ["Engine", "EngineError"]

_log = logging.getLogger(__name__)
_PROJECT = "sagelens.project"
_SERVICE = "sagelens.service"
_UNNAMEABLE = re.compile(r"[^a-zA-Z0-9_.-]")
_CUT_OFF = (
    "com.docker.network.bridge.enable_ip_masquerade=false",
    "com.docker.network.bridge.enable_icc=false",
)
"""Nothing translates the addresses of these containers, so no answer finds its way back to them from outside; and they do not
reach one another."""


class EngineError(Exception):
    """Docker's client refused; the text is its last line."""


class Engine:
    """Everything that it makes carries the project's label, so that the next service finds what this one left."""

    def __init__(self, root: Path) -> None:
        self.project = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
        self.labels = {_PROJECT: self.project, _SERVICE: str(os.getpid())}
        self._tasks: set[asyncio.Task[None]] = set()
        self._network: asyncio.Task[str] | None = None

    def name_of(self, thing: str) -> str:
        """What the container of a job or server is called."""
        return f"sagelens-{self.project}-{_UNNAMEABLE.sub('-', thing)}"

    async def has_image(self, image: str) -> bool:
        try:
            await self._run("image", "inspect", "--format", "{{.Id}}", image)
        except EngineError as error:
            if "no such image" in str(error).lower():
                return False
            raise
        return True

    async def isolated_network(self) -> str:
        """The project's network from which nothing goes out, made at its first use."""
        if self._network is None or (self._network.done() and self._network.exception() is not None):
            self._network = asyncio.create_task(self._make_network())
        return await asyncio.shield(self._network)

    def remove_soon(self, name: str) -> asyncio.Task[None]:
        """End a container and remove it, whatever it is doing."""
        return self._soon(self._remove(name))

    async def sweep(self) -> int:
        """Remove every container and network of the project; how many containers there were."""
        mine = ("--filter", f"label={_PROJECT}={self.project}", "--quiet")
        containers = (await self._run("ps", "--all", "--no-trunc", *mine)).split()
        if containers:
            await self._run("rm", "--force", "--volumes", *containers)
        networks = (await self._run("network", "ls", *mine)).split()
        if networks:
            await self._run("network", "rm", *networks)
        return len(containers)

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        try:
            await self.sweep()
        except EngineError as error:
            _log.warning("containers of this project may be left: %s", error)

    async def _make_network(self) -> str:
        name = self.name_of("isolated")
        labels = [word for key, value in self.labels.items() for word in ("--label", f"{key}={value}")]
        options = [word for option in _CUT_OFF for word in ("--opt", option)]
        try:
            await self._run("network", "create", "--driver", "bridge", *options, *labels, name)
        except EngineError as error:
            if "already exists" not in str(error):
                raise
        return name

    async def _remove(self, name: str) -> None:
        try:
            await self._run("rm", "--force", "--volumes", name)
        except EngineError as error:
            if "no such container" not in str(error).lower():
                _log.warning("container %s could not be removed: %s", name, error)

    def _soon(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, *arguments: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                "docker",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=client_environment(),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise EngineError("there is no `docker` on PATH") from error
        output, errors = await process.communicate()
        if process.returncode:
            lines = errors.decode("utf-8", "replace").strip().splitlines()
            raise EngineError(lines[-1] if lines else f"docker {arguments[0]} ended with exit code {process.returncode}")
        return output.decode("utf-8", "replace").strip()
