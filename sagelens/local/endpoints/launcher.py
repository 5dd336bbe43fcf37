"""What a model server's program runs in; and the launcher that makes it a process of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagelens.local.forking.views import Views
from sagelens.local.orphans import end_orphans, remember
from sagelens.local.ports import ApiError, Document, Objects, Process, Processes, Spawn
from sagelens.serving.verified import KEY_VARIABLE, MANIFEST, VERIFIED, NotAsPackaged, copy_checked

__all__ = [
    "Launched",
    "Launcher",
    "NotHealthy",
    "ProcessLauncher",
    "container_of",
    "environment_of",
    "model_folder",
    "new_key",
    "own_copy",
]

_DIGEST = "SAGELENS_MODEL_DIGEST"
_NOT_FOR_SERVERS = ("AWS_", "MLFLOW_", "SAGEMAKER_", "SAGELENS_EXPERIMENT")
_NOT_OF_MODELS = ("PYTHON", "LD_", "DYLD_")
"""Variables by which a program loads code from elsewhere, before anything can be checked."""


class NotHealthy(Exception):
    """A model server could not be started, ended, or did not answer /ping with 200 in time."""


@dataclass(frozen=True)
class Launched:
    """A server's process, the key that it asks for, and what is to be done once it has ended."""

    process: Process
    key: str = ""
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
    """A fork of a warm interpreter, in a folder with its own copy of the model as it was checked. It can change that folder
    alone, and has no credentials: what a model needs came with it."""

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
        root, key = await asyncio.to_thread(self._root_for, container), new_key()
        own = root / "opt" / "ml" / "model"
        try:
            process = await self._processes.spawn(
                Spawn(
                    family="training",
                    call="sagelens.serving.server:main",
                    env={
                        **self._environment,
                        **environment_of(container),
                        "SAGEMAKER_BIND_TO_PORT": str(port),
                        "SAGELENS_ROOT": str(root),
                        KEY_VARIABLE: key,
                        "HOME": str(root),
                        "TMPDIR": str(root / "tmp"),
                        **({} if own.is_symlink() else {VERIFIED: str(own)}),
                    },
                    cwd=root,
                    log=log,
                    lasting=True,
                    view=await self._views.of(root),
                )
            )
        except BaseException:
            _forget(root)
            raise
        remember(root, process.pid)
        return Launched(process, key, lambda: _forget(root))

    def _root_for(self, container: Document) -> Path:
        model = model_folder(self._objects, container)
        self._roots.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=self._roots))
        (root / "tmp").mkdir()
        own = root / "opt" / "ml" / "model"
        own.parent.mkdir(parents=True)
        try:
            if not own_copy(model, container, own):
                own.symlink_to(model, target_is_directory=True)
        except BaseException:
            _forget(root)
            raise
        return root


def new_key() -> str:
    return secrets.token_urlsafe(32)


def environment_of(container: Document) -> dict[str, str]:
    """The variables that a model brings for its server, without those that are ours to set."""
    given: dict[str, str] = container.get("Environment", {})
    return {name: value for name, value in given.items() if name != VERIFIED and not name.startswith(_NOT_OF_MODELS)}


def own_copy(model: Path, container: Document, target: Path) -> bool:
    """Copy a model that says what it is made of, as it is checked; False for one that does not, which is served as it lies.

    Raises NotHealthy for one that is not what was packaged, or not what its container names.
    """
    expected = container.get("Environment", {}).get(_DIGEST, "")
    if not expected and not (model / MANIFEST).exists():
        return False
    target.mkdir()
    try:
        copy_checked(model, target, expected or None)
    except (NotAsPackaged, OSError) as error:
        raise NotHealthy(str(error).rstrip(".")) from error
    return True


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
    """Remove a server's folder; what it left beside its model stays for a look."""
    own = root / "opt" / "ml" / "model"
    with contextlib.suppress(OSError):
        (root / "server.json").unlink(missing_ok=True)
        if own.is_symlink():
            own.unlink()
        shutil.rmtree(own, ignore_errors=True)
        shutil.rmtree(root / "tmp", ignore_errors=True)
        for folder in (root / "opt" / "ml", root / "opt", root):
            folder.rmdir()
