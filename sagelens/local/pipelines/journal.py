"""Keeps what becomes of an execution: in the store at once, in execution.json a moment later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sagelens.local.pipelines.document import ExecutionState, build_document, write_document
from sagelens.local.pipelines.graph import Graph
from sagelens.local.pipelines.plan import Plan
from sagelens.local.pipelines.record import KIND, StepRecord
from sagelens.local.pipelines.scheduler import State
from sagelens.local.ports import ApiError, Document, Objects, Resource
from sagelens.local.store import Store

__all__ = ["Journal"]

_log = logging.getLogger(__name__)

_MOMENT = 0.05
"""Changes within this many seconds share one writing of the document."""


class Journal:
    """The records of one execution's steps, in the order in which they started, and its own state."""

    def __init__(
        self,
        plan: Plan,
        state: ExecutionState,
        records: Iterable[StepRecord],
        *,
        store: Store,
        objects: Objects,
        on_change: Callable[[Document], None] | None,
    ) -> None:
        self._plan = plan
        self._store = store
        self._objects = objects
        self._on_change = on_change
        self._records = {record.name: record for record in records}
        self._pending: asyncio.TimerHandle | None = None
        self.state = state

    @property
    def records(self) -> Mapping[str, StepRecord]:
        return self._records

    @property
    def graph(self) -> Graph:
        return self._plan.graph

    @property
    def states(self) -> dict[str, State]:
        return {name: record.status for name, record in self._records.items()}

    @property
    def outcomes(self) -> dict[str, bool]:
        return {name: record.outcome for name, record in self._records.items() if record.outcome is not None}

    @property
    def properties(self) -> dict[str, Mapping[str, Any]]:
        return {name: record.properties for name, record in self._records.items() if record.status is State.SUCCEEDED}

    def save(self, record: StepRecord) -> None:
        """Keep a step's record, new or changed."""
        arn = step_arn(self._plan.arn, record.name)
        now = record.finished or record.started
        if record.name in self._records:
            self._store.update(arn, modified=now, status=str(record.status), body=record.to_body(), replace=True)
        else:
            self._store.insert(
                Resource(
                    kind=KIND,
                    arn=arn,
                    name=record.name,
                    parent=self._plan.arn,
                    status=str(record.status),
                    created=record.started,
                    modified=now,
                    body=record.to_body(),
                )
            )
        self._records[record.name] = record
        self._schedule()

    def forget(self, name: str) -> None:
        """Drop a step's record, so that it can run again."""
        self._store.delete(step_arn(self._plan.arn, name))
        self._records.pop(name, None)

    def change(self, now: float, **changes: Any) -> None:
        """Change the execution's own state (status, finished, failure_reason)."""
        self.state = replace(self.state, **changes)
        if self.state.finished is not None:
            self.write()  # before a client can see the end, so that what it then reads is complete
        self._store.update(
            self._plan.arn,
            modified=now,
            status=self.state.status,
            body={"FailureReason": self.state.failure_reason, "Finished": self.state.finished},
        )
        self._schedule()

    def _schedule(self) -> None:
        if self._pending is None and self.state.finished is None:
            self._pending = asyncio.get_running_loop().call_later(_MOMENT, self.write)

    def settle(self) -> None:
        """Forget a writing that is due: another journal goes on, or none."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def write(self) -> None:
        """Write the document now."""
        self.settle()
        document = build_document(self.state, self._records.values(), self._plan.graph)
        try:
            write_document(document, self._objects.path(self._plan.document_uri))
        except (OSError, ApiError) as error:
            _log.error("Cannot write %s: %s. The execution goes on.", self._plan.document_uri, error)
        if self._on_change is not None:
            asyncio.get_running_loop().call_soon(self._on_change, document)


def step_arn(execution_arn: str, name: str) -> str:
    """A key in the store; AWS has no ARN for a step."""
    return f"{execution_arn}/step/{name}"
