"""What every container of ours is given: a user, an environment, and no more rights than that takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

__all__ = ["SECRETS", "container_environment", "host_user", "reachable"]

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Handed over by name, so that their values are in no file and on no command line."""
_OF_THE_SERVICE = ("AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL_")
_REGION = ("AWS_DEFAULT_REGION", "AWS_REGION")


def host_user() -> str:
    """Who runs the service: what a container writes into its mounted folders is then ours, and it can read what we put there.
    Root, in CI, has no capability inside."""
    return f"{os.getuid()}:{os.getgid()}"


def container_environment(
    own: Mapping[str, str], service: Mapping[str, str], *, isolated: bool, platform: str = sys.platform
) -> dict[str, str]:
    """`own`, with a home that can be written to, and the region; and, unless `isolated`, where the service's API is."""
    given = {"HOME": "/tmp", "USER": "sagemaker"}  # noqa: S108  the container's own
    given |= {name: service[name] for name in _REGION if name in service}
    if not isolated:
        given |= {name: reachable(value, platform) for name, value in service.items() if name.startswith(_OF_THE_SERVICE)}
    return {**given, **own}


def reachable(address: str, platform: str = sys.platform) -> str:
    """An address of this machine's loopback interface, as a container that is to reach it knows it: on Linux it shares the
    network, elsewhere the engine runs in a virtual machine that has a name for ours."""
    return address if platform.startswith("linux") else address.replace("//127.0.0.1:", "//host.docker.internal:")
