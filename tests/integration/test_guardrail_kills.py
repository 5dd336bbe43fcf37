"""`kill -9` at random points of a deployment under load: it ends landed or rolled back, and traffic is served again."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from sagelens.deployment import Deployed, Journal, Order, Outcome, Services, deploy, history
from sagelens.errors import SagelensError
from sagelens.local import lifecycle
from sagelens.local.forking.families import ORDER
from sagelens.local.lifecycle import Running
from sagelens.local.state import State
from sagelens.testing.load import Answer, Load, Plan
from sagelens.testing.models import MadeModel, ModelMaker, notes_below, number_of, received
from sagelens.testing.service import BUCKET, counts_of, models_folder, release_of, servers_folder, services
from sagelens.values.guard import Alarms, MetricGuard
from sagelens.values.quantity import Size
from sagelens.values.strategy import AllAtOnce, Canary, Linear, Rolling, Strategy, Weighted, is_trial

ENDPOINT = "guarded"
INSTANCES = 3
CLOCK = 60.0
BAKE = 120
RESTART = 15.0
"""Seconds that a start of the service and of its servers may take on a busy machine."""
ONE = Size(1, percent=False)
CANARY = Canary(size=ONE, wait=BAKE, termination_wait=BAKE)
LINEAR = Linear(size=ONE, wait=BAKE, termination_wait=BAKE)
ROLLING = Rolling(size=ONE, wait=BAKE)
WEIGHTED = Weighted(share=0.25, duration=2 * BAKE)
ALARMS = Alarms(guards=(MetricGuard(what="errors", metric="Invocation5XXErrors", threshold=0.5),))


@dataclass
class World:
    """A service with one endpoint, and who serves from it."""

    root: Path
    maker: ModelMaker
    running: Running
    services: Services
    serving: MadeModel
    made: int = 1
    loads: int = 0

    def start(self) -> None:
        self.running = lifecycle.start(self.root, account="000000000000", region="us-east-1", clock=CLOCK)
        self.services = services(self.running)

    def make(self) -> MadeModel:
        self.made += 1
        return self.maker.make(self.made)

    def load(self) -> Load:
        self.loads += 1
        plan = Plan(
            port=self.running.port,
            access_key=self.running.access_key,
            region=self.running.region,
            endpoints=(ENDPOINT,),
            rate=30,
            first=self.loads * 100_000,
        )
        return Load(plan, self.root / f"answers-{self.loads}.jsonl")

    def deploy(self, model: MadeModel, strategy: Strategy) -> Deployed:
        """By this strategy; one that keeps both models is followed by all at once."""
        order = Order(
            release=release_of(ENDPOINT, model, instances=INSTANCES),
            alarms=ALARMS,
            strategies=(strategy, AllAtOnce()) if is_trial(strategy) else (strategy,),
            minimum_invocations=0,
            who="test",
            why="to be killed",
        )
        return deploy(order, services=self.services, journal=Journal(self.services.s3, BUCKET, ENDPOINT))

    def servers(self) -> dict[int, set[int]]:
        """The processes of model servers that run and have received a request, by model."""
        found: dict[int, set[int]] = {}
        for file in notes_below(servers_folder(self.root)):
            model, pid = map(int, file.name.split("-"))
            if runs(pid):
                found.setdefault(model, set()).add(pid)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("killed")
    running = lifecycle.start(root, account="000000000000", region="us-east-1", clock=CLOCK)
    try:
        assert eventually(lambda: warmed_up(root), 60)  # servers that start before are nobody's forks
        maker = ModelMaker(models_folder(root), notes=True)
        world = World(root, maker, running, services(running), maker.make(1))
        world.deploy(world.serving, CANARY)
        yield world
    finally:
        lifecycle.stop(root)


def warmed_up(root: Path) -> bool:
    said = State(root).log.read_text(encoding="utf-8")
    return all(f"family {family} is warm" in said for family in ORDER[-1])


class Deploying(threading.Thread):
    """A deployment on its way; `ended` says how, the name of an error of ours or of boto3's included."""

    def __init__(self, work: Callable[[], Deployed]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.ended = ""
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except (SagelensError, BotoCoreError, ClientError) as error:
            self.ended = getattr(error, "kind", type(error).__name__)
        else:
            self.ended = "landed"


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def some_server(world: World, green: MadeModel, chance: random.Random) -> int:
    """Of either fleet, whichever runs."""
    return chance.choice(sorted(pid for pids in world.servers().values() for pid in pids))


def server_of_green(world: World, green: MadeModel, chance: random.Random) -> int:
    """As soon as there is one that has received a request."""
    eventually(lambda: bool(world.servers().get(green.number)), 20)
    return chance.choice(sorted(world.servers()[green.number]))


def warm_interpreter(world: World, green: MadeModel, chance: random.Random) -> int:
    """The one that servers were forked from; those that came before there was one are children of the service itself."""

    def interpreters() -> set[int]:
        return {parent_of(pid) for pids in world.servers().values() for pid in pids} - {world.running.pid}

    assert eventually(lambda: bool(interpreters()), 20)
    return chance.choice(sorted(interpreters()))


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return holds


def ended_wholly(world: World, green: MadeModel) -> bool:
    """Whether one of the two models serves with all its instances, and nothing is on its way."""
    state, counts = counts_of(ENDPOINT, world.services)
    configs = {release_of(ENDPOINT, model, instances=INSTANCES).config_name for model in (world.serving, green)}
    whole = state is not None and state.status == "InService" and state.pending_config is None and state.config in configs
    return whole and counts == {"AllTraffic": INSTANCES}


def assert_settled(world: World, green: MadeModel, ended: str) -> None:
    """It landed or was rolled back, wholly: config, instances, processes, journal and answers agree."""
    blue = world.serving
    world.serving = green if ended == "landed" else blue
    state, counts = counts_of(ENDPOINT, world.services)
    assert state is not None
    assert (state.status, state.pending_config) == ("InService", None)
    assert state.config == release_of(ENDPOINT, world.serving, instances=INSTANCES).config_name
    with world.load() as load:
        whole = {world.serving.number: INSTANCES}
        assert eventually(lambda: {model: len(pids) for model, pids in world.servers().items()} == whole, RESTART), (
            world.servers()
        )
    answers = list(load.answers())
    assert {answer.status for answer in answers} == {200}
    assert models_in(answers) == {world.serving.number}
    assert counts_of(ENDPOINT, world.services)[1] == {"AllTraffic": INSTANCES}, counts
    newest = history(ENDPOINT, bucket=BUCKET, s3=world.services.s3)[0]
    assert newest.outcome is (Outcome.LANDED if ended == "landed" else Outcome.ROLLED_BACK)


def assert_once(world: World, answers: list[Answer]) -> None:
    """Each request has one record, and reached a model at most once."""
    numbers = [answer.request for answer in answers]
    assert len(numbers) == len(set(numbers))
    reached = [request for _, request in received(servers_folder(world.root)) if request in set(numbers)]
    assert len(reached) == len(set(reached))


def models_in(answers: list[Answer]) -> set[int]:
    return {number_of(answer.score)[0] for answer in answers if answer.score is not None}


@pytest.mark.parametrize(
    ("strategy", "seed", "patient"),
    [(CANARY, 1, True), (LINEAR, 2, False), (ROLLING, 3, True), (WEIGHTED, 7, False)],
    ids=("canary", "linear-resumed-at-once", "rolling", "weighted-resumed-at-once"),
)
def test_a_killed_service_is_started_again_and_the_deployment_comes_to_an_end(
    world: World, strategy: Strategy, seed: int, patient: bool
) -> None:
    green, chance = world.make(), random.Random(seed)
    with world.load() as load:
        deploying = Deploying(lambda: world.deploy(green, strategy))
        time.sleep(chance.uniform(0.5, 4.5))
        os.kill(world.running.pid, signal.SIGKILL)
        deploying.join(30)
    assert_once(world, list(load.answers()))
    assert deploying.ended not in {"", "landed"}

    began = time.time()
    world.start()
    with world.load() as load:
        assert eventually(lambda: any(answer.status == 200 for answer in load.answers()), RESTART)
        if patient:
            assert eventually(lambda: ended_wholly(world, green), RESTART), counts_of(ENDPOINT, world.services)
        again = Deploying(lambda: world.deploy(green, strategy))
        again.join(60)
    answers = list(load.answers())

    assert min(answer.answered for answer in answers) - began < RESTART
    assert {answer.status for answer in answers} == {200}
    assert_once(world, answers)
    assert again.ended in {"landed", "rolled-back"}
    assert_settled(world, green, again.ended)


@pytest.mark.parametrize(
    ("victim", "strategy", "seed"),
    [(server_of_green, CANARY, 4), (some_server, ROLLING, 5), (warm_interpreter, LINEAR, 6)],
    ids=("server-of-green", "some-server", "warm-interpreter"),
)
def test_a_killed_server_is_replaced_and_only_requests_in_its_hands_fail(
    world: World, victim: Callable[[World, MadeModel, random.Random], int], strategy: Strategy, seed: int
) -> None:
    green, chance = world.make(), random.Random(seed)
    with world.load() as load:
        deploying = Deploying(lambda: world.deploy(green, strategy))
        time.sleep(chance.uniform(0.5, 4))
        pid = victim(world, green, chance)
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        deploying.join(60)
    answers = list(load.answers())

    assert deploying.ended in {"landed", "rolled-back"}
    assert_once(world, answers)
    assert max(answer.answered - answer.sent for answer in answers) < RESTART
    failed = [answer for answer in answers if answer.status != 200]
    assert all(answer.status == 424 and answer.sent <= killed + 0.2 and killed <= answer.answered for answer in failed), failed
    assert_settled(world, green, deploying.ended)
