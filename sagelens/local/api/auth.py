"""Who may call: whoever knows the project's random access key, which only its owner can read."""

from __future__ import annotations

import hmac
import re

from sagelens.local.api.protocol import HttpRequest
from sagelens.local.ports import ApiError

__all__ = ["authenticate"]

_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 .*?Credential=([^/,\s]+)/")


def authenticate(request: HttpRequest, access_key: str) -> None:
    """Refuse a request that was not signed with this access key. Its signature is not checked: both ends are on loopback."""
    found = _CREDENTIAL.match(request.headers.get("authorization", ""))
    given = found.group(1) if found else ""
    if not hmac.compare_digest(given.encode(), access_key.encode()):
        raise ApiError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid: it is not this project's access key. "
            "Take the variables that `sagelens local env` prints.",
            status=403,
        )
