"""The loop of one execution: start what is ready, wait for anything to end, again."""

from __future__ import annotations

import asyncio

from sagelens.local.pipelines.document import failure_reason
from sagelens.local.pipelines.journal import Journal
from sagelens.local.pipelines.plan import Plan
from sagelens.local.pipelines.scheduler import State, ready
from sagelens.local.pipelines.step_run import Services, StepRun

__all__ = ["Run"]


class Run:
    """One execution on its way. `drive` returns when nothing runs any more and nothing can start."""

    def __init__(self, plan: Plan, journal: Journal, services: Services) -> None:
        self.plan = plan
        self.journal = journal
        self._services = services
        self._running: dict[asyncio.Task[None], StepRun] = {}
        self._stopped = False

    async def drive(self) -> None:
        try:
            self._start_ready()
            while self._running:
                done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._running[task]
                    task.result()
                self._start_ready()
        except asyncio.CancelledError:
            await self._abandon()
            raise
        self._finish()

    async def stop(self) -> None:
        """Start nothing more and stop what runs; the execution ends when all of it has ended."""
        self._stopped = True
        self.journal.change(self._services.clock.time(), status="Stopping")
        for step in list(self._running.values()):
            await step.stop()

    def _start_ready(self) -> None:
        if self._stopped or self._failed_on_purpose():
            return
        for name in ready(self.plan.graph, self.journal.states, self.journal.outcomes, limit=self.plan.limit):
            step = StepRun(self.plan.definition.steps[name], self.plan, self.journal, self._services)
            step.begin()
            self._running[asyncio.create_task(step.run(), name=f"step {name}")] = step

    def _failed_on_purpose(self) -> bool:
        """Whether a Fail step has run: it ends the execution."""
        return any(record.type == "Fail" for record in self.journal.records.values())

    async def _abandon(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finish(self) -> None:
        now = self._services.clock.time()
        if self._stopped:
            self.journal.change(now, status="Stopped", finished=now)
        elif State.FAILED in self.journal.states.values():
            reason = failure_reason(self.journal.records.values())
            self.journal.change(now, status="Failed", finished=now, failure_reason=reason)
        else:
            self.journal.change(now, status="Succeeded", finished=now)
