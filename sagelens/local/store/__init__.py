"""What the service keeps, and how List operations page through it."""

from __future__ import annotations

from sagelens.local.store.paging import page
from sagelens.local.store.store import AlreadyStored, NotStored, Store

__all__ = ["AlreadyStored", "NotStored", "Store", "page"]
