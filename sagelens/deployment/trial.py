"""Stages in which the old model goes on serving beside the new one: shadow and weighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from sagelens.deployment.alarms import check_quiet, create_alarms, states_of, why_rung
from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.events import EventKind
from sagelens.deployment.follow import UPDATE_TIMEOUT, follow, return_to, start_update, update_request
from sagelens.deployment.metrics import figures_of, regression
from sagelens.deployment.models import ensure_config, read_config
from sagelens.deployment.plan import MOVING, Progress, Stage
from sagelens.deployment.rollout import ensure_made
from sagelens.deployment.run import Ending, Run
from sagelens.deployment.strategy import Shadow, Weighted, describe
from sagelens.deployment.traffic import enough_traffic
from sagelens.deployment.trial_configs import new_variant_name, shadow_config, weighted_config
from sagelens.values.quantity import as_percent

__all__ = ["run_shadow", "run_weighted", "trial_config"]

_APART = 120
"""Seconds by which two starts of one deployment may see the time of a trial end apart."""


def trial_config(run: Run, strategy: Shadow | Weighted, base: str) -> dict[str, Any]:
    """CreateEndpointConfig's request for a trial beside the config that serves."""
    live = read_config(base, sagemaker=run.services.sagemaker)
    release = run.order.release
    return shadow_config(live, release, strategy) if isinstance(strategy, Shadow) else weighted_config(live, release)


def run_shadow(run: Run, strategy: Shadow, base: str, config: Mapping[str, Any]) -> Ending | None:
    """None if the new model is no worse than production; the shadow is gone then, as it is after any other ending."""
    name = str(config["EndpointConfigName"])
    if ending := _enter(run, strategy, base, config):
        return ending
    since = run.recorder.record.stage_started
    if broken := _broken(run, _hold(run, strategy.duration, name, base), name):
        return broken
    ending = _compared(run, strategy, name, since=since)
    if failed := return_to(run, base, phase=strategy.kind):
        return Ending.rollback_failed(failed)
    return ending


def _compared(run: Run, strategy: Shadow, config: str, *, since: float) -> Ending | None:
    release, cloudwatch = run.order.release, run.services.cloudwatch
    shadow_fleet = run.fleet(config, f"{new_variant_name(release)}-shadow")
    if lacking := enough_traffic(
        run, shadow_fleet, least=max(run.order.minimum_invocations, 1), since=since, phase=strategy.kind
    ):
        return Ending.inconclusive(f"The shadow of endpoint '{run.endpoint}' cannot be judged: {lacking}")
    until = run.pace.time()
    production = figures_of(run.fleet(config, release.variant_name), since=since, until=until, cloudwatch=cloudwatch)
    shadow = figures_of(shadow_fleet, since=since, until=until, cloudwatch=cloudwatch)
    numbers = {**production.to_numbers("production"), **shadow.to_numbers("shadow")}
    worse = regression(production, shadow, strategy)
    run.recorder.tell(EventKind.CHECKED, strategy.kind, worse or "the shadow is no worse than production", numbers=numbers)
    if worse:
        return Ending.rolled_back(f"The shadow of endpoint '{run.endpoint}' was taken away: {worse}.")
    return None


def run_weighted(run: Run, strategy: Weighted, base: str, config: Mapping[str, Any], *, last: bool) -> Ending | None:
    """None when the chain may go on, with the old config back. As the last of the chain both variants stay."""
    name, variant = str(config["EndpointConfigName"]), new_variant_name(run.order.release)
    fleet = run.fleet(name, variant)
    names = create_alarms(run.order.alarms.guards, fleet, cloudwatch=run.services.cloudwatch)
    if names:
        check_quiet(names, force=run.order.force, cloudwatch=run.services.cloudwatch)
    if ending := _enter(run, strategy, base, config):
        return ending
    since = run.recorder.record.stage_started
    settled = _weigh(run, strategy.share, variant)
    if settled.stage is not Stage.LANDED:
        return _undone(run, base, strategy.kind, f"its weights could not be set: {settled.reason or settled.stage}")
    held = _hold(run, strategy.duration, name, base, lambda: bool(_ringing(run, names)))
    if held in {_Held.OVER, _Held.TAKEN_BACK} and (rung := _rung(run, names, since)):
        run.recorder.tell(EventKind.ALARM, strategy.kind, rung)
        _weigh(run, 0.0, variant)
        return _undone(run, base, strategy.kind, rung)
    if broken := _broken(run, held, name):
        return broken
    lacking = enough_traffic(run, fleet, least=run.order.judged_by, since=since, phase=strategy.kind)
    return _concluded(run, strategy, base, lacking, last=last)


def _concluded(run: Run, strategy: Weighted, base: str, lacking: str, *, last: bool) -> Ending | None:
    if last:
        said = f"Both variants of endpoint '{run.endpoint}' serve, but {lacking}"
        return Ending.inconclusive(said) if lacking else Ending.landed()
    if failed := return_to(run, base, phase=strategy.kind):
        return Ending.rollback_failed(failed)
    return Ending.inconclusive(f"Endpoint '{run.endpoint}' serves {base} again: {lacking}") if lacking else None


