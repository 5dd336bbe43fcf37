"""The thin loop round the plan: ask, wait, and believe only the proof."""

from __future__ import annotations

from dataclasses import replace

from sagelens.deployment.alarms import remove_alarms
from sagelens.deployment.content import prove_content
from sagelens.deployment.endpoint import EndpointState, read_endpoint
from sagelens.deployment.events import EventKind
from sagelens.deployment.follow import UPDATE_TIMEOUT, follow, return_to
from sagelens.deployment.journal import Journal, Outcome, Record
from sagelens.deployment.keep import tidy
from sagelens.deployment.limits import check_chain, is_plain, lint
from sagelens.deployment.order import Deployed, Order, Services
from sagelens.deployment.pace import Pace
from sagelens.deployment.plan import MOVING, Action, next_action
from sagelens.deployment.rollout import create, roll_out
from sagelens.deployment.run import Ending, Recorder, Run, Told, record_of, silent
from sagelens.deployment.staging import prove_on_staging, remove_leftovers
from sagelens.deployment.strategy import Shadow, Strategy, Weighted, to_json
from sagelens.deployment.trial import run_shadow, run_weighted, trial_config
from sagelens.deployment.trial_configs import new_variant_name
from sagelens.errors import Refused, RollbackFailed, SagelensError

__all__ = ["deploy"]

_RECENT = 5


def deploy(order: Order, *, services: Services, journal: Journal, told: Told = silent, pace: Pace | None = None) -> Deployed:
    """Return once the endpoint serves the release; go on with a deployment of the same release that was interrupted.

    Raises BadConfig, NotFound, Refused (nothing was touched); RolledBack, RollbackFailed, StepFailed (a new endpoint did not
    start); Inconclusive (too little traffic, or time is up while SageMaker goes on).
    """
    pace = pace or Pace()
    release = order.release
    state = read_endpoint(release.endpoint, sagemaker=services.sagemaker, heard=pace.heard)
    recent = _recent(journal)
    mine = next((record for record in recent if _is_open(record) and _is_of(record, order)), None)
    if mine is None and _serves_already(order, state, recent):
        assert state is not None
        for old in filter(_is_open, recent):  # of a deployer that was ended before it could say how it went
            journal.put(_closed(old, state))
        return Deployed(endpoint=release.endpoint, config=state.config, model=release.model_name, changed=False)
    check_chain(release, order.strategies, state)
    if mine is None:
        next_action(state, release.config_name)
    record = mine or record_of(order, state, started=pace.time())
    run = Run(
        order=order,
        services=services,
        pace=pace,
        journal=journal,
        recorder=Recorder(record, journal=journal, told=told, pace=pace),
    )
    _begin(run, state, recent, resumed=mine is not None)
    return _concluded(run, _guarded(run, state))


def _begin(run: Run, state: EndpointState | None, recent: list[Record], *, resumed: bool) -> None:
    order, recorder = run.order, run.recorder
    if resumed:
        recorder.tell(EventKind.RESUMED, recorder.record.phase, "taken up where it was left")
        return
    serving = state if state is not None and state.status != "Failed" else None
    for warning in lint(order.release, order.strategies, order.alarms, serving, minimum_invocations=order.minimum_invocations):
        recorder.tell(EventKind.WARNING, "begin", warning, write=False)
    for old in filter(_is_open, recent):
        run.journal.put(_closed(old, state))
    recorder.tell(EventKind.BEGUN, "begin", f"{order.kind} of {order.release.config_name}")


def _guarded(run: Run, state: EndpointState | None) -> Ending:
    """Carry out, and record an ending that is raised: what is refused on the way leaves the endpoint as it was."""
    try:
        return _carry_out(run, state)
    except SagelensError as error:
        _end(run, Ending.failed(error.message))
        raise


def _carry_out(run: Run, state: EndpointState | None) -> Ending:
    _remove_leftovers(run)
    if state is None or state.pending_config != run.order.release.config_name:  # else SageMaker is at it already
        prove_content(run.order.release.model_uri, run.order.release.digest, s3=run.services.s3)
    if run.order.staging and not _was_proved(run.recorder.record):
        prove_on_staging(run)
    if state is None or state.status in {"Failed", "Creating"}:
        return create(run, state)
    if state.status not in MOVING:
        _settle(run, state)
    elif state.pending_config and state.pending_config == run.recorder.record.previous_config:
        follow(run, state.pending_config, phase="settle", timeout=UPDATE_TIMEOUT)  # a trial that was being taken back
    chain = run.order.strategies
    for stage in range(run.recorder.record.stage, len(chain)):
        if ending := _stage(run, chain, stage):
            return ending
    raise AssertionError("the last stage of a chain has an ending")


