"""Model servers in containers: each is a `docker run` in the foreground, so that its log and exit code are the container's."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagelens.local.containers.client import client_environment
from sagelens.local.containers.contents import container_environment, host_user
from sagelens.local.containers.engine import Engine, EngineError
from sagelens.local.containers.jobs import no_image
from sagelens.local.containers.limits import Limits, limits_of, this_machine
from sagelens.local.containers.process import ContainerProcess
from sagelens.local.endpoints.launcher import (
    Launched,
    NotHealthy,
    container_of,
    environment_of,
    model_folder,
    new_key,
    own_copy,
)
from sagelens.local.orphans import end_orphans
from sagelens.local.ports import Document, Objects, Processes, Spawn
from sagelens.serving.verified import KEY_VARIABLE

__all__ = ["ContainerLauncher"]

_PORT = 8080
_MOST_PROCESSES = 512


class ContainerLauncher:
    """The launcher of containers. They serve, and call nothing: of the service they know the region alone."""

    def __init__(
        self, objects: Objects, processes: Processes, engine: Engine, environment: Mapping[str, str], state: Path
    ) -> None:
        self._objects = objects
        self._processes = processes
        self._engine = engine
        self._environment = environment
        self._state = state
        self._roots = state / "servers"

    def recover(self) -> None:
        """The engine is swept when the service starts; folders of servers are left to be removed."""
        end_orphans(self._roots)

    async def launch(self, model: Document, *, port: int, log: Path, instance_type: str) -> Launched:
        container = container_of(model)
        name = self._engine.name_of(f"server-{secrets.token_hex(6)}")
        isolated = bool(model.get("EnableNetworkIsolation", False))
        try:
            if not await self._engine.has_image(container["Image"]):
                raise NotHealthy(no_image(container["Image"]))
            network = await self._engine.isolated_network() if isolated else "bridge"
        except EngineError as error:
            raise NotHealthy(f"the Docker engine does not answer: {error}") from error
        key = new_key()
        environment = container_environment(
            {**environment_of(container), "SAGEMAKER_BIND_TO_PORT": str(_PORT)}, self._environment, isolated=True
        )
        environment.pop(KEY_VARIABLE, None)
        root, folder = await asyncio.to_thread(self._folders_for, container)
        command = [
            *("docker", "run", "--rm", "--name", name, "--pull", "never", "--network", network),
            *("--publish", f"127.0.0.1:{port}:{_PORT}", "--volume", f"{folder}:/opt/ml/model:ro"),
            *confined(limits_of(instance_type, this_machine())),
            *(word for label, value in self._engine.labels.items() for word in ("--label", f"{label}={value}")),
            *(word for variable, value in environment.items() for word in ("--env", f"{variable}={value}")),
            *("--env", KEY_VARIABLE),  # by name: a command line is for everybody to see
            container["Image"],
            "serve",
        ]
        spawn = Spawn(command=command, env={**client_environment(), KEY_VARIABLE: key}, cwd=self._state, log=log)
        try:
            process = await self._processes.spawn(spawn)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
        return Launched(ContainerProcess(process, name, self._engine), key, lambda: shutil.rmtree(root, ignore_errors=True))

    def _folders_for(self, container: Document) -> tuple[Path, Path]:
        """A folder of the server's own; and where its model lies, in there as it was checked."""
        model = model_folder(self._objects, container)
        self._roots.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=self._roots))
        try:
            return root, root / "model" if own_copy(model, container, root / "model") else model
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise


def confined(limits: Limits) -> Sequence[str]:
    """A server writes nowhere but to memory, has no rights beyond its user's, and no more than its instance type has."""
    return (
        *("--user", host_user(), "--init", "--read-only", "--tmpfs", "/tmp:rw,nosuid,nodev"),  # noqa: S108  the container's own
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", str(_MOST_PROCESSES)),
        *("--cpus", f"{limits.cpus:g}", "--memory", str(limits.memory), "--memory-swap", str(limits.memory)),
    )
