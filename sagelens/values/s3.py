"""What everybody who reads from S3 needs, without a client of its own."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

__all__ = ["parse_json", "split_uri"]

_ATTEMPTS = 5
_PAUSE = 0.02


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key, or prefix, of an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def parse_json(read: Callable[[], bytes]) -> Any:
    """The JSON that `read` gives; ValueError if it gives none.

    Read again when it is cut off: the local object store answers with the size of before if a file is replaced meanwhile.
    """
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(ValueError):
            return json.loads(read())
        time.sleep(_PAUSE)
    return json.loads(read())
