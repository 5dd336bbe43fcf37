"""Deployments of every strategy under constant load, a third of them with a faulty model, and an account of every request.

Usage: python benchmarks/deployments.py [--deployments 200] [--lanes 4] [--rate 75] [--clock 60] [--seed 1] [--json FILE]

It starts the local service in a folder of its own, on a clock that runs `--clock` times as fast as the wall's, with an endpoint
of three real model servers for each lane. A load generator, a process of its own, sends every endpoint `--rate` requests a second
and never sends one twice. Meanwhile each lane deploys one model after another through `sagelens.deployment` with boto3 clients:
all at once with a bake, canary, linear, rolling, shadow and weighted in turn. The faulty models raise, answer slowly, answer
wrongly, fail their health check, or die of their hundredth request.

Checked are: every sound model lands; every faulty one is rolled back, for the right reason and with exit code 5; the endpoint
is in between at no end; every request gets exactly one answer, reaches one model (but for a shadow's copies) once, and is
answered by that one; every error was given by the faulty model under test while it held its share, as the notes of the models'
own servers prove. `to blue` is the time from an alarm's change to ALARM until the last request that the faulty fleet takes.
The warm interpreters must live on meanwhile. The load generator measures how late the machine wakes it: stalls are reported
beside the figures and beside each problem that they fall together with, and excuse none. Exit code 1 when anything of that does
not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.accounting import Deployment, Findings, account  # noqa: E402
from benchmarks.cases import SLOW_SECONDS, STRATEGIES, Case, cases  # noqa: E402
from benchmarks.lanes import ClockMap, Lane  # noqa: E402
from sagelens.local import lifecycle  # noqa: E402
from sagelens.local.lifecycle import Running  # noqa: E402
from sagelens.local.state import State  # noqa: E402
from sagelens.testing.load import Load, Plan, Stall  # noqa: E402
from sagelens.testing.models import Fault, MadeModel, ModelMaker, received  # noqa: E402
from sagelens.testing.service import models_folder, servers_folder, services  # noqa: E402

BREATH = 0.5
"""Seconds of load after the last deployment."""
_LOST = "; starting it again"
"""What the service says of a warm interpreter that ended."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--lanes", type=int, default=4, help="endpoints that are deployed to side by side")
    parser.add_argument("--rate", type=float, default=75.0, help="requests a second to each endpoint")
    parser.add_argument("--clock", type=float, default=60.0, help="how many times as fast as the wall's the service's clock runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    given = parser.parse_args()
    with _folder(given.keep) as work:
        figures = measure(work, given)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))
    sys.exit(1 if figures["problems"] else 0)


