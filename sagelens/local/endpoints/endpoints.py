"""Endpoint operations, and InvokeEndpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sagelens.local.endpoints.capacities import desired
from sagelens.local.endpoints.capture import Capture
from sagelens.local.endpoints.capture_files import CaptureFiles
from sagelens.local.endpoints.catalog import Catalog
from sagelens.local.endpoints.changes import Changes
from sagelens.local.endpoints.configs import EndpointConfigs
from sagelens.local.endpoints.fleet import Fleet, Supplies
from sagelens.local.endpoints.http import Broken
from sagelens.local.endpoints.instance import Health
from sagelens.local.endpoints.invocation import answer_of, broken, head_for, timed_out, validation
from sagelens.local.endpoints.launcher import ProcessLauncher
from sagelens.local.endpoints.ledger import Ledger
from sagelens.local.endpoints.limits import check_deployment, invalid
from sagelens.local.endpoints.live import MakeFleet
from sagelens.local.endpoints.meter import metered
from sagelens.local.endpoints.record import describe, live_variants, summary
from sagelens.local.endpoints.rollout import Rollout
from sagelens.local.endpoints.server import ModelServers, Servers
from sagelens.local.endpoints.updates import Updates, check_room, must_be_updatable
from sagelens.local.endpoints.variant import Variant, counts_of, production
from sagelens.local.forking.views import Views
from sagelens.local.ports import Alarms, Clock, Document, Handler, Metrics, Objects, Processes, Request, Resource
from sagelens.local.store import AlreadyStored, Store, page

__all__ = ["Endpoints"]


class Endpoints:
    """All endpoints of the service, with their fleets.

    Without `metrics` nothing is counted; without `alarms` none exists. `servers` are processes of this machine unless others
    are given.
    """

    def __init__(  # noqa: PLR0913, PLR0917  one port each
        self,
        store: Store,
        objects: Objects,
        processes: Processes,
        clock: Clock,
        state: Path,
        environment: Mapping[str, str],
        account: str,
        region: str,
        *,
        metrics: Metrics | None = None,
        alarms: Alarms | None = None,
        servers: Servers | None = None,
        health: Health | None = None,
        views: Views | None = None,
    ) -> None:
        self._catalog = Catalog(store, account, region)
        self._store = store
        self._clock = clock
        self._metrics = metrics
        views = views or Views(state)
        launcher = ProcessLauncher(objects=objects, processes=processes, state=state, environment=environment, views=views)
        self._processes = launcher
        self._servers = servers or ModelServers(launcher)
        self._health = health or Health()
        self._logs = state / "logs" / "aws" / "sagemaker" / "Endpoints"
        self._configs = EndpointConfigs(self._catalog, objects, clock)
        self._captures = CaptureFiles(objects, clock)
        self._updates = Updates(self._catalog, alarms)
        self._ledger = Ledger(store, clock)
        self._changes = Changes(self._ledger, self._supplier, clock=clock, alarms=alarms)

    def handlers(self) -> dict[str, Handler]:
        return {
            **self._configs.handlers(),
            "sagemaker.CreateEndpoint": self._create,
            "sagemaker.UpdateEndpoint": self._update,
            "sagemaker.UpdateEndpointWeightsAndCapacities": self._update_capacities,
            "sagemaker.DescribeEndpoint": self._describe,
            "sagemaker.ListEndpoints": self._list,
            "sagemaker.DeleteEndpoint": self._delete,
            "sagemaker-runtime.InvokeEndpoint": self._invoke,
        }

    async def recover(self) -> None:
        """Take up what an earlier service left: serve again, finish or undo deployments, go on deleting."""
        self._processes.recover()
        for endpoint in self._store.query("Endpoint", descending=False):
            self._changes.recover(endpoint)

    async def close(self) -> None:
        """End every server; the store keeps what each endpoint was doing."""
        await self._changes.close()
        await self._captures.close()

    async def _create(self, request: Request) -> Document:
        name = request["EndpointName"]
        config = self._catalog.config(request["EndpointConfigName"])
        variants = self._catalog.variants(config)
        check_room(name, variants)
        if "DeploymentConfig" in request:
            check_deployment(request["DeploymentConfig"], counts_of(production(variants)))
        now = self._clock.time()
        rollout = Rollout.planned(config.name, variants, now=now, capture=config.body.get("DataCaptureConfig"))
        endpoint = Resource(
            kind="Endpoint",
            arn=self._catalog.arn("endpoint", name),
            name=name,
            status="Creating",
            created=now,
            modified=now,
            body={
                "EndpointConfigName": config.name,
                "LocalDeployment": rollout.to_json(),
                **{key: request[key] for key in ("DeploymentConfig", "Tags") if key in request},
            },
        )
        try:
            self._store.insert(endpoint)
        except AlreadyStored as error:
            raise invalid(f'Cannot create already existing endpoint "{endpoint.arn}".') from error
        self._changes.deploy(endpoint, rollout, "Creating")
        return {"EndpointArn": endpoint.arn}

    async def _update(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        rollout = self._updates.rollout(endpoint, request, self._clock.time())
        self._changes.deploy(endpoint, rollout, "Updating")
        return {"EndpointArn": endpoint.arn}

    async def _update_capacities(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        must_be_updatable(endpoint, "InService")
        variants = desired(request, live_variants(endpoint))
        check_room(endpoint.name, variants)
        self._changes.scale(endpoint, variants)
        return {"EndpointArn": endpoint.arn}

    async def _describe(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        live = self._changes.live.get(endpoint.arn)
        return describe(endpoint, blue=_running(live.blue if live else None), green=_running(live.green if live else None))

    async def _list(self, request: Request) -> Document:
        descending = request.get("SortOrder", "Descending") == "Descending"
        found = self._store.query(
            "Endpoint",
            status=request.get("StatusEquals"),
            name_contains=request.get("NameContains"),
            created_after=request.get("CreationTimeAfter"),
            created_before=request.get("CreationTimeBefore"),
            modified_after=request.get("LastModifiedTimeAfter"),
            modified_before=request.get("LastModifiedTimeBefore"),
            order_by="name" if request.get("SortBy") == "Name" else "created",
            descending=descending,
        )
        if request.get("SortBy") == "Status":
            found.sort(key=lambda endpoint: endpoint.status, reverse=descending)
        shown, more = page(found, request)
        return {"Endpoints": [summary(endpoint) for endpoint in shown], **more}

    async def _delete(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        if endpoint.status in ("Creating", "Updating", "Deleting"):
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        self._changes.delete(endpoint)
        return {}

    async def _invoke(self, request: Request) -> Document:
        name = request["EndpointName"]
        live = self._changes.live.get(self._catalog.arn("endpoint", name))
        if live is None or not live.router.variants:
            raise validation(f"Endpoint {name} of account {self._catalog.account} not found.")
        variant = request.get("TargetVariant")
        if variant is not None and variant not in live.router.variants:
            known = ", ".join(live.router.variants)
            raise validation(
                f"Variant {variant} not found for Endpoint {name} of account {self._catalog.account}. It has: {known}."
            )
        body: bytes = request.get("Body", b"")
        head = head_for(request, body)
        try:
            routed = await live.router.send(head, body, variant)
        except TimeoutError as error:
            raise timed_out() from error
        except Broken as error:
            raise broken(error) from error
        log_arn = (
            f"arn:aws:logs:{self._catalog.region}:{self._catalog.account}:log-group:/aws/sagemaker/Endpoints/{name}:log-stream:"
        )
        return answer_of(routed, endpoint=name, account=self._catalog.account, log_arn=log_arn)

    def _supplier(self, endpoint: Resource) -> MakeFleet:
        """Makes fleets for one endpoint."""
        supplies = Supplies(
            model=self._catalog.model,
            servers=self._servers,
            logs=self._logs / endpoint.name,
            meter=lambda variant: metered(self._metrics, endpoint.name, variant.name, variant.config),
            health=self._health,
        )

        def make(variants: tuple[Variant, ...], capture: Document | None) -> Fleet:
            return Fleet(variants, supplies, partial(self._capture, endpoint.name, capture))

        return make

    def _capture(self, endpoint: str, config: Document | None, variant: str) -> Capture | None:
        return self._captures.capture(endpoint, variant, config)


def _running(fleet: Fleet | None) -> Callable[[str], int]:
    """Tells how many servers of a variant run."""
    by_variant = fleet.by_variant if fleet else {}
    return lambda variant: by_variant[variant].ready if variant in by_variant else 0
