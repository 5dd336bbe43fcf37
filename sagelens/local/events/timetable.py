"""Rules by the clock."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress

from sagelens.local.events.rules import Rules, schedule_of
from sagelens.local.ports import Clock, Resource

__all__ = ["Timetable"]

log = logging.getLogger(__name__)

_NAMESPACE = uuid.UUID("5f0c8a44-6b0e-4c0f-9d53-3d0d1f7f2f11")  # ours: a rule's time has one id, whoever comes to it


class Timetable:
    """Sleeps on the service's clock until the next rule is due. Times that passed while no service ran are not made up for.

    `due` is called with the rule, the time, and the id of the event that this is.
    """

    def __init__(self, rules: Rules, clock: Clock, due: Callable[[Resource, float, str], None]) -> None:
        self._rules = rules
        self._clock = clock
        self._due = due
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0
        self._awaited: float | None = None

    def plan(self) -> None:
        """To be called on the loop whenever rules have changed. A time that has come, and is yet to be told, is told."""
        if self._task is not None:
            self._task.cancel()
        now = self._clock.time()
        overdue = self._awaited is not None and self._awaited <= now
        if not overdue:
            self._until = max(self._until, now)
        coming = self._coming(self._until)
        self._awaited = coming[0] if coming else None
        self._task = asyncio.get_running_loop().create_task(self._run(*coming), name="schedules") if coming else None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _coming(self, after: float) -> tuple[float, list[str]] | None:
        """The next time after this one, and the rules that are due then."""
        found: dict[float, list[str]] = {}
        for rule in self._rules.enabled():
            schedule = schedule_of(rule)
            anchor = float(rule.body["Anchor"])
            moment = schedule.next(max(after, anchor), anchor) if schedule else None
            if moment is not None:
                found.setdefault(moment, []).append(rule.name)
        return min(found.items()) if found else None

    async def _run(self, moment: float, names: list[str]) -> None:
        coming: tuple[float, list[str]] | None = (moment, names)
        while coming is not None:
            moment, names = coming
            while (left := moment - self._clock.time()) > 0:
                await self._clock.sleep(left)
            self._until = moment
            for name in names:
                self._tell(name, moment)
            coming = self._coming(max(moment, self._clock.time()))
            self._awaited = coming[0] if coming else None

    def _tell(self, name: str, moment: float) -> None:
        rule = self._rules.find(name)
        if rule is None:
            return
        try:
            self._due(rule, moment, str(uuid.uuid5(_NAMESPACE, f"{rule.arn} {moment:.0f}")))
        except Exception:  # one rule must not keep the others from their time
            log.exception("rule %s was due and failed", name)
