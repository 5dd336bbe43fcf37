"""One deployment under way: its order, its clients, its clock, and the record that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sagelens.deployment.alarms import Fleet
from sagelens.deployment.endpoint import EndpointState, read_endpoint
from sagelens.deployment.events import Event, EventKind
from sagelens.deployment.journal import Journal, Outcome, Record
from sagelens.deployment.order import Order, Services
from sagelens.deployment.pace import Pace
from sagelens.deployment.strategy import to_json
from sagelens.errors import Inconclusive, RollbackFailed, RolledBack, SagelensError, StepFailed

__all__ = ["Ending", "Recorder", "Run", "Told", "record_of", "silent"]

Told = Callable[[Event], None]


def silent(_: Event) -> None:
    """Told of nothing: the journal has it all."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended. `error` is None for what landed; `settled` is False while SageMaker goes on with it."""

    outcome: Outcome
    reason: str = ""
    error: type[SagelensError] | None = None
    settled: bool = True

    @classmethod
    def landed(cls) -> Ending:
        return cls(outcome=Outcome.LANDED)

    @classmethod
    def rolled_back(cls, reason: str) -> Ending:
        return cls(outcome=Outcome.ROLLED_BACK, reason=reason, error=RolledBack)

    @classmethod
    def failed(cls, reason: str) -> Ending:
        return cls(outcome=Outcome.FAILED, reason=reason, error=StepFailed)

    @classmethod
    def rollback_failed(cls, reason: str) -> Ending:
        return cls(outcome=Outcome.FAILED, reason=reason, error=RollbackFailed)

    @classmethod
    def inconclusive(cls, reason: str) -> Ending:
        return cls(outcome=Outcome.INCONCLUSIVE, reason=reason, error=Inconclusive)

    @classmethod
    def still_moving(cls, reason: str) -> Ending:
        return cls(outcome=Outcome.UNDER_WAY, reason=reason, error=Inconclusive, settled=False)


class Recorder:
    """Tells events, and writes the record at each."""

    def __init__(self, record: Record, *, journal: Journal, told: Told, pace: Pace) -> None:
        self.record = record
        self._journal = journal
        self._told = told
        self._pace = pace

    def tell(
        self,
        kind: EventKind,
        phase: str,
        message: str,
        *,
        numbers: Mapping[str, float] | None = None,
        alarms: Mapping[str, str] | None = None,
        write: bool = True,
    ) -> None:
        """`write=False` leaves the writing to the next event."""
        now = self._pace.time()
        event = Event(kind=kind, time=now, phase=phase, message=message, numbers=numbers or {}, alarms=alarms or {})
        record = replace(self.record, phase=phase, updated=now, events=(*self.record.events, event))
        if write:
            self._journal.put(record)
        self.record = record
        self._told(event)

    def enter(self, stage: int, *, trial_config: str = "") -> None:
        """A stage of the chain begins; it is resumed from here after a crash. Written with the next event."""
        trials = (*self.record.trial_configs, *((trial_config,) if trial_config else ()))
        self.record = replace(
            self.record, stage=stage, stage_started=self._pace.time(), trial_configs=tuple(dict.fromkeys(trials))
        )

    def end(self, ending: Ending, *, serves: str) -> None:
        """The last event. What SageMaker goes on with stays under way."""
        now = self._pace.time()
        outcome = ending.outcome if ending.settled else Outcome.UNDER_WAY
        if ending.settled:
            self.record = replace(
                self.record, outcome=ending.outcome, reason=ending.reason, serves=serves, finished=now, updated=now
            )
        share = {Outcome.LANDED: 1.0, Outcome.ROLLED_BACK: 0.0}.get(outcome)
        told = {} if share is None or serves in self.record.trial_configs else {"traffic_share": share}
        self.tell(EventKind.ENDED, self.record.phase, f"{outcome}. {ending.reason}".strip(), numbers=told)


@dataclass(frozen=True, kw_only=True)
class Run:
    order: Order
    services: Services
    pace: Pace
    recorder: Recorder
    journal: Journal

    @property
    def endpoint(self) -> str:
        return self.recorder.record.endpoint

    def read(self) -> EndpointState | None:
        return read_endpoint(self.endpoint, sagemaker=self.services.sagemaker, heard=self.pace.heard)

    def fleet(self, config: str, variant: str) -> Fleet:
        return Fleet(endpoint=self.endpoint, config=config, variant=variant)


def record_of(order: Order, state: EndpointState | None, *, started: float) -> Record:
    release = order.release
    return Record(
        kind=order.kind,
        endpoint=release.endpoint,
        config=release.config_name,
        model=release.model_name,
        model_digest=release.digest,
        model_uri=release.model_uri,
        model_package_arn=release.package_arn,
        model_version=release.version,
        previous_config=state.config if state is not None and state.status != "Failed" else None,
        who=order.who,
        why=order.why,
        strategy=tuple(map(to_json, order.strategies)),
        alarms=order.alarms.to_json(),
        started=started,
        stage_started=started,
    )
