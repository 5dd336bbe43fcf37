"""What a model server's program runs in; and the launcher that makes it a process of this machine."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagelens.local.endpoints.orphans import end_orphans, remember
from sagelens.local.forking.views import Views
from sagelens.local.ports import ApiError, Document, Objects, Process, Processes, Spawn

__all__ = ["Launched", "Launcher", "NotHealthy", "ProcessLauncher", "container_of", "model_folder"]

_NOT_FOR_SERVERS = ("AWS_", "MLFLOW_", "SAGEMAKER_", "SAGELENS_EXPERIMENT")


class NotHealthy(Exception):
    """A model server could not be started, ended, or did not answer /ping with 200 in time."""


@dataclass(frozen=True)
class Launched:
    """A server's process, and what is to be done once it has ended."""

    process: Process
    forget: Callable[[], None] = lambda: None


class Launcher(Protocol):
    """Starts the program of a model server, which listens on a port of this machine's loopback interface."""

    def recover(self) -> None:
        """End the servers of an earlier service."""
        ...

    async def launch(self, model: Document, *, port: int, log: Path, instance_type: str) -> Launched:
        """Start it; NotHealthy when that cannot be. `model` is CreateModel's body."""
        ...


class ProcessLauncher:
    """A fork of a warm interpreter, whose folder links to the model where it lies. It can change that folder alone, and has no
    credentials: what a model needs came with it."""

    def __init__(
        self, *, objects: Objects, processes: Processes, state: Path, environment: Mapping[str, str], views: Views
    ) -> None:
        self._objects = objects
        self._processes = processes
        self._roots = state / "servers"
        self._environment = {name: value for name, value in environment.items() if not name.startswith(_NOT_FOR_SERVERS)}
        self._views = views

    def recover(self) -> None:
        end_orphans(self._roots)

    async def launch(self, model: Document, *, port: int, log: Path, instance_type: str) -> Launched:
        del instance_type  # a process takes what the machine has
        container = container_of(model)
        root = self._root_for(container)
        process = await self._processes.spawn(
            Spawn(
                family="training",
                call="sagelens.serving.server:main",
                env={
                    **self._environment,
                    **container.get("Environment", {}),
                    "SAGEMAKER_BIND_TO_PORT": str(port),
                    "SAGELENS_ROOT": str(root),
                    "HOME": str(root),
                    "TMPDIR": str(root / "tmp"),
                },
                cwd=root,
                log=log,
                lasting=True,
                view=await self._views.of(root),
            )
        )
        remember(root, process.pid)
        return Launched(process, lambda: _forget(root))

    def _root_for(self, container: Document) -> Path:
        model = model_folder(self._objects, container)
        self._roots.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=self._roots))
        (root / "tmp").mkdir()
        link = root / "opt" / "ml" / "model"
        link.parent.mkdir(parents=True)
        link.symlink_to(model, target_is_directory=True)
        return root


def container_of(model: Document) -> Document:
    container: Document = model.get("PrimaryContainer") or model["Containers"][0]
    return container


def model_folder(objects: Objects, container: Document) -> Path:
    """Where a container's model lies."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None or source["S3DataType"] != "S3Prefix" or source["CompressionType"] != "None":
        raise ApiError(
            "ValidationException",
            "A model served here is a folder: give ModelDataSource.S3DataSource with S3DataType S3Prefix and "
            "CompressionType None.",
        )
    folder = objects.path(str(source["S3Uri"]))
    if not folder.is_dir():
        raise NotHealthy(f"the model's folder {objects.uri(folder)} does not exist")
    return folder.resolve()


def _forget(root: Path) -> None:
    """Remove the folder that links to the model; what a server left beside the link stays for a look."""
    with contextlib.suppress(OSError):
        (root / "server.json").unlink(missing_ok=True)
        (root / "opt" / "ml" / "model").unlink()
        shutil.rmtree(root / "tmp", ignore_errors=True)
        for folder in (root / "opt" / "ml", root / "opt", root):
            folder.rmdir()
