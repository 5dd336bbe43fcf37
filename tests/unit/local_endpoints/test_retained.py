"""What an update retains of the endpoint as it is, and of the DeploymentConfig used before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sagelens.local.ports import ApiError, Document
from tests.unit.local_endpoints.conftest import variant
from tests.unit.local_endpoints.scene import (
    CANARY,
    DAY,
    Scene,
    run_scene,
)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine function on a Scene of its own, with `count` servers."""
    return partial(run_scene, tmp_path)


def excluding(*kinds: str) -> Document:
    return {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": kind} for kind in kinds]}


CAPTURE = {"EnableCapture": True, "InitialSamplingPercentage": 50, "CaptureOptions": [{"CaptureMode": "Input"}]}
LIVE = (4, 7.0, "s3://bucket/live")
NEW = (2, 1.0, "s3://bucket/new")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, NEW),
        ({"RetainAllVariantProperties": False}, NEW),
        ({"RetainAllVariantProperties": True}, LIVE),
        ({"RetainAllVariantProperties": True, **excluding("DesiredInstanceCount")}, (NEW[0], LIVE[1], LIVE[2])),
        ({"RetainAllVariantProperties": True, **excluding("DesiredWeight")}, (LIVE[0], NEW[1], LIVE[2])),
        ({"RetainAllVariantProperties": True, **excluding("DataCaptureConfig")}, (LIVE[0], LIVE[1], NEW[2])),
        (
            {
                "RetainAllVariantProperties": True,
                **excluding("DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"),
            },
            NEW,
        ),
    ],
)
@pytest.mark.parametrize("strategy", [None, CANARY], ids=["default", "canary"])
def test_what_is_live_is_retained_unless_excluded(
    play: Callable[..., None], strategy: Document | None, given: Document, expected: tuple[int, float, str]
) -> None:
    async def act(scene: Scene) -> None:
        for name, model, at in (("live", "old", LIVE[2]), ("next", "new", NEW[2])):
            capture = {**CAPTURE, "DestinationS3Uri": at}
            await scene.local.config(name, variant(model, 2), DataCaptureConfig=capture)
        await scene.deploy(None, config="live")
        await scene.settled()
        desired = {"VariantName": "AllTraffic", "DesiredInstanceCount": LIVE[0], "DesiredWeight": LIVE[1]}
        await scene.local.call(
            "UpdateEndpointWeightsAndCapacities", EndpointName="flights", DesiredWeightsAndCapacities=[desired]
        )
        await scene.settled()

        await scene.deploy(strategy, config="next", **given)
        landed = await scene.settled()

        shown = landed["ProductionVariants"][0]
        seen = (shown["DesiredInstanceCount"], shown["DesiredWeight"], landed["DataCaptureConfig"]["DestinationS3Uri"])
        assert seen == expected
        assert scene.servers.count("new") == shown["CurrentInstanceCount"] == expected[0]

    play(act)


def test_exclusions_without_retaining_are_refused(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(ApiError, match="needs RetainAllVariantProperties to be true"):
            await scene.deploy(None, **excluding("DesiredWeight"))

    play(act)


def test_a_config_without_data_capture_ends_it(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.local.config("live", variant("old"), DataCaptureConfig={**CAPTURE, "DestinationS3Uri": LIVE[2]})
        await scene.deploy(None, config="live")
        captured = await scene.settled()
        await scene.deploy(None)
        landed = await scene.settled()

        assert captured["DataCaptureConfig"]["CaptureStatus"] == "Started"
        assert captured["DataCaptureConfig"]["CurrentSamplingPercentage"] == 50
        assert "DataCaptureConfig" not in landed

    play(act)


def test_a_deployment_config_is_remembered_from_creation_and_used_when_retained(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.local.call("CreateEndpoint", EndpointName="other", EndpointConfigName="first", DeploymentConfig=CANARY)
        await scene.clock.advance(0)
        created = await scene.local.describe("other")
        await scene.local.call("UpdateEndpoint", EndpointName="other", EndpointConfigName="second", RetainDeploymentConfig=True)
        started = scene.clock.time()
        await scene.clock.until(
            lambda: scene.local.events("other")[-1]["Stage"] == "Landed" and scene.clock.time() > started, DAY
        )

        assert created["EndpointStatus"] == "InService"
        assert "LastDeploymentConfig" not in created
        assert scene.clock.time() - started == 900
        assert (await scene.local.describe("other"))["LastDeploymentConfig"] == CANARY

    play(act)


def test_the_deployment_config_used_last_is_the_one_retained(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        await scene.deploy(CANARY)
        await scene.settled()
        started = await scene.deploy(None, config="first", RetainDeploymentConfig=True)
        landed = await scene.settled()

        assert scene.clock.time() - started == 900
        assert landed["LastDeploymentConfig"] == CANARY

    play(act)


def test_retaining_a_deployment_config_that_there_is_none_of_is_all_at_once(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        started = await scene.deploy(None, RetainDeploymentConfig=True)
        landed = await scene.settled()

        assert scene.clock.time() == started
        assert landed["EndpointConfigName"] == "second"
        with pytest.raises(ApiError, match="the one excludes the other"):
            await scene.deploy(CANARY, RetainDeploymentConfig=True)

    play(act)
