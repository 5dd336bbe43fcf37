"""The image that jobs and model servers run in, built from the project's infra/image/."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagelens import __version__
from sagelens.aws.image_engine import Docker
from sagelens.errors import NotFound
from sagelens.values import digest_file

__all__ = ["SBOM", "Built", "Recipe", "build", "recipe_of"]

SBOM = "/usr/share/sbom/sagelens.cdx.json"
"""Where the image holds its own bill of materials."""

_DOCKERFILE = "infra/image/Dockerfile"
_LOCK = "constraints/image.txt"
_LICENCE = "Apache-2.0"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Recipe:
    """What an image is made of. `base` None takes the Dockerfile's own; `lock` is the digest of the locked libraries."""

    root: Path
    base: str | None
    lock: str
    revision: str

    def arguments(self, tag: str, environment: Mapping[str, str] = os.environ) -> list[str]:
        """The arguments of `docker build`. Proxies are named without their value, so that no list of processes shows it."""
        given = {"VERSION": __version__, "REVISION": self.revision, "LOCK": self.lock, "LICENSES": _LICENCE}
        if self.base:
            given["BASE"] = self.base
        made = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        made += [word for name in _PROXIES if environment.get(name) for word in ("--build-arg", name)]
        return ["--file", str(self.root / _DOCKERFILE), "--tag", tag, *made, str(self.root)]


@dataclass(frozen=True)
class Built:
    """An image that the engine has. `bytes` is what its layers take on the engine's disk, `sbom` a file of this project."""

    image: str
    id: str
    lock: str
    revision: str
    layers: int
    bytes: int
    sbom: str
    components: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def recipe_of(root: Path, base: str | None = None) -> Recipe:
    """What the image of the project below `root` is made of; raises NotFound where the project has none."""
    for needed in (_DOCKERFILE, _LOCK):
        if not (root / needed).is_file():
            raise NotFound(f"{root / needed} does not exist, so there is nothing to build an image from.")
    return Recipe(root, base, digest_file(root / _LOCK), _revision(root))


def build(recipe: Recipe, tag: str, docker: Docker) -> Built:
    """Build the image, and take its bill of materials out of it."""
    docker.require()
    docker.show("build", *recipe.arguments(tag))
    image = docker.inspect(tag)
    if image is None:
        raise NotFound(f"The engine has no image '{tag}' although it has just built it. It may keep what it builds elsewhere.")
    bill = docker.output("run", "--rm", "--network", "none", "--entrypoint", "cat", tag, SBOM)
    path = recipe.root / ".sagelens" / "image" / "sbom.cdx.json"
    _write(path, bill + "\n")
    return Built(
        image=tag,
        id=image["Id"],
        lock=recipe.lock,
        revision=recipe.revision,
        layers=len(image["RootFS"]["Layers"]),
        bytes=image["Size"],
        sbom=str(path.relative_to(recipe.root)),
        components=len(json.loads(bill)["components"]),
    )


def _revision(root: Path) -> str:
    """The commit of the project; `unknown` outside a repository."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return "unknown"
    return told.stdout.strip() or "unknown"


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
