"""What is under way on endpoints: deployments, changes of capacity, deletions; begun, and taken up after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from sagelens.errors import SagelensError
from sagelens.local.endpoints.conductor import Conductor
from sagelens.local.endpoints.deployment import Stage
from sagelens.local.endpoints.fleet import NotProvisioned
from sagelens.local.endpoints.ledger import Ledger
from sagelens.local.endpoints.live import Live, MakeFleet
from sagelens.local.endpoints.record import live_variants
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.variant import Variant, counts_of
from sagelens.local.ports import Alarms, ApiError, Clock, Document, Resource

__all__ = ["Changes"]

_log = logging.getLogger(__name__)

_INTERRUPTED = "The service ended while the update was under way, before all traffic had moved."


class Changes:
    """One change at a time on each endpoint, as a task of its Live."""

    def __init__(self, ledger: Ledger, supplier: Callable[[Resource], MakeFleet], *, clock: Clock, alarms: Alarms | None) -> None:
        self.live: dict[str, Live] = {}
        self._ledger = ledger
        self._supplier = supplier
        self._clock = clock
        self._alarms = alarms

    def deploy(self, endpoint: Resource, rollout: Rollout, status: str) -> None:
        self._ledger.begin(endpoint, status, rollout)
        self._start(endpoint, self._deployed(endpoint, rollout))

    def scale(self, endpoint: Resource, variants: tuple[Variant, ...]) -> None:
        """Weights hold at once; servers are started and drained meanwhile."""
        before = live_variants(endpoint)
        changed = [new.name for new, old in zip(variants, before, strict=True) if new != old]
        body = {key: value for key, value in endpoint.body.items() if key != "FailureReason"}
        body["LocalVariants"] = [variant.to_json() for variant in variants]
        body["LocalScaling"] = {"variants": changed, "started": self._clock.time()}
        self._ledger.keep(endpoint, "Updating", body)
        self._open(endpoint).reweigh({variant.name: variant.weight for variant in variants})
        self._start(endpoint, self._scaled(endpoint, variants, before))

    def delete(self, endpoint: Resource) -> None:
        self._ledger.keep(endpoint, "Deleting", endpoint.body)
        self._open(endpoint).router.point([])
        self._start(endpoint, self._deleted(endpoint))

    def recover(self, endpoint: Resource) -> None:
        """Take up what an earlier service left: serve again, finish or undo a deployment, go on deleting."""
        match endpoint.status:
            case "InService" | "UpdateRollbackFailed":
                self._serve(endpoint)
            case "Updating" if "LocalDeployment" in endpoint.body:
                self._reconcile(endpoint)
            case "Updating":
                self._settled(endpoint, live_variants(endpoint), "")
                self._serve(endpoint)
            case "Creating":
                self._create_again(endpoint)
            case "Deleting":
                self._ledger.store.delete(endpoint.arn)

    async def close(self) -> None:
        """End every server; the store keeps what each endpoint was doing."""
        await asyncio.gather(*(live.close() for live in self.live.values()))
        self.live.clear()

    def _open(self, endpoint: Resource) -> Live:
        return self.live.setdefault(endpoint.arn, Live(self._supplier(endpoint)))

    def _start(self, endpoint: Resource, change: Coroutine[Any, Any, None]) -> None:
        self._open(endpoint).task = asyncio.create_task(change)

    def _serve(self, endpoint: Resource) -> None:
        try:
            self._open(endpoint).serve(live_variants(endpoint), endpoint.body.get("LocalCapture"))
        except ApiError as error:
            self._ledger.keep(endpoint, "Failed", {**endpoint.body, "FailureReason": error.message})

    async def _deployed(self, endpoint: Resource, rollout: Rollout) -> None:
        live = self._open(endpoint)

        def record(changed: Rollout) -> None:
            self._ledger.record(endpoint.arn, changed, live.blue.variants if live.blue else ())

        conductor = Conductor(live, rollout, record, clock=self._clock, alarms=self._alarms)
        try:
            await conductor.run()
        except Exception as error:  # noqa: BLE001  an endpoint that stays Updating can neither be updated nor deleted
            _log.exception("the deployment of %s on %s ended unexpectedly", rollout.config, endpoint.name)
            stage = Stage.ROLLED_BACK if await live.abandon() else Stage.FAILED
            record(conductor.rollout.ended(stage, f"Internal error: {error!r}."))

    async def _scaled(self, endpoint: Resource, variants: tuple[Variant, ...], before: tuple[Variant, ...]) -> None:
        """Servers that do not start leave the old counts; the new weights stay."""
        blue = self._open(endpoint).blue
        assert blue is not None
        kept, reason = variants, ""
        try:
            await blue.scale(counts_of(variants))
        except Exception as error:  # noqa: BLE001  as above
            if not isinstance(error, NotProvisioned | ApiError | SagelensError):
                _log.exception("a change of the capacity of %s ended unexpectedly", endpoint.name)
            reason = str(error)
            kept = tuple(replace(new, count=old.count) for new, old in zip(variants, before, strict=True))
            await self._scaled_back(endpoint, kept)
        self._settled(endpoint, kept, reason)

    async def _scaled_back(self, endpoint: Resource, variants: tuple[Variant, ...]) -> None:
        blue = self._open(endpoint).blue
        assert blue is not None
        try:
            await blue.scale(counts_of(variants))
        except NotProvisioned as error:
            _log.warning("the servers that endpoint %s had before were not all started again: %s", endpoint.name, error)

    def _settled(self, endpoint: Resource, variants: tuple[Variant, ...], reason: str) -> None:
        found = self._ledger.store.find(endpoint.arn)
        assert found is not None
        body = {key: value for key, value in found.body.items() if key != "LocalScaling"}
        body["LocalVariants"] = [variant.to_json() for variant in variants]
        failed: Document = {"FailureReason": reason[:1024]} if reason else {}
        self._ledger.keep(endpoint, "InService", {**body, **failed})

    async def _deleted(self, endpoint: Resource) -> None:
        await self._open(endpoint).retire()
        self._ledger.store.delete(endpoint.arn)
        self.live.pop(endpoint.arn, None)

    def _reconcile(self, endpoint: Resource) -> None:
        """An update whose traffic had moved is finished; any other is undone."""
        rollout = _read(endpoint)
        if rollout is None:
            body = {key: value for key, value in endpoint.body.items() if key != "LocalDeployment"}
            self._ledger.keep(endpoint, "InService", {**body, "FailureReason": _INTERRUPTED})
        elif rollout.deployment.moved:
            self._ledger.record(endpoint.arn, rollout.ended(Stage.LANDED))
        else:
            self._ledger.record(endpoint.arn, rollout.ended(Stage.ROLLED_BACK, _INTERRUPTED), live_variants(endpoint))
        found = self._ledger.store.find(endpoint.arn)
        assert found is not None
        self._serve(found)

    def _create_again(self, endpoint: Resource) -> None:
        rollout = _read(endpoint)
        if rollout is None:
            reason = "Another version of the service began to create the endpoint. Delete it and create it again."
            self._ledger.keep(endpoint, "Failed", {**endpoint.body, "FailureReason": reason})
            return
        fresh = Rollout.planned(rollout.config, rollout.variants, now=self._clock.time(), capture=rollout.capture)
        self.deploy(endpoint, fresh, "Creating")


def _read(endpoint: Resource) -> Rollout | None:
    """The deployment under way; None if another version of this program wrote it."""
    try:
        return Rollout.from_json(endpoint.body["LocalDeployment"])
    except (KeyError, TypeError, ValueError):
        return None
