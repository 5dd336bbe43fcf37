"""NextToken, as CloudWatch refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sagelens.local.ports import ApiError, Document, Request
from sagelens.local.store import page

__all__ = ["paged"]

T = TypeVar("T")


def paged(items: Sequence[T], request: Request, most: int) -> tuple[list[T], Document]:
    """The items to show, and the NextToken if there are more; ApiError InvalidNextToken."""
    try:
        return page(items, {"NextToken": request.get("NextToken"), "MaxResults": most})
    except ApiError as error:
        raise ApiError("InvalidNextToken", error.message) from error