def _stage(run: Run, chain: tuple[Strategy, ...], stage: int) -> Ending | None:
    strategy, recorder = chain[stage], run.recorder
    if stage != recorder.record.stage:
        recorder.enter(stage)
    match strategy:
        case Shadow() | Weighted():
            base = recorder.record.previous_config or ""
            config = trial_config(run, strategy, base)
            name = str(config["EndpointConfigName"])
            if name not in recorder.record.trial_configs:
                recorder.enter(stage, trial_config=name)
            if isinstance(strategy, Shadow):
                return run_shadow(run, strategy, base, config)
            return run_weighted(run, strategy, base, config, last=stage == len(chain) - 1)
        case _:
            state = run.read()
            if state is None:
                return Ending.failed(f"Endpoint '{run.endpoint}' was deleted meanwhile. Deploy again to create it.")
            return roll_out(run, strategy, state)


def _concluded(run: Run, ending: Ending) -> Deployed:
    _end(run, ending)
    record = run.recorder.record
    if ending.error is not None:
        raise ending.error(ending.reason)
    tidy(run)
    return Deployed(
        endpoint=run.endpoint,
        config=record.serves,
        model=record.model,
        changed=True,
        previous_config=record.previous_config,
        variant=new_variant_name(run.order.release) if record.serves in record.trial_configs else None,
        journal=run.journal.uri(record),
    )


def _end(run: Run, ending: Ending) -> None:
    """Alarms go once nothing moves any more: taking them away earlier would end SageMaker's watch."""
    state = run.read()
    moving = state is not None and (state.status in MOVING or state.pending_config is not None)
    if run.order.alarms.guards and not moving:
        remove_alarms(run.endpoint, cloudwatch=run.services.cloudwatch)
    run.recorder.end(replace(ending, settled=ending.settled and not moving), serves=state.config if state else "")


def _remove_leftovers(run: Run) -> None:
    """Of crashed deployments: alarms and staging endpoints. A resumed one keeps its alarms."""
    record = run.recorder.record
    keep = {record.config, *record.trial_configs}
    if removed := remove_alarms(run.endpoint, keep=keep, cloudwatch=run.services.cloudwatch):
        run.recorder.tell(EventKind.WARNING, "begin", f"alarms left by an earlier deployment were removed: {', '.join(removed)}")
    remove_leftovers(run)


def _settle(run: Run, state: EndpointState) -> None:
    """Take back a trial that an earlier deployment left on the endpoint, so that the next starts from one variant."""
    record = run.recorder.record
    if is_plain(state, run.order.release.variant_name) or state.config in record.trial_configs:
        return
    left = next((old for old in run.journal.records() if state.config in old.trial_configs and old.previous_config), None)
    if left is None or left.previous_config is None:
        names = ", ".join(variant.name for variant in (*state.variants, *state.shadows))
        raise Refused(
            f"Endpoint '{run.endpoint}' serves several variants ({names}) with {state.config}, which no deployment of ours made; "
            "a rollout with guardrails needs exactly one. Update it to a config with one variant, then deploy again."
        )
    if failed := return_to(run, left.previous_config, phase="settle"):
        raise RollbackFailed(failed)
    if left.previous_config != run.order.release.config_name:
        run.recorder.record = replace(run.recorder.record, previous_config=left.previous_config)


def _recent(journal: Journal) -> list[Record]:
    return [journal.read(key) for key in journal.keys()[:_RECENT]]


def _is_open(record: Record) -> bool:
    return record.outcome is Outcome.UNDER_WAY


def _is_of(record: Record, order: Order) -> bool:
    """The same release by the same strategies; ordered otherwise, it is another deployment."""
    return record.config == order.release.config_name and list(record.strategy) == list(map(to_json, order.strategies))


def _was_proved(record: Record) -> bool:
    return any(event.kind is EventKind.CHECKED and event.phase == "staging" for event in record.events)


def _closed(record: Record, state: EndpointState | None) -> Record:
    """An interrupted deployment that nobody took up: the proof says what became of it."""
    serves = state.config if state else ""
    landed = serves in {record.config, *record.trial_configs[-1:]} and bool(serves)
    return replace(
        record,
        outcome=Outcome.LANDED if landed else Outcome.FAILED,
        reason=f"It was interrupted; the next deployment found the endpoint serving {serves or 'nothing'}.",
        serves=serves,
    )


def _serves_already(order: Order, state: EndpointState | None, recent: list[Record]) -> bool:
    if state is None or next_action(state, state.config or "-") is not Action.NOTHING:
        return False
    if state.config == order.release.config_name:
        return is_plain(state, order.release.variant_name)
    ended = recent[0] if recent else None
    stays = isinstance(order.strategies[-1], Weighted) and ended is not None and ended.outcome is Outcome.LANDED
    return stays and ended is not None and (ended.config, ended.serves) == (order.release.config_name, state.config)
