"""The image that `make test-docker` has built, in an engine that runs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.serving.conftest import made, packaged  # noqa: F401 - fixtures

IMAGE = "sagelens:local"
ROOT = Path(__file__).parents[2]

Run = Callable[..., str]


@pytest.fixture(scope="session")
def image() -> str:
    """Fails, rather than skips, without an engine or without the image: this lane is there to run them."""
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"{found.stderr.strip()}. `make test-docker` builds the image and runs these tests."
    return IMAGE


@pytest.fixture
def run(image: str) -> Run:
    """Run a command in a fresh container and answer what it printed."""

    def inside(*command: str, options: tuple[str, ...] = ()) -> str:
        words = ["docker", "run", "--rm", "--network", "none", *options, image, *command]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout

    return inside


@pytest.fixture
def container(image: str) -> Iterator[Callable[..., str]]:
    """Start containers that are removed afterwards; answers a container's id."""
    started: list[str] = []

    def start(*command: str, options: tuple[str, ...] = ()) -> str:
        words = ["docker", "run", "--detach", *options, image, *command]
        started.append(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
        return started[-1]

    yield start
    if started:
        subprocess.run(["docker", "rm", "--force", "--volumes", *started], capture_output=True, check=True)


@pytest.fixture
def model(packaged: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A packaged model that the container's user may read."""
    folder = Path(shutil.copytree(packaged, tmp_path / "model"))
    let_others_read(folder)
    return folder


def let_others_read(folder: Path) -> None:
    """Pytest's folders are for their owner alone; the container's user is another."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for parent in folder.parents:
        if "pytest" in parent.as_posix():
            parent.chmod(0o755)
