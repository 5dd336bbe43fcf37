"""One deployment after another, of every kind and with all kinds of bad luck: each ends where it should, and leaves nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sagelens.local.endpoints.ledger import MOST_EVENTS
from sagelens.local.ports import Document
from tests.unit.local_endpoints.conftest import variant
from tests.unit.local_endpoints.scene import Scene, blue_green, rolling, run_scene, size

STRATEGIES: list[Document] = [
    blue_green(termination=60),
    blue_green("CANARY", 60, 60, CanarySize=size(1, "INSTANCE_COUNT")),
    blue_green("CANARY", 60, 60, CanarySize=size(20)),
    blue_green("LINEAR", 60, 60, LinearStepSize=size(40)),
    rolling(size(1, "INSTANCE_COUNT"), 60),
    rolling(size(50), 60, RollbackMaximumBatchSize=size(1, "INSTANCE_COUNT")),
]


async def deploy(scene: Scene, luck: random.Random, number: int) -> None:
    """One deployment; what comes of it is what its luck says."""
    before = await scene.local.describe()
    (was,) = before["ProductionVariants"]
    count, model = luck.choice([2, 3, 4]), f"model-{number}"
    scene.local.model(model)
    await scene.local.config(model, variant(model, count))
    strategy = luck.choice(STRATEGIES)
    fate = luck.choice(["good", "good", "alarm", "unhealthy"])
    if fate == "unhealthy":
        scene.servers.unhealthy.add(model)
    await scene.deploy({**strategy, **scene.local.alarm("errors")}, config=model)
    if fate == "alarm":
        await scene.clock.advance(luck.choice([0, 1, 59]))
        scene.alarms.set("errors", "ALARM")
    after = await scene.settled()
    scene.alarms.set("errors", "OK")

    landed = fate == "good"
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == (model if landed else before["EndpointConfigName"]), (fate, after)
    assert ("FailureReason" in after) is not landed
    running = {server.model for server in scene.servers.running}
    assert len(scene.servers.running) == (count if landed else was["DesiredInstanceCount"])
    assert len(running) == 1
    assert await scene.traffic(12) == dict.fromkeys(running, 12)


@pytest.mark.parametrize("seed", range(4))
def test_every_deployment_ends_where_its_luck_says(tmp_path: Path, seed: int) -> None:
    async def act(scene: Scene) -> None:
        luck = random.Random(seed)
        for number in range(25):
            await deploy(scene, luck, number)

        assert len(scene.local.events()) <= MOST_EVENTS
        assert len(scene.local.events()) > 100

    run_scene(tmp_path, act)
