"""Who may call: whoever knows the project's random access key, which only its owner can read."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from sagelens.local.ports import ApiError

__all__ = ["authenticate", "knows_the_key"]

_ALGORITHM = "AWS4-HMAC-SHA256 "
_CREDENTIAL = "Credential="


def knows_the_key(headers: Mapping[str, str], access_key: str) -> bool:
    """Whether a request with these headers was signed with this access key. Its signature is not checked: both ends are on
    loopback. Everybody may make this run, so it takes time in proportion to the header and no more."""
    given = headers.get("authorization", "")
    if not given.startswith(_ALGORITHM):
        return False
    key, ended, _ = given.partition(_CREDENTIAL)[2].partition("/")
    return bool(ended) and hmac.compare_digest(key.encode(), access_key.encode())


def authenticate(headers: Mapping[str, str], access_key: str) -> None:
    """Refuse a request that was not signed with this access key."""
    if not knows_the_key(headers, access_key):
        raise ApiError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid: it is not this project's access key. "
            "Take the variables that `sagelens local env` prints.",
            status=403,
        )
