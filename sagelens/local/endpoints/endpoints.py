"""Endpoint operations, and InvokeEndpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from sagelens.local.endpoints.catalog import Catalog
from sagelens.local.endpoints.configs import EndpointConfigs
from sagelens.local.endpoints.deployment import Deployment, Shift, Stage
from sagelens.local.endpoints.fleet import Fleet
from sagelens.local.endpoints.http import Broken
from sagelens.local.endpoints.invocation import answer_of, broken, head_for, timed_out, validation
from sagelens.local.endpoints.limits import check_capacity, check_deployment, check_strategy, invalid
from sagelens.local.endpoints.live import Live
from sagelens.local.endpoints.record import Rollout, describe, live_variants, summary
from sagelens.local.endpoints.server import ModelServers
from sagelens.local.endpoints.variant import Variant, retained
from sagelens.local.ports import ApiError, Clock, Document, Handler, Objects, Processes, Request, Resource
from sagelens.local.store import AlreadyStored, Store, page

__all__ = ["Endpoints"]

_log = logging.getLogger(__name__)

_INTERRUPTED = "The service ended while the update was under way, before all traffic had moved."


class Endpoints:
    """All endpoints of the service, with their fleets."""

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
    ) -> None:
        self._catalog = Catalog(store, account, region)
        self._store = store
        self._clock = clock
        self._servers = ModelServers(objects=objects, processes=processes, state=state, environment=environment)
        self._logs = state / "logs" / "aws" / "sagemaker" / "Endpoints"
        self._configs = EndpointConfigs(self._catalog, clock)
        self._live: dict[str, Live] = {}

    def handlers(self) -> dict[str, Handler]:
        return {
            **self._configs.handlers(),
            "sagemaker.CreateEndpoint": self._create,
            "sagemaker.UpdateEndpoint": self._update,
            "sagemaker.DescribeEndpoint": self._describe,
            "sagemaker.ListEndpoints": self._list,
            "sagemaker.DeleteEndpoint": self._delete,
            "sagemaker-runtime.InvokeEndpoint": self._invoke,
        }

    async def recover(self) -> None:
        """Take up what an earlier service left: serve again, finish or undo deployments, go on deleting."""
        self._servers.recover()
        for endpoint in self._store.query("Endpoint", descending=False):
            match endpoint.status:
                case "InService":
                    self._serve(endpoint)
                case "Updating":
                    self._reconcile(endpoint)
                case "Creating":
                    rollout = self._rollout(endpoint.body["LocalDeployment"], Stage.PROVISIONING)
                    self._begin(endpoint, rollout)
                case "Deleting":
                    self._store.delete(endpoint.arn)

    async def close(self) -> None:
        """End every server; the store keeps what each endpoint was doing."""
        await asyncio.gather(*(live.close() for live in self._live.values()))
        self._live.clear()

    async def _create(self, request: Request) -> Document:
        name = request["EndpointName"]
        config = self._catalog.config(request["EndpointConfigName"])
        variants = self._catalog.variants(config)
        check_capacity(name, *_counts_and_types(variants))
        if "DeploymentConfig" in request:
            check_deployment(request["DeploymentConfig"], _counts(variants))
        now = self._clock.time()
        rollout = Rollout(
            config=config.name,
            variants=variants,
            deployment=Deployment(shifts=(Shift(1.0),), replaces=False),
            started=now,
            since=now,
        )
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
        self._begin(endpoint, rollout)
        return {"EndpointArn": endpoint.arn}

    async def _update(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        config = self._catalog.config(request["EndpointConfigName"])
        self._must_be_updatable(endpoint)
        strategy = self._strategy(endpoint, request)
        variants = self._wanted(endpoint, config, request)
        check_capacity(endpoint.name, *_counts_and_types(variants))
        if strategy is not None:
            check_deployment(strategy, _counts(variants))
            check_strategy(strategy)
            _must_keep_names(variants, live_variants(endpoint))
        policy = (strategy or {}).get("BlueGreenUpdatePolicy", {})
        now = self._clock.time()
        rollout = Rollout(
            config=config.name,
            variants=variants,
            deployment=Deployment(shifts=(Shift(1.0, policy.get("TerminationWaitInSeconds", 0)),), replaces=True),
            started=now,
            since=now,
            strategy=strategy,
            timeout=policy.get("MaximumExecutionTimeoutInSeconds"),
        )
        body = {key: value for key, value in endpoint.body.items() if key != "FailureReason"}
        if strategy is not None:
            body["DeploymentConfig"] = strategy
        self._keep(endpoint, "Updating", {**body, "LocalDeployment": rollout.to_json()})
        self._begin(endpoint, rollout)
        return {"EndpointArn": endpoint.arn}

    async def _describe(self, request: Request) -> Document:
        endpoint = self._catalog.endpoint(request["EndpointName"])
        live = self._live.get(endpoint.arn)
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
        self._keep(endpoint, "Deleting", endpoint.body)
        live = self._open(endpoint)
        live.router.point([])
        live.task = asyncio.create_task(self._forget(endpoint, live))
        return {}

    async def _invoke(self, request: Request) -> Document:
        name = request["EndpointName"]
        live = self._live.get(self._catalog.arn("endpoint", name))
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

    def _must_be_updatable(self, endpoint: Resource) -> None:
        if endpoint.status == "Failed":
            raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status Failed: it can only be deleted.')
        if endpoint.status != "InService":
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')

    @staticmethod
    def _strategy(endpoint: Resource, request: Request) -> Document | None:
        """The DeploymentConfig in force: the request's, the one remembered if it is to be retained, or none."""
        if not request.get("RetainDeploymentConfig"):
            return request.get("DeploymentConfig")
        if "DeploymentConfig" in request:
            raise invalid("RetainDeploymentConfig: leave it out when DeploymentConfig is given; the one excludes the other.")
        return endpoint.body.get("DeploymentConfig")

    def _wanted(self, endpoint: Resource, config: Resource, request: Request) -> tuple[Variant, ...]:
        new = self._catalog.variants(config)
        exclude = request.get("ExcludeRetainedVariantProperties") or []
        if not request.get("RetainAllVariantProperties"):
            if exclude:
                raise invalid("ExcludeRetainedVariantProperties needs RetainAllVariantProperties to be true.")
            return new
        return retained(new, live_variants(endpoint), {item["VariantPropertyType"] for item in exclude})

    def _open(self, endpoint: Resource) -> Live:
        def fleet_of(variants: tuple[Variant, ...]) -> Fleet:
            return Fleet(variants, self._catalog.model, self._servers, self._logs / endpoint.name)

        return self._live.setdefault(endpoint.arn, Live(fleet_of, self._clock))

    def _begin(self, endpoint: Resource, rollout: Rollout) -> None:
        live = self._open(endpoint)
        live.task = asyncio.create_task(self._carry_out(endpoint, live, rollout))

    async def _carry_out(self, endpoint: Resource, live: Live, rollout: Rollout) -> None:
        try:
            await live.roll_out(rollout, lambda changed: self._record(endpoint.arn, changed))
        except Exception as error:  # noqa: BLE001  an endpoint that stays Updating can neither be updated nor deleted
            _log.exception("the deployment of %s on %s ended unexpectedly", rollout.config, endpoint.name)
            stage = Stage.ROLLED_BACK if await live.abandon() else Stage.FAILED
            deployment = replace(rollout.deployment, stage=stage, reason=f"Internal error: {error!r}.")
            self._record(endpoint.arn, replace(rollout, deployment=deployment))

    def _record(self, arn: str, rollout: Rollout) -> None:
        """Keep a deployment's new state; at its end, what came of the endpoint."""
        endpoint = self._store.find(arn)
        assert endpoint is not None
        ended = {key: value for key, value in endpoint.body.items() if key != "LocalDeployment"}
        match rollout.deployment.stage:
            case Stage.LANDED:
                used = {} if rollout.strategy is None else {"LastDeploymentConfig": rollout.strategy}
                variants = [variant.to_json() for variant in rollout.variants]
                self._keep(
                    endpoint, "InService", {**ended, **used, "EndpointConfigName": rollout.config, "LocalVariants": variants}
                )
            case Stage.ROLLED_BACK:
                self._keep(endpoint, "InService", {**ended, "FailureReason": rollout.deployment.reason[:1024]})
            case Stage.FAILED:
                self._keep(endpoint, "Failed", {**ended, "FailureReason": rollout.deployment.reason[:1024]})
            case _:
                self._keep(endpoint, endpoint.status, {**endpoint.body, "LocalDeployment": rollout.to_json()})

    def _keep(self, endpoint: Resource, status: str, body: Document) -> None:
        self._store.update(endpoint.arn, modified=self._clock.time(), status=status, body=body, replace=True)

    def _reconcile(self, endpoint: Resource) -> None:
        """An update whose traffic had moved is finished; any other is undone."""
        document = endpoint.body["LocalDeployment"]
        moved = Rollout.from_json(document).deployment.moved
        self._record(endpoint.arn, self._rollout(document, Stage.LANDED if moved else Stage.ROLLED_BACK))
        self._serve(self._catalog.endpoint(endpoint.name))

    def _serve(self, endpoint: Resource) -> None:
        try:
            self._open(endpoint).serve(live_variants(endpoint))
        except ApiError as error:
            self._keep(endpoint, "Failed", {**endpoint.body, "FailureReason": error.message})

    def _rollout(self, document: Document, stage: Stage) -> Rollout:
        """The deployment that a document describes, put into another stage."""
        state = {**document["deployment"], "stage": stage.value, "step": 0}
        if stage is Stage.ROLLED_BACK:
            state["reason"] = state["reason"] or _INTERRUPTED
        return Rollout.from_json({**document, "deployment": state})

    async def _forget(self, endpoint: Resource, live: Live) -> None:
        await live.retire()
        self._store.delete(endpoint.arn)
        self._live.pop(endpoint.arn, None)


def _running(fleet: Fleet | None) -> Callable[[str], int]:
    """Tells how many servers of a variant run."""
    by_variant = fleet.by_variant if fleet else {}
    return lambda variant: by_variant[variant].ready if variant in by_variant else 0


def _counts(variants: tuple[Variant, ...]) -> dict[str, int]:
    return {variant.name: variant.count for variant in variants}


def _counts_and_types(variants: tuple[Variant, ...]) -> tuple[dict[str, int], dict[str, str]]:
    return _counts(variants), {variant.name: variant.instance_type for variant in variants}


def _must_keep_names(new: tuple[Variant, ...], live: tuple[Variant, ...]) -> None:
    wanted, serving = sorted(_counts(new)), sorted(_counts(live))
    if wanted != serving:
        raise invalid(
            f"DeploymentConfig: the new configuration needs the same variant names as the old one; it has {', '.join(wanted)}, "
            f"the endpoint has {', '.join(serving)}."
        )
