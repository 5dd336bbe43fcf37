"""The filters and sorting that List operations share."""

from __future__ import annotations

from typing import Literal

from sagelens.local.ports import Request, Resource
from sagelens.local.store import Store

__all__ = ["listed"]


def listed(
    store: Store,
    kind: str,
    request: Request,
    *,
    parent: str | None = None,
    order: Literal["Ascending", "Descending"] = "Ascending",
) -> list[Resource]:
    """The resources of a kind, by the request's NameContains, CreationTimeAfter, CreationTimeBefore, SortBy, SortOrder.
    `order` is what AWS does when no SortOrder is given."""
    return store.query(
        kind,
        parent=parent,
        name_contains=request.get("NameContains"),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        order_by="name" if request.get("SortBy") == "Name" else "created",
        descending=request.get("SortOrder", order) == "Descending",
    )
