"""A DeploymentConfig as the steps that it prescribes for fleets of given sizes.

A step brings the new fleet to so many servers, turns traffic on for some of them, waits, and then keeps so many servers of the
old fleet. Blue/green starts the whole new fleet at its first step and keeps the whole old one until its last; rolling does both
by batches. Instances and traffic are two numbers: k of n instances take k/n of their variant's traffic, but where a percentage
is less than one instance of a fleet and would still take all of it, the percentage itself is the share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sagelens.local.endpoints.sizes import size_of
from sagelens.local.ports import Document
from sagelens.values.quantity import Size

__all__ = ["Counts", "Shares", "Step", "kept", "steps_of"]

Counts = Mapping[str, int]
"""Servers by variant."""
Shares = Mapping[str, float]
"""Parts of a variant's traffic, between 0 and 1, by variant."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """`green` servers of the new fleet run, `active` of them take `share` of the traffic, which bakes for `wait` seconds; of the
    old fleet `blue` servers remain afterwards. `full`: all traffic is on the new fleet."""

    green: Counts
    active: Counts
    share: Shares
    blue: Counts
    wait: float = 0.0
    full: bool = False


def steps_of(config: Document | None, old: Counts, new: Counts) -> tuple[Step, ...]:
    """What a DeploymentConfig prescribes for an old and a new fleet; without one, all at once and no wait."""
    if config is not None and "RollingUpdatePolicy" in config:
        return _rolling(config["RollingUpdatePolicy"], old, new)
    policy = (config or {}).get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    partial = [_partial(active, share, old, new, routing["WaitIntervalInSeconds"]) for active, share in _parts(routing, new)]
    return (*partial, _whole(old, new, policy.get("TerminationWaitInSeconds", 0)))


def kept(share: float, count: int) -> int:
    """How many of a fleet's `count` servers carry what remains when `share` of the traffic has gone."""
    return math.ceil(round((1.0 - share) * count, 9))


def _parts(routing: Document, new: Counts) -> Iterable[tuple[Counts, Shares]]:
    """The steps before the last: servers that take traffic, and the share that they take."""
    match routing["Type"]:
        case "CANARY":
            yield _sized(size_of(routing["CanarySize"]), new)
        case "LINEAR":
            size = size_of(routing["LinearStepSize"])
            for number in range(1, max(size.steps(count) for count in new.values())):
                yield _sized(size.times(number), new)


def _sized(size: Size, new: Counts) -> tuple[Counts, Shares]:
    active = {name: size.instances(count) for name, count in new.items()}
    return active, {name: size.share(count) for name, count in new.items()}


def _partial(active: Counts, share: Shares, old: Counts, new: Counts, wait: float) -> Step:
    return Step(green=dict(new), active=active, share=share, blue=dict(old), wait=wait)


def _whole(old: Counts, new: Counts, wait: float) -> Step:
    """All variants at once, those included that only one of the fleets has."""
    return Step(
        green=dict(new),
        active=dict(new),
        share=dict.fromkeys([*old, *new], 1.0),
        blue=dict.fromkeys(old, 0),
        wait=wait,
        full=True,
    )


def _rolling(policy: Document, old: Counts, new: Counts) -> tuple[Step, ...]:
    ((name, count),) = new.items()
    size, wait = size_of(policy["MaximumBatchSize"]), policy["WaitIntervalInSeconds"]
    batch, batches = size.instances(count), size.batches(count)

    def step(number: int) -> Step:
        green = min(count, number * batch)
        share = green / count
        return Step(
            green={name: green},
            active={name: green},
            share={name: share},
            blue={name: kept(share, old[name])},
            wait=wait,
            full=number == batches,
        )

    return tuple(step(number) for number in range(1, batches + 1))
