"""What SageMaker does not allow, or quietly does otherwise: refused before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.release import Release
from sagelens.deployment.strategy import (
    AllAtOnce,
    Canary,
    Linear,
    Rolling,
    Rollout,
    Shadow,
    Size,
    Strategy,
    describe,
    is_trial,
    timeout_of,
)
from sagelens.errors import BadConfig, Refused
from sagelens.values.guard import Alarms, MetricGuard
from sagelens.values.quantity import as_time

__all__ = ["check_chain", "fleet_size", "is_plain", "lint", "notes"]

_SLACK = 60
_FEW = 3
_BOUNDS = {Canary: (1, 50), Linear: (10, 50), Rolling: (5, 50)}


def fleet_size(release: Release, state: EndpointState | None) -> int:
    """Instances of the new fleet: as many as are desired now, since scaled-out counts are retained; else what the config says.

    Fewer may be running, as while one is being replaced.
    """
    live = state.variant(release.variant_name) if state else None
    return (live.desired_instances or live.instances or release.instances) if live else release.instances


def is_plain(state: EndpointState, variant: str) -> bool:
    """Whether nothing but this production variant serves: no shadow, no second variant."""
    return not state.shadows and {shown.name for shown in state.variants} <= {variant}


def check_chain(release: Release, chain: Sequence[Strategy], state: EndpointState | None) -> None:
    """Raises BadConfig for a size or time that does not fit this endpoint, Refused for what cannot be combined with it."""
    count = fleet_size(release, state)
    for strategy in chain:
        if not is_trial(strategy):
            _check_rollout(strategy, count)  # type: ignore[arg-type]
        _check_exclusions(strategy, release, state)
    if state is not None and state.variants and state.variant(release.variant_name) is None:
        names = ", ".join(variant.name for variant in state.variants)
        raise Refused(
            f"Endpoint '{release.endpoint}' serves the variants {names}, but {release.variant_name} is to be deployed; a variant "
            "cannot be renamed. Set deployment.variant to one of them."
        )


def _check_rollout(strategy: Rollout, count: int) -> None:
    if not isinstance(strategy, AllAtOnce):
        _check_size(f"{strategy.kind} size", strategy.size, _BOUNDS[type(strategy)], count)
    if isinstance(strategy, Rolling):
        _check_size("rolling rollback_size", strategy.rollback_size, (5, 100), count)
    waits, timeout = sum(strategy.waits(count)), timeout_of(strategy, count)
    if waits >= timeout:
        raise BadConfig(
            f"Strategy '{describe(strategy)}' waits {as_time(waits)} in all, which must be less than its timeout of "
            f"{as_time(timeout)} (at most 8h). Shorten wait or termination_wait, take larger steps, or raise timeout."
        )


def _check_size(what: str, size: Size, percents: tuple[int, int], count: int) -> None:
    if size.percent:
        return  # its bounds do not depend on the fleet: the value checked them
    lowest, highest = percents
    most = count * highest // 100
    if size.value > most or size.value * 100 < lowest * count:
        can = f"at most {most} is allowed" if most else 'no number of instances is; give percents, such as "10%"'
        raise BadConfig(
            f"{what} is {size.value} of {count} instances, which is not within {lowest}% and {highest}%: {can}. "
            "Change it, or deploy more instances."
        )


def _check_exclusions(strategy: Strategy, release: Release, state: EndpointState | None) -> None:
    staged = not isinstance(strategy, AllAtOnce) or strategy.termination_wait > 0
    if not staged:
        return
    said = f"Strategy '{describe(strategy)}' cannot be used for endpoint '{release.endpoint}'"
    instead = "Use a plain all-at-once."
    if release.instance_type.startswith("ml.inf1."):
        raise Refused(f"{said}: on Inf1 instances SageMaker falls back to all at once without a bake, silently. {instead}")
    if state is not None and any(variant.serverless for variant in state.variants):
        raise Refused(f"{said}: it is serverless, so there are no instances to move traffic between. {instead}")
    if state is not None and state.asynchronous and isinstance(strategy, Shadow):
        raise Refused(f"{said}: it is asynchronous, and SageMaker copies no such requests. {instead}")


def lint(
    release: Release, chain: Sequence[Strategy], alarms: Alarms, state: EndpointState | None, *, minimum_invocations: int
) -> list[str]:
    """What is allowed and yet hardly wanted. Nothing is said of a new endpoint: it is created all at once."""
    if state is None:
        return []
    count = fleet_size(release, state)
    found = [warning for strategy in chain for warning in _lint_strategy(strategy, alarms, count)]
    if alarms.guards and minimum_invocations < 1:
        found.append("minimum_invocations is 0, so a bake without any traffic counts as a good one.")
    if count != release.instances:
        found.append(f"The endpoint keeps the {count} instances that it has; the config says {release.instances}.")
    return found


def notes(alarms: Alarms, state: EndpointState | None) -> list[str]:
    """What was chosen and is worth seeing before it starts."""
    if state is None:
        return ["The endpoint is new: it is created all at once, and neither strategy nor alarms apply."]
    if alarms.waived:
        return [f"No alarm watches this deployment ({alarms.waived}): only a fleet that does not start is undone."]
    return []


def _lint_strategy(strategy: Strategy, alarms: Alarms, count: int) -> list[str]:
    found = []
    if isinstance(strategy, Canary | Linear) and count < _FEW:
        found.append(f"{strategy.kind} on {count} instances: at least {_FEW} are advised, or its steps are coarse.")
        if count == 1 and strategy.size.percent:
            found.append("With one instance the new fleet is whole from the start; only the traffic's share is small.")
    if not alarms.guards or isinstance(strategy, Shadow):
        return found
    waits = (strategy.duration,) if is_trial(strategy) else strategy.waits(count)  # type: ignore[union-attr]
    longest = max(waits)
    for guard in alarms.guards:
        if isinstance(guard, MetricGuard) and longest < guard.period * guard.evaluation_periods + _SLACK:
            needed = guard.period * guard.evaluation_periods + _SLACK
            found.append(
                f"The longest bake of {strategy.kind} is {as_time(longest) if longest else '0s'}: alarm {guard.what} can hardly "
                f"ring within it, as it takes {as_time(needed)}."
            )
    return found