def measure(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    project = work / "project"
    project.mkdir(parents=True)
    running = lifecycle.start(project, account="000000000000", region="us-east-1", clock=given.clock)
    started = time.monotonic()
    try:
        models = Models(project)
        lanes = make_lanes(running, given, models)
        plan = Plan(
            port=running.port,
            access_key=running.access_key,
            region=running.region,
            endpoints=tuple(lane.endpoint for lane in lanes),
            rate=given.rate,
        )
        with Load(plan, work / "answers.jsonl") as load:
            drive(lanes, cases(given.deployments, given.seed), models)
            time.sleep(BREATH)
        answers, stalls = list(load.answers()), list(load.stalls())
    finally:
        lifecycle.stop(project)
    seconds = time.monotonic() - started
    deployments = [done for lane in lanes for done in lane.done]
    found = account(answers, received(servers_folder(project)), deployments, stalls)
    found.problems += _lost_interpreters(State(project).log)
    if len(deployments) != given.deployments:
        found.problems.append(f"{len(deployments)} deployments ended, {given.deployments} were begun")
    return {**figures_of(found, deployments), "minutes": round(seconds / 60, 1), **_settings(given, lanes)}


class Models:
    """Models made when they are needed, each once."""

    def __init__(self, project: Path) -> None:
        self._maker = ModelMaker(models_folder(project), notes=True)
        self._numbers = count(1)
        self._lock = threading.Lock()

    def make(self, case: Case | None = None) -> MadeModel:
        with self._lock:
            number = next(self._numbers)
            return self._maker.make(number, fault=case.fault if case else Fault.NONE, delay=SLOW_SECONDS)


def make_lanes(running: Running, given: argparse.Namespace, models: Models) -> list[Lane]:
    shared = services(running)
    clock = ClockMap(given.clock)
    lanes = [Lane(f"lane{chr(ord('a') + place)}", services(running), clock) for place in range(given.lanes)]
    for lane in lanes:
        lane.create(models.make())
    clock.sample(lambda: shared.sagemaker.describe_endpoint(EndpointName=lanes[0].endpoint))
    return lanes


def drive(lanes: list[Lane], wanted: list[Case], models: Models) -> None:
    """Every lane takes the next case as soon as it is free."""
    waiting = iter(wanted)
    lock = threading.Lock()

    def work(lane: Lane) -> None:
        while True:
            with lock:
                case = next(waiting, None)
            if case is None:
                return
            _say(lane.run(case, models.make(case)))

    with ThreadPoolExecutor(len(lanes)) as pool:
        for done in [pool.submit(work, lane) for lane in lanes]:
            done.result()


def figures_of(found: Findings, deployments: list[Deployment]) -> dict[str, Any]:
    return {
        "deployments": len(deployments),
        "landed": sum(done.outcome == "landed" for done in deployments),
        "rolled_back": sum(done.outcome == "rolled-back" for done in deployments),
        "requests": found.requests,
        "errors_of_faulty_models": dict(found.errors),
        "without_one_answer": found.without_one_answer,
        "errors_of_others": found.foreign_errors,
        "to_blue_seconds": _spread(found.to_blue.values()),
        "last_answer_seconds": _spread(found.last_answer.values()),
        "stalls": _stalls(found.stalls),
        "strategies": {kind: _row(kind, found, deployments) for kind in STRATEGIES},
        "faults": _faults(deployments),
        "problems": found.problems,
        "log": [{**asdict(done), "case": asdict(done.case)} for done in deployments],
    }


def table(figures: dict[str, Any]) -> str:
    lines = [
        "| strategy | deployments | landed | rolled back | median, s | errors of the faulty model | to blue, s: median, most |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for kind, row in figures["strategies"].items():
        blue = row["to_blue_seconds"]
        shown = f"{blue['median']:.3f}, {blue['most']:.3f}" if blue else "-"
        cells = (kind, row["deployments"], row["landed"], row["rolled_back"], row["median_seconds"], row["errors"], shown)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines.append("")
    lines.append(
        f"{figures['requests']:,} requests in {figures['minutes']} minutes at {figures['clock']}; without exactly one answer: "
        f"{figures['without_one_answer']}; with an error that not the faulty model under test gave: {figures['errors_of_others']}"
    )
    stalls = figures["stalls"]
    lines.append(
        f"The machine stood still {stalls['count']} times, for {stalls['longest_seconds']} s at most and "
        f"{stalls['sum_seconds']} s in all."
    )
    lines += [f"PROBLEM: {problem}" for problem in figures["problems"]]
    return "\n".join(lines)


def _row(kind: str, found: Findings, deployments: list[Deployment]) -> dict[str, Any]:
    ours = [done for done in deployments if done.case.kind == kind]
    blue = [found.to_blue[done.case.place] for done in ours if done.case.place in found.to_blue]
    return {
        "deployments": len(ours),
        "landed": sum(done.outcome == "landed" for done in ours),
        "rolled_back": sum(done.outcome == "rolled-back" for done in ours),
        "median_seconds": round(statistics.median(done.ended - done.began for done in ours), 1) if ours else 0.0,
        "errors": found.by_kind[kind],
        "to_blue_seconds": _spread(blue),
    }


def _faults(deployments: list[Deployment]) -> dict[str, dict[str, int]]:
    faults: dict[str, dict[str, int]] = {}
    for done in deployments:
        outcomes = faults.setdefault(str(done.case.fault), {})
        outcomes[done.outcome] = outcomes.get(done.outcome, 0) + 1
    return faults


def _spread(values: Iterable[float]) -> dict[str, float] | None:
    listed = sorted(values)
    return {"median": round(statistics.median(listed), 3), "most": round(listed[-1], 3), "of": len(listed)} if listed else None


def _stalls(stalls: Sequence[Stall]) -> dict[str, float]:
    seconds = [stall.seconds for stall in stalls]
    return {"count": len(seconds), "longest_seconds": round(max(seconds, default=0.0), 2), "sum_seconds": round(sum(seconds), 2)}


def _lost_interpreters(log: Path) -> list[str]:
    """Every model server ends with its interpreter: what follows looks like a slow machine, and must not pass for one."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [f"the service lost an interpreter: {line}" for line in lines if _LOST in line]


def _settings(given: argparse.Namespace, lanes: list[Lane]) -> dict[str, Any]:
    return {
        "clock": f"{given.clock:g}x",
        "lanes": given.lanes,
        "rate": given.rate,
        "seed": given.seed,
        "uncertainty_seconds": round(lanes[0].clock.uncertainty, 4),
        "load_average": os.getloadavg()[0],
    }


def _say(done: Deployment) -> None:
    case, seconds = done.case, done.ended - done.began
    said = "; ".join(done.problems) or done.reason
    print(
        f"{case.place:4} {done.endpoint} {case.kind:12} {case.fault:10} {done.outcome:12} {seconds:6.1f} s  {said[:200]}",
        file=sys.stderr,
        flush=True,
    )


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="sagelens-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
