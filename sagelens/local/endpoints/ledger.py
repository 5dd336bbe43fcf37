"""Writes what becomes of an endpoint into the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sagelens.local.endpoints.deployment import Stage
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import Clock, Document, Resource
from sagelens.local.store import Store

__all__ = ["MOST_EVENTS", "Ledger"]

MOST_EVENTS = 200
"""States of deployments that an endpoint remembers; the latest ones."""

_LONGEST_REASON = 1024


@dataclass(frozen=True)
class Ledger:
    store: Store
    clock: Clock

    def keep(self, endpoint: Resource, status: str, body: Document) -> Resource:
        return self.store.update(endpoint.arn, modified=self.clock.time(), status=status, body=body, replace=True)

    def begin(self, endpoint: Resource, status: str, rollout: Rollout) -> None:
        """A deployment starts; its DeploymentConfig is remembered, the reason why the last one failed is forgotten."""
        body = _noted(_without(endpoint.body, "FailureReason"), rollout)
        used = {} if rollout.strategy is None else {"DeploymentConfig": rollout.strategy}
        self.keep(endpoint, status, {**body, **used, "LocalDeployment": rollout.to_json()})

    def record(self, arn: str, rollout: Rollout, serving: Collection[Variant] = ()) -> None:
        """Keep a deployment's new state; at its end, what came of the endpoint. `serving` is what runs in the end, where that
        may be neither the old fleet nor the new one."""
        endpoint = self.store.find(arn)
        assert endpoint is not None
        body = _noted(endpoint.body, rollout)
        ended = _without(body, "LocalDeployment")
        reason = {"FailureReason": rollout.deployment.reason[:_LONGEST_REASON]}
        mixed = [variant.to_json() for variant in serving]
        match rollout.deployment.stage:
            case Stage.LANDED:
                self.keep(endpoint, "InService", {**_without(ended, "LocalCapture"), **_landed(rollout)})
            case Stage.ROLLED_BACK:
                whole = len({variant.name for variant in serving}) == len(mixed)
                self.keep(
                    endpoint,
                    "InService" if whole else "UpdateRollbackFailed",
                    {**ended, **reason, **({"LocalVariants": mixed} if mixed else {})},
                )
            case Stage.STRANDED:
                self.keep(endpoint, "UpdateRollbackFailed", {**ended, **reason, "LocalVariants": mixed})
            case Stage.FAILED:
                self.keep(endpoint, "Failed", {**ended, **reason})
            case _:
                self.keep(endpoint, endpoint.status, {**body, "LocalDeployment": rollout.to_json()})


def _landed(rollout: Rollout) -> Document:
    used = {} if rollout.strategy is None else {"LastDeploymentConfig": rollout.strategy}
    capture = {} if rollout.capture is None else {"LocalCapture": rollout.capture}
    variants = [variant.to_json() for variant in rollout.variants]
    return {**used, **capture, "EndpointConfigName": rollout.config, "LocalVariants": variants}


def _without(body: Document, member: str) -> Document:
    return {key: value for key, value in body.items() if key != member}


def _noted(body: Document, rollout: Rollout) -> Document:
    deployment = rollout.deployment
    event: Document = {
        "Time": rollout.since,
        "EndpointConfigName": rollout.config,
        "Stage": deployment.stage.value,
        "Share": min(deployment.share.values(), default=0.0),
        "Blue": sum(deployment.blue.values()),
        "Green": sum(deployment.green.values()),
    }
    if deployment.reason:
        event["Reason"] = deployment.reason[:_LONGEST_REASON]
    return {**body, "LocalEvents": [*body.get("LocalEvents", ()), event][-MOST_EVENTS:]}
