"""`image build` and `image push`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagelens.aws.image import build, recipe_of
from sagelens.aws.image_engine import Docker
from sagelens.aws.image_push import place_of, push
from sagelens.errors import BadInput
from sagelens.project import Target, find_root, load_project
from sagelens.wiring import Clients, quiet

__all__ = ["build_image", "push_image"]


def build_image(*, base: str | None, tag: str | None, environment: str, as_json: bool) -> int:
    """Build the image of an environment, or one with another tag."""
    root = find_root(Path.cwd())
    wanted = tag or load_project(root, environment=environment).environment.image
    built = build(recipe_of(root, base), wanted, Docker())
    if as_json:
        sys.stdout.write(json.dumps(built.to_json()) + "\n")
    else:
        size = f"{built.bytes / 1e6:,.0f} MB in {built.layers} layers"
        sys.stdout.write(f"{built.image}: {size}; {built.components} components are listed in {built.sbom}\n")
    return 0


def push_image(*, environment: str, as_json: bool) -> int:
    """Push the image of an environment to ECR and print its digest."""
    quiet()
    settings = load_project(find_root(Path.cwd()), environment=environment).environment
    if settings.target is not Target.AWS:
        raise BadInput(
            f"Environment '{environment}' runs on this machine, where images need no push. Name one on AWS with --env."
        )
    pushed = push(place_of(settings.image), Docker(), Clients(settings.region).get("ecr"))
    if as_json:
        sys.stdout.write(json.dumps({"image": pushed.image, "digest": pushed.digest, "new": pushed.new}) + "\n")
    else:
        sys.stdout.write(f"{pushed.image}@{pushed.digest}{'' if pushed.new else ' was there already'}\n")
    return 0
