"""What a deployment would do, before it does it: plain data, made without effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.limits import check_chain, fleet_size, is_plain, lint, notes
from sagelens.deployment.release import Release
from sagelens.deployment.strategy import AllAtOnce, Canary, Linear, Rolling, Rollout, Shadow, Strategy, Weighted, describe
from sagelens.values.guard import Alarms
from sagelens.values.quantity import as_percent

__all__ = ["PROVISIONING", "Phase", "PlanPreview", "preview", "traffic_share"]

PROVISIONING = 300
"""Seconds that instances are taken to need until they serve; SageMaker does not promise any."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """`seconds` is None where it depends on how fast instances start. `traffic_share` is that of the new model meanwhile."""

    strategy: str
    name: str
    seconds: int | None
    traffic_share: float
    watches: tuple[str, ...] = ()
    on_alarm: str = ""
    extra_instances: int = 0


@dataclass(frozen=True, kw_only=True)
class PlanPreview:
    """`total_seconds` leaves out what instances need to start; `extra_instance_hours` counts it with `provisioning_seconds`."""

    endpoint: str
    config: str
    serves_now: str | None
    strategies: tuple[str, ...]
    phases: tuple[Phase, ...]
    alarms: tuple[str, ...]
    waived: str
    total_seconds: int
    extra_instance_hours: float
    provisioning_seconds: int
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def preview(
    release: Release,
    strategies: Sequence[Strategy],
    state: EndpointState | None,
    alarms: Alarms,
    *,
    minimum_invocations: int = 1,
    staging: bool = True,
) -> PlanPreview:
    """Raises what the deployment itself would refuse for the same reasons."""
    check_chain(release, strategies, state)
    serving = state if state is not None and state.status != "Failed" else None
    phases = (*(_staging(staging)), *_phases(release, strategies, serving, alarms))
    hours = sum(phase.extra_instances * (PROVISIONING if phase.seconds is None else phase.seconds) for phase in phases) / 3600
    return PlanPreview(
        endpoint=release.endpoint,
        config=release.config_name,
        serves_now=serving.config if serving else None,
        strategies=tuple(map(describe, strategies)),
        phases=phases,
        alarms=tuple(map(str, alarms.guards)),
        waived=alarms.waived,
        total_seconds=sum(phase.seconds or 0 for phase in phases),
        extra_instance_hours=round(hours, 2),
        provisioning_seconds=PROVISIONING,
        warnings=(
            *notes(alarms, serving),
            *lint(release, strategies, alarms, serving, minimum_invocations=minimum_invocations),
        ),
    )


def _staging(wanted: bool) -> Iterator[Phase]:
    if wanted:
        yield Phase(
            strategy="staging",
            name="the model answers its golden set on an endpoint of its own, which is then deleted",
            seconds=None,
            traffic_share=0.0,
            extra_instances=1,
        )


def _phases(release: Release, strategies: Sequence[Strategy], state: EndpointState | None, alarms: Alarms) -> Iterator[Phase]:
    if state is None:
        yield Phase(strategy="create", name="create the endpoint", seconds=None, traffic_share=1.0)
        return
    if not is_plain(state, release.variant_name):
        yield Phase(
            strategy="settle", name="take back the trial that an earlier deployment left", seconds=None, traffic_share=0.0
        )
    count = fleet_size(release, state)
    watches = tuple(map(str, alarms.guards))
    for strategy in strategies:
        match strategy:
            case Shadow():
                yield from _shadow(strategy, release)
            case Weighted():
                yield from _weighted(strategy, release, watches, state.config, last=strategy is strategies[-1])
            case _:
                yield from _rollout(strategy, count, watches, state.config)


def _shadow(strategy: Shadow, release: Release) -> Iterator[Phase]:
    kind, extra = strategy.kind, release.instances
    yield Phase(strategy=kind, name="start the shadow", seconds=None, traffic_share=0.0, extra_instances=extra)
    yield Phase(
        strategy=kind,
        name=f"the new model gets copies of {as_percent(strategy.sampling)} of the requests, then both are compared",
        seconds=strategy.duration,
        traffic_share=0.0,
        watches=("error rate and p95 ModelLatency of the shadow against production's",),
        on_alarm="on a regression the shadow is taken away and the deployment ends as rolled back (exit code 5)",
        extra_instances=extra,
    )
    yield Phase(strategy=kind, name="take the shadow away", seconds=None, traffic_share=0.0)


def _weighted(strategy: Weighted, release: Release, watches: tuple[str, ...], old: str, *, last: bool) -> Iterator[Phase]:
    kind, extra = strategy.kind, release.instances
    yield Phase(strategy=kind, name="start the new variant", seconds=None, traffic_share=0.0, extra_instances=extra)
    yield Phase(
        strategy=kind,
        name=f"{as_percent(strategy.share)} of the traffic goes to the new variant" + ("; both stay after that" if last else ""),
        seconds=strategy.duration,
        traffic_share=strategy.share,
        watches=watches,
        on_alarm=f"all traffic back to the old variant, then back to {old} (exit code 5)" if watches else "",
        extra_instances=extra,
    )
    if not last:
        yield Phase(strategy=kind, name="take the new variant away", seconds=None, traffic_share=0.0)


def _rollout(strategy: Rollout, count: int, watches: tuple[str, ...], old: str) -> Iterator[Phase]:
    undone = f"all traffic back to {old} at once, the new fleet deleted (exit code 5)" if watches else ""
    staged = not isinstance(strategy, AllAtOnce) or strategy.termination_wait > 0
    batch = strategy.size.instances(count) if isinstance(strategy, Rolling) else count
    extra = batch if staged else 0
    start = f"start {'the first batch' if isinstance(strategy, Rolling) else 'the new fleet'}: {batch} of {count} instances"
    yield Phase(strategy=strategy.kind, name=start, seconds=None, traffic_share=0.0, extra_instances=extra)
    waits = strategy.waits(count)
    for step, wait in enumerate(waits, 1):
        share = traffic_share(strategy, step, count)
        yield Phase(
            strategy=strategy.kind,
            name=f"{as_percent(round(share, 4))} of the traffic to the new fleet" + (", watched" if wait and watches else ""),
            seconds=wait,
            traffic_share=share,
            watches=watches if wait else (),
            on_alarm=undone if wait else "",
            extra_instances=extra,
        )
    yield Phase(strategy=strategy.kind, name="delete the old fleet", seconds=None, traffic_share=1.0)


def traffic_share(strategy: Rollout, step: int, count: int) -> float:
    """Of the new fleet, after so many shifts of traffic."""
    match strategy:
        case AllAtOnce():
            return 1.0 if step else 0.0
        case Canary(size=size):
            return 0.0 if step < 1 else size.share(count) if step == 1 else 1.0
        case Linear(size=size):
            return 0.0 if step < 1 else size.times(step).share(count) if step < size.steps(count) else 1.0
        case Rolling(size=size):
            return min(step * size.instances(count) / count, 1.0)
