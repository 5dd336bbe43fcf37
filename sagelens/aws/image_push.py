"""An image on its way to ECR. The registry's password lives in a folder of its own, for as long as the push takes."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from dataclasses import dataclass
from typing import Any

from sagelens.aws.image_engine import Docker
from sagelens.errors import BadConfig, NotFound, Refused, ServiceUnavailable

__all__ = ["Place", "Pushed", "place_of", "push"]

_URI = re.compile(
    r"(?P<host>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9\-]+)\.amazonaws\.com(\.cn)?)/(?P<repository>[a-z0-9._/\-]+):(?P<tag>[\w.\-]+)"
)
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


@dataclass(frozen=True)
class Place:
    """Where an image goes: a tag of a repository in ECR."""

    uri: str
    host: str
    account: str
    repository: str
    tag: str

    @property
    def name(self) -> str:
        """The URI without its tag."""
        return f"{self.host}/{self.repository}"


@dataclass(frozen=True)
class Pushed:
    """`digest` is the manifest's, which ECR gives; `new` is False when the tag held this very image already."""

    image: str
    digest: str
    new: bool


def place_of(uri: str) -> Place:
    """Read the image of an environment; raises BadConfig for one that ECR would not know."""
    found = _URI.fullmatch(uri)
    if not found:
        raise BadConfig(
            f"`environment.image` is '{uri}', which is no tag in ECR. Needed: "
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG."
        )
    return Place(uri, found["host"], found["account"], found["repository"], found["tag"])


def push(place: Place, docker: Docker, ecr: Any) -> Pushed:
    """Send the image that the engine has under the place's URI. Tags are immutable: one that holds another image is refused."""
    docker.require()
    image = docker.inspect(place.uri)
    if image is None:
        raise NotFound(f"The engine has no image '{place.uri}'. Build it first: `sagelens image build`.")
    if there := _already(place, ecr):
        digest, ids = there
        if image["Id"] not in ids:
            raise Refused(
                f"'{place.uri}' exists with another image ({digest}), and tags are immutable. "
                "Choose a new tag in `environment.image`, build, and push again."
            )
        return Pushed(place.uri, digest, new=False)
    with tempfile.TemporaryDirectory() as folder:
        # A config of its own knows no context, so the engine is named.
        apart = Docker(("--config", folder, "--host", docker.host()), docker.environment)
        apart.output("login", "--username", "AWS", "--password-stdin", place.host, text=_password(place, ecr))
        apart.show("push", place.uri)
    return Pushed(place.uri, _digest(place, docker), new=True)


def _already(place: Place, ecr: Any) -> tuple[str, frozenset[str]] | None:
    """The digest that the tag has, and the ids that an engine may give to its image: the config's digest or the manifest's."""
    answer = ecr.batch_get_image(
        registryId=place.account,
        repositoryName=place.repository,
        imageIds=[{"imageTag": place.tag}],
        acceptedMediaTypes=list(_MANIFESTS),
    )
    for image in answer.get("images", ()):
        digest = image["imageId"]["imageDigest"]
        config = json.loads(image["imageManifest"]).get("config", {}).get("digest", digest)
        return digest, frozenset({digest, config})
    for failure in answer.get("failures", ()):
        if failure.get("failureCode") != "ImageNotFound":
            raise ServiceUnavailable(f"ECR cannot say whether '{place.uri}' exists: {failure.get('failureReason')}. Run again.")
    return None


def _password(place: Place, ecr: Any) -> str:
    """Valid for twelve hours; never an argument, never written to a log."""
    (granted,) = ecr.get_authorization_token(registryIds=[place.account])["authorizationData"]
    _, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    return password


def _digest(place: Place, docker: Docker) -> str:
    """What the registry called the image."""
    known = (docker.inspect(place.uri) or {}).get("RepoDigests") or ()
    digests = (str(each).removeprefix(f"{place.name}@") for each in known if each.startswith(f"{place.name}@"))
    digest = next(digests, None)
    if digest is None:
        raise ServiceUnavailable(
            f"'{place.uri}' was pushed, but the engine does not tell its digest. Run again; it is then found."
        )
    return digest
