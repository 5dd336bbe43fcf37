"""All alarms: what is kept of them, their states, and who is told of changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from graphlib import TopologicalSorter

from sagelens.local.metrics.alarm import COMPOSITE, METRIC, Alarm, check
from sagelens.local.metrics.condition import ALARM, INSUFFICIENT_DATA, OK
from sagelens.local.metrics.history import CONFIGURED, STATE, History
from sagelens.local.metrics.rule import Rule
from sagelens.local.ports import ApiError, Clock, Document, Resource
from sagelens.local.store import Store

__all__ = ["AlarmBook", "Told"]

Told = Callable[[str, str, str], None]
"""Is called with the name, the new state and the reason of an alarm."""

log = logging.getLogger(__name__)


class AlarmBook:
    """Every change is stored before anybody is told of it, and told before the call returns. Composite alarms follow the alarms
    that they depend on in the same call."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._alarms: dict[str, Alarm] = {}
        self._told: dict[str, list[Told]] = {}
        self.changed: Callable[[Resource, Resource], None] | None = None
        """Is told of every change of a state, with the alarm as it was and as it is."""
        self.history = History(store)

    def recover(self) -> None:
        """Take up the alarms that an earlier service kept, in the states in which it left them."""
        self.history.prune(self._clock.time())
        for kind in (METRIC, COMPOSITE):
            for resource in self._store.query(kind):
                try:
                    self._alarms[resource.name] = Alarm(resource, check(kind, resource.body))
                except ApiError as error:
                    log.error("alarm %s was kept by another version and is left out: %s", resource.name, error.message)  # noqa: TRY400

    def __len__(self) -> int:
        return len(self._alarms)

    def __iter__(self) -> Iterator[Alarm]:
        """By name. The book may change meanwhile."""
        return iter(sorted(self._alarms.values(), key=lambda alarm: alarm.name))

    def get(self, name: str) -> Alarm | None:
        return self._alarms.get(name)

    def subscribe(self, names: Sequence[str], told: Told) -> Callable[[], None]:
        for name in names:
            self._told.setdefault(name, []).append(told)

        def end() -> None:
            for name in names:
                with suppress(KeyError, ValueError):
                    self._told[name].remove(told)
                    if not self._told[name]:
                        del self._told[name]

        return end

    def put(self, alarm: Alarm, *, new: bool) -> None:
        """Keep a new alarm, or another configuration of one that exists; a composite alarm then follows its rule."""
        now, resource = self._clock.time(), alarm.resource
        what = "created" if new else "updated"
        with self._store.transaction():
            if new:
                self._store.insert(resource)
            else:
                self._store.update(resource.arn, modified=now, body=resource.body, replace=True)
            self._log(resource, f'Alarm "{alarm.name}" {what}', {"type": "Create" if new else "Update"})
        self._alarms[alarm.name] = alarm
        if isinstance(alarm.check, Rule):
            transition = self._follow(alarm, f"AlarmRule was evaluated when the alarm was {what}")
            if transition:
                self._ripple(alarm.name, transition)

    def change(self, name: str, **members: object) -> None:
        """Lay these members over the body of an alarm."""
        alarm = self._alarms[name]
        resource = self._store.update(alarm.resource.arn, modified=self._clock.time(), body=dict(members))
        self._alarms[name] = replace(alarm, resource=resource)

    def delete(self, names: Sequence[str]) -> None:
        """Forget these alarms, all of which exist."""
        with self._store.transaction():
            for name in names:
                resource = self._alarms[name].resource
                self._store.delete(resource.arn)
                self._log(resource, f'Alarm "{name}" deleted', {"type": "Delete"})
        for name in names:
            del self._alarms[name]

    def dependants(self, name: str) -> list[Alarm]:
        """The composite alarms whose rules mention it."""
        return [alarm for alarm in self if isinstance(alarm.check, Rule) and name in alarm.check.alarms]

    def set_state(self, name: str, state: str, reason: str, reason_data: str | None = None) -> None:
        """Give an alarm a state. Only if that is another one does it go into the history, and is anybody told."""
        transition = self._set(name, state, reason, reason_data)
        if transition:
            self._ripple(name, transition)

    def _set(self, name: str, state: str, reason: str, reason_data: str | None = None) -> str:
        """What to say of it to who depends on it; nothing if the state is the same as before."""
        alarm, now = self._alarms[name], self._clock.time()
        changed = alarm.state != state
        body: Document = {"StateReason": reason, "StateReasonData": reason_data, "StateUpdatedTimestamp": now}
        if changed:
            body["StateTransitionedTimestamp"] = now
        with self._store.transaction():
            resource = self._store.update(alarm.resource.arn, modified=now, status=state, body=body)
            if changed:
                states = {"oldState": _state(alarm.resource), "newState": _state(resource)}
                self.history.add(resource, STATE, f"Alarm updated from {alarm.state} to {state}", states, now)
        self._alarms[name] = replace(alarm, resource=resource)
        if changed:
            self._tell(name, state, reason)
            self._announce(alarm.resource, resource)
        return f"{resource.arn} transitioned to {state} at {_moment(now)}" if changed else ""

    def _ripple(self, changed: str, transition: str) -> None:
        """Let the composite alarms that depend on one that has changed follow, each once, after all that it depends on itself."""
        rules = {alarm.name: alarm.check.alarms for alarm in self if isinstance(alarm.check, Rule)}
        reasons = {changed: transition}
        for name in TopologicalSorter(rules).static_order() if rules else ():
            because = next((reasons[child] for child in rules.get(name, ()) if child in reasons), None)
            alarm = self._alarms.get(name)
            transition = self._follow(alarm, because) if because and alarm is not None else ""
            if transition:
                reasons[name] = transition

    def _follow(self, alarm: Alarm, reason: str) -> str:
        """Give a composite alarm the state that its rule says; what to say of it, if it is another one."""
        assert isinstance(alarm.check, Rule)
        state = ALARM if alarm.check.holds(self._state_of) else OK
        return self._set(alarm.name, state, reason) if state != alarm.state else ""

    def _state_of(self, name: str) -> str:
        alarm = self._alarms.get(name)
        return INSUFFICIENT_DATA if alarm is None else alarm.state

    def _tell(self, name: str, state: str, reason: str) -> None:
        for told in list(self._told.get(name, ())):
            try:
                told(name, state, reason)
            except Exception:  # one that fails must not keep the others, or the next alarm, from being heard
                log.exception("told of alarm %s, which is in %s now, and failed", name, state)

    def _announce(self, old: Resource, new: Resource) -> None:
        if self.changed is None:
            return
        try:
            self.changed(old, new)
        except Exception:  # nor must this keep anybody else from being heard
            log.exception("announced that alarm %s is in %s, and failed", new.name, new.status)

    def _log(self, resource: Resource, summary: str, data: Document) -> None:
        self.history.add(resource, CONFIGURED, summary, data, self._clock.time())


def _state(resource: Resource) -> Document:
    return {"stateValue": resource.status, "stateReason": resource.body["StateReason"]}


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
