"""NextToken and MaxResults, for every List operation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from sagelens.local.ports import ApiError, Document, Request

__all__ = ["page"]

T = TypeVar("T")

_DEFAULT = 100
_PREFIX = "offset"


def page(items: Sequence[T], request: Request) -> tuple[list[T], Document]:
    """The items to show, and what to add to the answer: `{"NextToken": …}`, or nothing on the last page.

    shown, more = page(found, request)
    return {"ModelSummaries": [summary(r) for r in shown], **more}
    """
    start = _offset(request.get("NextToken"))
    end = start + int(request.get("MaxResults") or _DEFAULT)
    return list(items[start:end]), {"NextToken": _token(end)} if end < len(items) else {}


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"{_PREFIX}:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        prefix, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        offset = int(number)
    except (ValueError, binascii.Error):
        prefix, offset = "", -1
    if prefix != _PREFIX or offset < 0:
        raise ApiError("ValidationException", f"The NextToken '{token}' is invalid. Take it from the answer before.")
    return offset
