"""What a run on AWS is estimated to cost before it starts, and what it cost by recorded times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sagelens.errors import Refused
from sagelens.project import Costs, EndpointSettings, Environment

__all__ = ["EndpointCost", "Estimate", "Job", "StepCost", "actual", "check_budget", "estimate", "jobs_of"]

_HOUR = 3600
_MONTH = 30 * 24 * _HOUR
_NOT_COUNTED = "spot and savings plans are not discounted; storage, requests, logs and traffic of data are not counted"


@dataclass(frozen=True, kw_only=True)
class Job:
    """The instances of one step. `limit` are the seconds after which it is stopped."""

    step: str
    instance_type: str
    instances: int
    volume_gb: int
    limit: int
    spot: bool


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """`basis` says where `seconds` come from. `cost` is None without a price of the instance type."""

    step: str
    instance_type: str
    instances: int
    seconds: float
    basis: str
    spot: bool
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class EndpointCost:
    """What an endpoint costs for as long as it stands, and what a deployment's second fleet costs once."""

    instance_type: str
    instances: int
    hourly: float | None
    extra_instance_hours: float
    deployment: float | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`total` is that of one run: its jobs, and a deployment's extra instances. Steps that need not run again cost nothing."""

    currency: str
    total: float
    budget: float | None
    steps: tuple[StepCost, ...]
    endpoint: EndpointCost | None
    unpriced: tuple[str, ...]
    warnings: tuple[str, ...]
    note: str = _NOT_COUNTED

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def jobs_of(requests: Iterable[tuple[str, Mapping[str, Any]]], environment: Environment) -> Iterator[Job]:
    """The jobs among the requests of steps, given with the step's name.

    A transform job has no stopping condition; it is taken to end within the step's max_runtime_seconds.
    """
    for step, request in requests:
        found = (
            request.get("ProcessingResources", {}).get("ClusterConfig")
            or request.get("ResourceConfig")
            or request.get("TransformResources")
        )
        if found and "InstanceType" in found:
            yield Job(
                step=step,
                instance_type=found["InstanceType"],
                instances=found["InstanceCount"],
                volume_gb=found.get("VolumeSizeInGB", 0),
                limit=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
                or environment.steps.get(step, environment.jobs).max_runtime_seconds,
                spot=bool(request.get("EnableManagedSpotTraining")),
            )


def estimate(
    jobs: Sequence[Job],
    costs: Costs,
    *,
    recorded: Mapping[str, float],
    endpoint: EndpointSettings | None = None,
    extra_instance_hours: float = 0.0,
) -> Estimate:
    """`recorded` are the seconds that steps took in an earlier run; a step without is taken to run into its limit."""
    steps = tuple(_step_cost(job, costs, recorded) for job in jobs)
    served = endpoint and _endpoint_cost(endpoint, costs, extra_instance_hours)
    used = [*(step.instance_type for step in steps), *([served.instance_type] if served else [])]
    unpriced = tuple(sorted({kind for kind in used if kind not in costs.instances}))
    return Estimate(
        currency=costs.currency,
        total=round(sum(step.cost or 0 for step in steps) + ((served.deployment or 0) if served else 0), 4),
        budget=costs.budget,
        steps=steps,
        endpoint=served or None,
        unpriced=unpriced,
        warnings=(
            (f"environment.costs.instances has no price for {', '.join(unpriced)}; what runs there is not counted",)
            if unpriced
            else ()
        ),
    )


def _step_cost(job: Job, costs: Costs, recorded: Mapping[str, float]) -> StepCost:
    seconds = recorded.get(job.step, job.limit)
    return StepCost(
        step=job.step,
        instance_type=job.instance_type,
        instances=job.instances,
        seconds=seconds,
        basis="recorded" if job.step in recorded else "limit",
        spot=job.spot,
        cost=_price(job, costs, seconds),
    )


def _price(job: Job, costs: Costs, seconds: float) -> float | None:
    hourly = costs.instances.get(job.instance_type)
    if hourly is None:
        return None
    volume = job.volume_gb * costs.volume_gb_month / _MONTH
    return round(job.instances * seconds * (hourly / _HOUR + volume), 6)


def _endpoint_cost(settings: EndpointSettings, costs: Costs, extra: float) -> EndpointCost:
    hourly = costs.instances.get(settings.instance_type)
    return EndpointCost(
        instance_type=settings.instance_type,
        instances=settings.instance_count,
        hourly=None if hourly is None else round(settings.instance_count * hourly, 6),
        extra_instance_hours=extra,
        deployment=None if hourly is None else round(extra * hourly, 6),
    )


def check_budget(found: Estimate) -> None:
    """Raises Refused for an estimate above its budget, or one that leaves instances out."""
    if found.budget is None:
        return
    if found.unpriced:
        raise Refused(
            f"There is a budget of {found.budget:g} {found.currency}, but no price for {', '.join(found.unpriced)}. "
            "Add it to environment.costs.instances."
        )
    if found.total > found.budget:
        bounded = sum(step.basis == "limit" for step in found.steps)
        how = f", with {bounded} of {len(found.steps)} steps taken to run into their limits" if bounded else ""
        raise Refused(
            f"The run is estimated at {found.total:.2f} {found.currency}{how}; the budget is {found.budget:g}. Nothing was sent. "
            "Raise it with --set environment.costs.budget=..., or lower max_runtime_seconds of the steps."
        )


def actual(document: Mapping[str, Any], jobs: Sequence[Job], costs: Costs) -> dict[str, Any]:
    """What an execution cost by the times in its execution.json. Steps that were reused cost nothing."""
    by_step = {job.step: job for job in jobs}
    paid: dict[str, float] = {}
    unpriced = set()
    for step in document["steps"]:
        job = by_step.get(step["name"])
        if job is None or step["cache"] == "hit" or not step["seconds"]:
            continue
        price = _price(job, costs, step["seconds"])
        if price is None:
            unpriced.add(job.instance_type)
        else:
            paid[step["name"]] = price
    return {
        "currency": costs.currency,
        "total": round(sum(paid.values()), 4),
        "steps": paid,
        "unpriced": sorted(unpriced),
        "note": _NOT_COUNTED,
    }
