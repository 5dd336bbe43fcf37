"""What happened to alarms, kept for 30 days as CloudWatch does, even beyond their deletion."""

from __future__ import annotations

import json
import uuid

from sagelens.local.ports import Document, Resource
from sagelens.local.store import Store

__all__ = ["CONFIGURED", "STATE", "History"]

CONFIGURED = "ConfigurationUpdate"
STATE = "StateUpdate"

_KIND = "AlarmHistoryItem"
_KEPT = 30 * 24 * 3600
_PRUNED_EVERY = 500
_MOST = 5_000
"""Items that are kept of all alarms together: those that were added last."""


class History:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._added = 0

    def add(self, alarm: Resource, item: str, summary: str, data: Document, now: float) -> None:
        """Keep an item of the type `item` about an alarm."""
        identity = uuid.uuid4().hex
        self._store.insert(
            Resource(
                kind=_KIND,
                arn=f"{alarm.arn}:history:{identity}",
                name=identity,
                parent=alarm.name,
                status=item,
                created=now,
                modified=now,
                body={
                    "AlarmName": alarm.name,
                    "AlarmType": alarm.kind,
                    "HistoryItemType": item,
                    "HistorySummary": summary[:255],
                    "HistoryData": json.dumps({"version": "1.0", **data}),
                },
            )
        )
        self._added += 1
        if self._added % _PRUNED_EVERY == 0:
            self.prune(now)

    def items(
        self, *, alarm: str | None, item: str | None, start: float | None, end: float | None, newest_first: bool
    ) -> list[Document]:
        """Those that pass every filter given, `start` and `end` included."""
        found = self._store.query(_KIND, parent=alarm, status=item, descending=newest_first)
        return [
            {**kept.body, "Timestamp": kept.created}
            for kept in found
            if (start is None or kept.created >= start) and (end is None or kept.created <= end)
        ]

    def prune(self, now: float) -> None:
        """Forget what is older than 30 days, and of the rest what is more than is kept."""
        with self._store.transaction():
            for old in (*self._store.query(_KIND, created_before=now - _KEPT), *self._store.query(_KIND, offset=_MOST)):
                self._store.delete(old.arn)
