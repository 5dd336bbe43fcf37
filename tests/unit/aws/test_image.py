"""Building and pushing, with a `docker` on PATH that notes its words and answers from a file: no registry can be had here."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sagelens.aws.image import Recipe, build, recipe_of
from sagelens.aws.image_engine import Docker
from sagelens.aws.image_push import place_of, push
from sagelens.errors import BadConfig, NotFound, Refused, ServiceUnavailable, StepFailed

URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/sagelens:0.1.0"
NAME = URI.rpartition(":")[0]
ID, DIGEST = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PASSWORD = "not-for-lists-of-processes"

FAKE = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
here = Path(os.environ["FAKE_DOCKER"])
words = sys.argv[1:]
config = words[words.index("--config") + 1] if "--config" in words else None
plain = [word for word in words if word not in {"--config", config}]
if "--host" in plain[:1]:
    plain = plain[2:]
text = sys.stdin.read()
call = {"words": words, "plain": plain, "text": text, "folder": bool(config and Path(config).is_dir())}
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(call) + "\\n")
answers = json.loads((here / "answers.json").read_text())
answer = answers.get(" ".join(plain[:2])) or answers.get(plain[0]) or {}
if plain[0] == "push":
    answers["image inspect"] = answers["after push"]
    (here / "answers.json").write_text(json.dumps(answers))
sys.stdout.write(answer.get("out", ""))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


@dataclass(frozen=True)
class Fake:
    docker: Docker
    folder: Path

    def answers(self, **given: dict[str, Any]) -> None:
        (self.folder / "answers.json").write_text(json.dumps({name.replace("_", " "): answer for name, answer in given.items()}))

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(tmp_path))
    return Fake(Docker(), tmp_path)


@pytest.fixture
def ecr() -> Iterator[tuple[Any, Stubber]]:
    made = boto3.client("ecr", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(made) as stub:
        yield made, stub


def inspected(digests: tuple[str, ...] = ()) -> dict[str, str]:
    facts = {"Id": ID, "Size": 7, "RootFS": {"Layers": ["a", "b"]}, "RepoDigests": [f"{NAME}@{each}" for each in digests]}
    return {"out": json.dumps([facts])}


def tagged(stub: Stubber, *, config: str | None) -> None:
    """ECR's answer about the tag: an image with this config, or none."""
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": config}})
    there = {"images": [{"imageId": {"imageTag": "0.1.0", "imageDigest": DIGEST}, "imageManifest": manifest}]}
    missing = {"failures": [{"imageId": {"imageTag": "0.1.0"}, "failureCode": "ImageNotFound", "failureReason": "none"}]}
    stub.add_response("batch_get_image", there if config else missing)


def test_what_is_pushed_has_the_registrys_digest_and_the_password_is_no_argument(fake: Fake, ecr: tuple[Any, Stubber]) -> None:
    client, stub = ecr
    tagged(stub, config=None)
    token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
    stub.add_response("get_authorization_token", {"authorizationData": [{"authorizationToken": token}]})
    fake.answers(image_inspect=inspected(), context={"out": "unix:///elsewhere.sock\n"}, after_push=inspected((DIGEST,)))

    pushed = push(place_of(URI), fake.docker, client)

    assert (pushed.digest, pushed.new) == (DIGEST, True)
    login, sent = (next(call for call in fake.calls() if call["plain"][0] == word) for word in ("login", "push"))
    assert login["text"] == PASSWORD
    assert login["plain"][1:] == ["--username", "AWS", "--password-stdin", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"]
    assert login["folder"]
    assert sent["folder"]
    assert not any(PASSWORD in word for call in fake.calls() for word in call["words"])
    assert {"--host", "unix:///elsewhere.sock"} <= set(sent["words"])
    assert not Path(login["words"][1]).exists()


def test_a_tag_that_holds_another_image_is_refused(fake: Fake, ecr: tuple[Any, Stubber]) -> None:
    client, stub = ecr
    tagged(stub, config=f"sha256:{'9' * 64}")
    fake.answers(image_inspect=inspected())

    with pytest.raises(Refused, match="tags are immutable"):
        push(place_of(URI), fake.docker, client)

    assert {call["plain"][0] for call in fake.calls()} == {"version", "image"}


def test_an_image_that_is_there_is_not_sent_again(fake: Fake, ecr: tuple[Any, Stubber]) -> None:
    client, stub = ecr
    tagged(stub, config=ID)
    fake.answers(image_inspect=inspected())

    pushed = push(place_of(URI), fake.docker, client)

    assert (pushed.digest, pushed.new) == (DIGEST, False)


def test_an_image_that_was_not_built_is_named(fake: Fake, ecr: tuple[Any, Stubber]) -> None:
    fake.answers(image_inspect={"out": "[]", "code": 1})

    with pytest.raises(NotFound, match="sagelens image build"):
        push(place_of(URI), fake.docker, ecr[0])


@pytest.mark.parametrize("uri", ["sagelens:local", NAME, f"{NAME}@{DIGEST}", "registry.example/sagelens:1"])
def test_only_a_tag_in_ecr_can_be_pushed(uri: str) -> None:
    with pytest.raises(BadConfig, match=r"ACCOUNT\.dkr\.ecr"):
        place_of(uri)


def test_a_build_keeps_the_bill_of_materials(fake: Fake, recipe: Recipe) -> None:
    fake.answers(image_inspect=inspected(), run={"out": json.dumps({"components": [1, 2, 3]})})

    built = build(recipe, "mine:1", fake.docker)

    assert (built.layers, built.bytes, built.components, built.id) == (2, 7, 3, ID)
    assert json.loads((recipe.root / built.sbom).read_text()) == {"components": [1, 2, 3]}


def test_a_proxy_is_named_without_its_value(recipe: Recipe) -> None:
    words = recipe.arguments("mine:1", {"HTTPS_PROXY": "of-somebody"})

    assert "HTTPS_PROXY" in words
    assert not any("of-somebody" in word for word in words)
    assert "BASE=debian:python" in words


def test_a_build_that_fails_says_so(fake: Fake, recipe: Recipe) -> None:
    fake.answers(build={"code": 1, "err": "no space"})

    with pytest.raises(StepFailed, match="`docker build` ended with code 1"):
        build(recipe, "mine:1", fake.docker)


def test_without_an_engine_or_without_docker_the_message_says_what_to_do(
    fake: Fake, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.answers(version={"code": 1, "err": "Cannot connect to the Docker daemon"})
    with pytest.raises(ServiceUnavailable, match="Start a Docker engine"):
        build(recipe, "mine:1", fake.docker)

    monkeypatch.setenv("PATH", str(recipe.root))
    with pytest.raises(NotFound, match="Install Docker"):
        build(recipe, "mine:1", fake.docker)


def test_a_project_without_a_dockerfile_has_no_image(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Dockerfile does not exist"):
        recipe_of(tmp_path)


@pytest.fixture
def recipe(project: Callable[[], Path]) -> Recipe:
    return recipe_of(project(), base="debian:python")


@pytest.fixture
def project(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        for name in ("infra/image/Dockerfile", "constraints/image.txt"):
            (tmp_path / "project" / name).parent.mkdir(parents=True)
            (tmp_path / "project" / name).write_text("here")
        return tmp_path / "project"

    return make
