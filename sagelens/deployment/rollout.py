"""One rollout: SageMaker moves the traffic and watches the alarms; we wait, and believe only the proof."""

from __future__ import annotations

from sagelens.deployment.alarms import alarm_name, check_quiet, create_alarms, why_rung
from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.events import EventKind
from sagelens.deployment.follow import MARGIN, UPDATE_TIMEOUT, follow, return_to, start_update, update_request
from sagelens.deployment.limits import fleet_size
from sagelens.deployment.models import ensure_config, ensure_made_model, tagged
from sagelens.deployment.order import OnInconclusive
from sagelens.deployment.plan import Action, Progress, Stage, next_action
from sagelens.deployment.run import Ending, Run
from sagelens.deployment.shares import TrafficShare
from sagelens.deployment.strategy import Rollout, deployment_config, describe, timeout_of
from sagelens.deployment.traffic import enough_traffic

__all__ = ["create", "ensure_made", "roll_out"]


def ensure_made(run: Run, *, config: bool = True) -> None:
    """Create the release's model, and its config, where they do not exist."""
    release = run.order.release
    if release.model_request is not None:
        ensure_made_model(release.model_request, tags=release.tags, sagemaker=run.services.sagemaker)
    if config and release.config_request is not None:
        ensure_config(release.config_request, tags=release.tags, sagemaker=run.services.sagemaker)


def create(run: Run, state: EndpointState | None) -> Ending:
    """A new endpoint, or one that failed and so serves nothing: SageMaker lets it only be deleted."""
    release, sagemaker = run.order.release, run.services.sagemaker
    action = next_action(state, release.config_name)
    if action is not Action.FOLLOW:
        ensure_made(run)
        run.recorder.tell(EventKind.PHASE, "create", f"create the endpoint with {release.config_name}")
        if action is Action.REPLACE:
            sagemaker.delete_endpoint(EndpointName=run.endpoint)
            run.pace.until(lambda: run.read() is None, timeout=UPDATE_TIMEOUT)
        _create(run)
    done = follow(run, release.config_name, phase="create", timeout=UPDATE_TIMEOUT)
    if done.stage is Stage.LANDED:
        return Ending.landed()
    if done.stage is Stage.MOVING:
        return _unsettled(run, UPDATE_TIMEOUT)
    return Ending.failed(
        f"Endpoint '{run.endpoint}' did not come up with {release.config_name}: {done.reason}. See its logs, then deploy again."
    )


def _create(run: Run) -> None:
    sagemaker = run.services.sagemaker
    try:
        sagemaker.create_endpoint(
            EndpointName=run.endpoint,
            EndpointConfigName=run.order.release.config_name,
            **tagged(run.order.release.tags),
        )
    except sagemaker.exceptions.ClientError:
        state = run.read()
        if state is None or state.config != run.order.release.config_name:
            raise


def roll_out(run: Run, strategy: Rollout, state: EndpointState) -> Ending:
    """From the config that serves to the release's."""
    release, started = run.order.release, run.recorder.record.stage_started
    count = fleet_size(release, state)
    previous = run.recorder.record.previous_config
    action = next_action(state, release.config_name)
    names = [alarm_name(guard, release.config_name) for guard in run.order.alarms.guards]
    timeout = timeout_of(strategy, count)
    if action is Action.UPDATE and _was_started(run, strategy):
        undone = Progress(Stage.ROLLED_BACK, state.failure_reason)
        return _not_landed(run, undone, names, started=started, timeout=timeout)
    if action is Action.UPDATE:
        ensure_made(run)
        fleet = run.fleet(release.config_name, release.variant_name)
        create_alarms(run.order.alarms.guards, fleet, cloudwatch=run.services.cloudwatch)
        if names:
            check_quiet(names, force=run.order.force, cloudwatch=run.services.cloudwatch)
        config = deployment_config(strategy, instances=count, alarms=names)
        start_update(
            run,
            update_request(run.endpoint, release.config_name, deployment_config=config, captures=release.captures),
        )
        run.recorder.tell(EventKind.PHASE, strategy.kind, describe(strategy), numbers={"traffic_share": 0.0})
    if action is not Action.NOTHING:
        shares = TrafficShare(strategy, count)
        done = follow(run, release.config_name, phase=strategy.kind, timeout=timeout + MARGIN, estimate=shares.seen)
        if done.stage is not Stage.LANDED:
            return _not_landed(run, done, names, started=started, timeout=timeout + MARGIN)
    return _judged(run, strategy, previous, started=started)


def _was_started(run: Run, strategy: Rollout) -> bool:
    """Whether an earlier start of this deployment updated the endpoint, which then went back while nobody looked."""
    record = run.recorder.record
    told = (event for event in record.events if event.time >= record.stage_started)
    return any(event.kind is EventKind.PHASE and event.phase == strategy.kind for event in told)


def _not_landed(run: Run, done: Progress, names: list[str], *, started: float, timeout: float) -> Ending:
    wanted = run.order.release.config_name
    if done.stage is Stage.MOVING:
        return _unsettled(run, timeout)
    rung = why_rung(names, since=started, cloudwatch=run.services.cloudwatch)
    repeated = rung and any(name in done.reason for name in names)
    reason = "; ".join(filter(None, (rung, "" if repeated else done.reason)))
    reason = reason or "SageMaker gave no reason; see the endpoint's logs and the history of its alarms"
    match done.stage:
        case Stage.ROLLED_BACK:
            return Ending.rolled_back(f"Endpoint '{run.endpoint}' was rolled back; {wanted} does not serve. {reason}")
        case Stage.ROLLBACK_FAILED:
            return Ending.rollback_failed(
                f"Endpoint '{run.endpoint}' serves a mixture: neither {wanted} nor the rollback landed. {reason} "
                "Deploy again, or roll back to a kept version: both update it out of this state."
            )
        case _:
            return Ending.failed(f"Endpoint '{run.endpoint}' did not come up with {wanted}: {reason}. Look at its logs.")


def _judged(run: Run, strategy: Rollout, previous: str | None, *, started: float) -> Ending:
    release = run.order.release
    fleet = run.fleet(release.config_name, release.variant_name)
    lacking = enough_traffic(run, fleet, least=run.order.judged_by, since=started, phase=strategy.kind)
    if not lacking:
        return Ending.landed()
    if run.order.on_inconclusive is OnInconclusive.KEEP or previous is None:
        return Ending.inconclusive(f"{release.config_name} serves, but {lacking}")
    if failed := return_to(run, previous, phase="inconclusive"):
        return Ending.rollback_failed(failed)
    return Ending.inconclusive(f"{previous} serves again, since {lacking}")


def _unsettled(run: Run, timeout: float) -> Ending:
    return Ending.still_moving(
        f"Endpoint '{run.endpoint}' did not settle on {run.order.release.config_name} within {timeout:g} s. "
        "Deploy again to go on waiting."
    )
