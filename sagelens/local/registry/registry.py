"""Puts the registry's operations together."""

from __future__ import annotations

from sagelens.local.ports import Clock, Handler
from sagelens.local.registry.groups import ModelPackageGroups
from sagelens.local.registry.models import Models
from sagelens.local.registry.names import Names
from sagelens.local.registry.packages import ModelPackages
from sagelens.local.registry.tags import Tags
from sagelens.local.store import Store

__all__ = ["Registry"]


class Registry:
    def __init__(self, store: Store, clock: Clock, *, account: str, region: str) -> None:
        names = Names(account=account, region=region)
        groups = ModelPackageGroups(store, clock, names)
        packages = ModelPackages(store, clock, names)
        models = Models(store, clock, names)
        tags = Tags(store, clock)
        self._handlers: dict[str, Handler] = {
            **groups.handlers(),
            **packages.handlers(),
            **models.handlers(),
            **tags.handlers(),
        }

    def handlers(self) -> dict[str, Handler]:
        return dict(self._handlers)
