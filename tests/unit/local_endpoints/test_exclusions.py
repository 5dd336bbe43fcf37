"""What cannot be combined, refused before anything is touched: section by section of SageMaker's own list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sagelens.local.endpoints.limits import check_endpoint_config
from sagelens.local.ports import ApiError, Document, Resource
from sagelens.testing.endpoints import FakeAlarms, FakeServers
from tests.unit.local_endpoints.conftest import ACCOUNT, REGION, Local, variant

Run = Callable[..., None]


def canary(**more: Any) -> Document:
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}, **more}


def at_once(termination: int = 0, **more: Any) -> Document:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": policy, **more}


ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50}, "WaitIntervalInSeconds": 0}}
ALARMS = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
GUARDED = [canary(), ROLLING, at_once(termination=1), at_once(**ALARMS)]


@pytest.fixture
def ports() -> dict[str, Any]:
    return {"servers": FakeServers(), "alarms": FakeAlarms("errors")}


async def update(local: Local, config: str, strategy: Document) -> Document:
    await local.call("UpdateEndpoint", EndpointName="flights", EndpointConfigName=config, DeploymentConfig=strategy)
    return await local.settled()


async def refused(local: Local, config: str, strategy: Document, match: str) -> None:
    with pytest.raises(ApiError, match=match) as error:
        await update(local, config, strategy)
    assert error.value.code == "ValidationException"
    assert (await local.describe())["EndpointStatus"] == "InService"


@pytest.mark.parametrize("strategy", GUARDED)
@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"InstanceType": "ml.inf1.xlarge"}, "instance type ml.inf1.xlarge"),
        ({"AcceleratorType": "ml.eia2.medium"}, "Elastic Inference"),
    ],
)
def test_where_sagemaker_falls_back_without_a_word_it_is_refused(
    run: Run, ports: dict[str, Any], strategy: Document, more: Document, named: str
) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        await local.config("second", variant(local.model("new"), **more))

        await refused(local, "second", strategy, f"'AllTraffic' uses {named}.*falls back to all at once")
        assert (await update(local, "second", at_once()))["EndpointConfigName"] == "second"

    run(scenario, **ports)


def package(local: Local, name: str, **more: Any) -> str:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{name}"
    container = {"Image": "sold:1"}
    body = {"InferenceSpecification": {"Containers": [container]}, **more}
    local.store.insert(Resource(kind="ModelPackage", arn=arn, name=name, body=body))
    body = {"ModelName": name, "PrimaryContainer": {"ModelPackageName": arn}}
    model = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{name}"
    local.store.insert(Resource(kind="Model", arn=model, name=name, body=body))
    return name


@pytest.mark.parametrize("strategy", GUARDED)
def test_a_product_of_the_marketplace_has_no_guardrails(run: Run, ports: dict[str, Any], strategy: Document) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        await local.config("sold", variant(package(local, "sold", CertifyForMarketplace=True)))
        await local.config("own", variant(package(local, "own", CertifyForMarketplace=False), count=2))

        await refused(local, "sold", strategy, "a container from AWS Marketplace")
        assert (await update(local, "own", strategy))["EndpointConfigName"] == "own"

    run(scenario, **ports)


def test_several_variants_cannot_roll(run: Run, ports: dict[str, Any]) -> None:
    async def scenario(local: Local) -> None:
        names = ("A", "B")
        await local.config("first", *(variant(local.model(f"old{name}"), 2, name) for name in names))
        await local.config("second", *(variant(local.model(f"new{name}"), 2, name) for name in names))
        await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName="first")
        await local.settled()

        await refused(local, "second", ROLLING, r"several production variants \(A, B\)")
        assert (await update(local, "second", canary()))["EndpointConfigName"] == "second"

    run(scenario, **ports)


def test_a_variant_keeps_its_name(run: Run, ports: dict[str, Any]) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        await local.config("renamed", variant(local.model("new"), name="Other"))

        await refused(local, "renamed", canary(), "same variant names.*it has Other, the endpoint has AllTraffic")

    run(scenario, **ports)


def shadowed(production: str, shadow: str, **more: Any) -> Document:
    return {"ShadowProductionVariants": [variant(shadow, name="Shadow", **more)], "ProductionVariants": [variant(production)]}


@pytest.mark.parametrize("strategy", GUARDED)
def test_shadow_variants_have_no_guardrails_coming_or_going(run: Run, ports: dict[str, Any], strategy: Document) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))
        local.model("new")
        await local.call("CreateEndpointConfig", EndpointConfigName="shadowed", **shadowed("old", "new"))

        await refused(local, "shadowed", strategy, r"not available with shadow variants \(Shadow\)")
        assert (await update(local, "shadowed", at_once()))["EndpointConfigName"] == "shadowed"
        await refused(local, "flights-old", strategy, "take the shadow variant away first")
        assert (await update(local, "flights-old", at_once()))["EndpointConfigName"] == "flights-old"

    run(scenario, **ports)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"ProductionVariants": [variant("m")], "ShadowProductionVariants": [variant("m", name=n) for n in "XY"]},
            "exactly one shadow variant.*2 beside 1",
        ),
        (
            {
                "ProductionVariants": [variant("m", name=n) for n in "AB"],
                "ShadowProductionVariants": [variant("m", name="X")],
            },
            "exactly one production variant.*1 beside 2",
        ),
        (
            {"ProductionVariants": [variant("m")], "ShadowProductionVariants": [variant("m")]},
            "must be unique.*AllTraffic",
        ),
        (shadowed("m", "m", InitialVariantWeight=1.1), "more than 100 %"),
        (shadowed("m", "m", InstanceType="ml.inf1.xlarge"), "cannot be used with ml.inf1.xlarge"),
        (shadowed("m", "m", ServerlessConfig={"MemorySizeInMB": 1024}), "Serverless inference"),
        ({**shadowed("m", "m"), "AsyncInferenceConfig": {}}, "Asynchronous inference"),
    ],
)
def test_a_shadow_that_cannot_be_is_refused(request_: Document, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        check_endpoint_config(request_)


def test_a_shadow_may_take_every_request() -> None:
    check_endpoint_config(shadowed("m", "m", InitialVariantWeight=1.0))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"Containers": [{"Image": "a"}, {"Image": "b"}]}, "a model of 2 containers"),
        ({"PrimaryContainer": {"Image": "a", "Mode": "MultiModel"}}, "multi-model container"),
    ],
)
def test_a_model_that_cannot_be_shadowed_is_refused(run: Run, ports: dict[str, Any], model: Document, message: str) -> None:
    async def scenario(local: Local) -> None:
        local.model("one")
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/odd"
        local.store.insert(Resource(kind="Model", arn=arn, name="odd", body={"ModelName": "odd", **model}))
        for request_ in (shadowed("one", "odd"), shadowed("odd", "one")):
            with pytest.raises(ApiError, match=message):
                await local.call("CreateEndpointConfig", EndpointConfigName="shadowed", **request_)

    run(scenario, **ports)


def test_a_product_of_the_marketplace_cannot_be_shadowed(run: Run, ports: dict[str, Any]) -> None:
    async def scenario(local: Local) -> None:
        local.model("one")
        sold = package(local, "sold", CertifyForMarketplace=True)
        with pytest.raises(ApiError, match="AWS Marketplace"):
            await local.call("CreateEndpointConfig", EndpointConfigName="shadowed", **shadowed("one", sold))

    run(scenario, **ports)


def test_alarms_without_a_room_for_alarms_do_not_exist(run: Run) -> None:
    async def scenario(local: Local) -> None:
        await local.up(local.model("old"))

        await refused(local, "flights-old", at_once(**ALARMS), "could not find errors")

    run(scenario, servers=FakeServers())