def _enter(run: Run, strategy: Shadow | Weighted, base: str, config: Mapping[str, Any]) -> Ending | None:
    """Update to the trial's config, unless it serves already. None once it does."""
    name, kind = str(config["EndpointConfigName"]), strategy.kind
    state = run.read()
    if state is not None and state.config == name and state.pending_config is None:
        return None
    if state is None or state.pending_config != name:
        ensure_made(run, config=False)
        ensure_config(config, tags=run.order.release.tags, sagemaker=run.services.sagemaker)
        run.recorder.tell(EventKind.PHASE, kind, describe(strategy), numbers={"traffic_share": 0.0})
        start_update(run, update_request(run.endpoint, name, reset_weights=isinstance(strategy, Shadow)))
    done = follow(run, name, phase=kind, timeout=UPDATE_TIMEOUT)
    if done.stage is Stage.LANDED:
        run.recorder.enter(run.recorder.record.stage)  # the time of the trial counts from here
        run.recorder.tell(EventKind.PHASE, kind, f"{name} serves")
        return None
    if done.stage is Stage.MOVING:
        return Ending.still_moving(f"Endpoint '{run.endpoint}' did not settle on {name}. Deploy again to go on waiting.")
    said = f"Endpoint '{run.endpoint}' did not take up {name}, {base} serves: {done.reason}"
    return Ending.rolled_back(said) if done.stage is Stage.ROLLED_BACK else Ending.failed(said)


def _weigh(run: Run, share: float, variant: str) -> Progress:
    """Set the weights of both variants, unless they are so; SageMaker moves the traffic at once."""
    sagemaker = run.services.sagemaker
    state = run.read()
    weights = {run.order.release.variant_name: round(1 - share, 6), variant: round(share, 6)}
    config = state.config if state is not None else ""
    if state is not None and variant in _weights(state) and _weights(state) != weights:
        run.recorder.tell(
            EventKind.PHASE, "weighted", f"{as_percent(share)} of the traffic to {variant}", numbers={"traffic_share": share}
        )
        desired = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
        try:
            sagemaker.update_endpoint_weights_and_capacities(EndpointName=run.endpoint, DesiredWeightsAndCapacities=desired)
        except sagemaker.exceptions.ClientError:
            state = run.read()  # another start of the same deployment may have been faster
            if state is None or state.status not in MOVING:
                raise
    return follow(run, config, phase="weighted", timeout=UPDATE_TIMEOUT)


def _weights(state: EndpointState) -> dict[str, float]:
    return {variant.name: variant.weight for variant in state.variants if variant.weight is not None}


class _Held(StrEnum):
    """How a trial's time came to its end."""

    OVER = "its time was over"
    TAKEN_BACK = "it was taken back before its time"
    REPLACED = "something else changed the endpoint"
    LASTING = "it goes on"


def _hold(run: Run, seconds: float, config: str, base: str, watch: Callable[[], bool] = lambda: False) -> _Held:
    """Wait until the stage has lasted so long, or `watch` wants it to end.

    Another start of the same deployment may end it a little earlier; that counts as over.
    """
    held = _Held.LASTING
    until = run.recorder.record.stage_started + seconds

    def ended() -> bool:
        nonlocal held
        state = run.read()
        wanted = state and (state.pending_config or state.config)
        if wanted == config:
            held = _Held.OVER if watch() or run.pace.time() >= until else _Held.LASTING
        elif wanted == base:
            held = _Held.OVER if run.pace.time() >= until - _APART else _Held.TAKEN_BACK
        else:
            held = _Held.REPLACED
        return held is not _Held.LASTING

    run.pace.until(ended, timeout=seconds + UPDATE_TIMEOUT)
    return held


def _broken(run: Run, held: _Held, config: str) -> Ending | None:
    """The ending of a trial that did not last its time."""
    said = f"Endpoint '{run.endpoint}' tried out {config}, but"
    match held:
        case _Held.OVER:
            return None
        case _Held.LASTING:
            return Ending.still_moving(f"Endpoint '{run.endpoint}' is still trying out {config}. Deploy again to go on.")
        case _:
            return Ending.failed(f"{said} {held}: nothing was proved, and nothing is rolled out. Deploy again.")


def _ringing(run: Run, names: list[str]) -> str:
    """Which of these alarms are in ALARM, and why; empty if none is."""
    states = states_of(names, cloudwatch=run.services.cloudwatch)
    return "; ".join(f"alarm {name} rang: {reason}" for name, (state, reason) in states.items() if state == "ALARM")


def _rung(run: Run, names: list[str], since: float) -> str:
    """As `_ringing`; what rang between two polls, or for another start of this deployment, is found in the history."""
    return _ringing(run, names) or why_rung(names, since=since, cloudwatch=run.services.cloudwatch)


def _undone(run: Run, base: str, phase: str, reason: str) -> Ending:
    if failed := return_to(run, base, phase=phase):
        return Ending.rollback_failed(f"{failed} It was to be, because {reason}")
    return Ending.rolled_back(f"Endpoint '{run.endpoint}' serves {base} again: {reason}")
