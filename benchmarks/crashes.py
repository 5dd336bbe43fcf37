"""SIGKILL at random moments: nothing that was stored is lost, nothing half done is taken for done, and the next run ends rightly.

Usage: python benchmarks/crashes.py [--kills 100] [--seed 1] [--json FILE]

On a copy of the reference project with a service of its own. A round starts a command (a run of the training pipeline with one
of two models, which deploys it, a run of seven small steps, or one of batch scoring), waits a random time, and kills
with SIGKILL one random process: the service itself, rclone, a warm interpreter, a job or model server, or the command. When the
command has ended, the next one is started and something killed in it, so that recovery is killed, too: three to six times. Then
the last command is run undisturbed (and where a kill undid its deployment, as it must before all traffic has moved, once more),
and everything is looked at. A finding is

* a package, an execution or an object that was there before and is not, or has other bytes;
* a command that does not end rightly when it is left alone, hangs, or shows a traceback;
* an execution or a job that is under way although nothing runs;
* a deployment that is under way after the next one has ended;
* an endpoint that does not answer the golden row as its model does;
* a process of the service's that outlives it.

Prints a table and one JSON object, and exits with 1 on a finding.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

from pipeline import EMPTY_PIPELINE, EMPTY_STEP, EMPTY_STEPS  # noqa: E402

from sagelens.values import digest_path  # noqa: E402

PATIENCE = 240  # seconds for a command
ROLLED_BACK = 5  # docs/commands.md
TARGETS = ("service", "rclone", "warm interpreter", "child", "command")
COMMANDS = (
    ("run", "training", "--set", "training.seed=1", "--json"),
    ("run", "training", "--set", "training.seed=2", "--json"),
    ("run", "empty", "--no-cache", "--json"),
    ("run", "scoring", "--json"),
)
LATEST = 2.5  # seconds after the command began, or after there was nothing to kill


@dataclass
class Findings:
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    failed_by_kill: int = 0
    undone: int = 0
    problems: list[str] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Project:
    root: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", "from sagelens.cli.main import main; main()", *words]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "SAGELENS_"))
        }
        return subprocess.Popen(
            program,
            cwd=self.root,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return -9, out, f"{err}\nIt did not end within {PATIENCE} s."
        return process.returncode, out, err

    def asked(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        if code:
            raise RuntimeError(f"sagelens {' '.join(words)}: {code}: {err[-500:]}")
        return json.loads(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelens-crashes-") as folder:
        found = crash(Path(folder) / "project", given.kills, given.seed)
    figures = {
        "kills": dict(found.kills),
        "rounds": found.rounds,
        "failed_by_kill": found.failed_by_kill,
        "deployments_undone": found.undone,
        "recovery_median_s": round(sorted(found.recovery)[len(found.recovery) // 2], 2) if found.recovery else None,
        "recovery_most_s": round(max(found.recovery, default=0.0), 2),
        "problems": found.problems,
    }
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    print(table(found))
    sys.exit(bool(found.problems))


def table(found: Findings) -> str:
    lines = ["| killed with SIGKILL | times |", "|---|---|"]
    lines += [f"| {target} | {count} |" for target, count in found.kills.most_common()]
    return "\n".join([*lines, f"| findings | {len(found.problems)} |"])


def crash(root: Path, kills: int, seed: int) -> Findings:
    """So many kills in a project made for them."""
    chance, found, project = random.Random(seed), Findings(), copy_project(root)
    try:
        for words in COMMANDS:  # all of it has been there once
            code, _, err = project.run(*words)
            if code:
                raise SystemExit(f"sagelens {' '.join(words)} fails without any kill: {code}\n{err[-2000:]}")
        while sum(found.kills.values()) < kills:
            one_round(project, chance, found, kills - sum(found.kills.values()))
            print(f"{sum(found.kills.values())} kills, {len(found.problems)} findings", file=sys.stderr, flush=True)
    finally:
        project.run("local", "stop")
        left = processes_of(root)
        if left:
            found.problems.append(f"after `local stop` these are left: {sorted(left.values())}")
    return found


def copy_project(root: Path) -> Project:
    for name in ("configs", "steps", "pipelines"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "steps" / "nothing.py").write_text(EMPTY_STEP)
    (root / "pipelines" / "empty.py").write_text(EMPTY_PIPELINE.format(count=EMPTY_STEPS))
    return Project(root)


def one_round(project: Project, chance: random.Random, found: Findings, most: int) -> None:
    """Several kills, one after the other and each into the work of recovering from the last; then everything is looked at."""
    before = kept(project)
    told: list[str] = []
    words = COMMANDS[0]
    for _ in range(min(chance.randint(3, 6), most)):
        words = chance.choice(COMMANDS)
        told.append(killed_in(project, words, chance, found))
    what = f"{', '.join(told)}"
    started = time.monotonic()
    code, _, err = project.run(*words)
    if code == ROLLED_BACK and "The service ended while the update was under way" in err:
        found.undone += 1
        code, _, err = project.run(*words)
    found.recovery.append(time.monotonic() - started)
    found.rounds += 1
    if code:
        found.problems.append(f"{what}: `{' '.join(words)}` afterwards ended with {code}: {err[-600:]}")
    check(project, before, what, found)


def killed_in(project: Project, words: Sequence[str], chance: random.Random, found: Findings) -> str:
    """Start a command and kill something while it runs; what was killed in what."""
    target = ""
    command = project.start(*words)
    while command.poll() is None and not target:
        time.sleep(chance.uniform(0.0, LATEST))
        target = next((kind for kind in chance.sample(TARGETS, len(TARGETS)) if kill(project, command, kind, chance)), "")
    try:
        out, err = command.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(command.pid, signal.SIGKILL)
        out, err = command.communicate()
        found.problems.append(f"{target} killed: `{' '.join(words)}` hung: {err[-300:]}")
    if target:
        found.kills[target] += 1
        found.failed_by_kill += command.returncode != 0
    if "Traceback" in err or "Traceback" in out:
        found.problems.append(f"{target} killed: `{' '.join(words)}` showed a traceback: {err[-600:]}")
    return f"{target or 'nothing'} killed in `{' '.join(words)}`"


def kill(project: Project, command: subprocess.Popen[str], target: str, chance: random.Random) -> bool:
    """SIGKILL to a process of that kind, if there is one now."""
    if target == "command":
        if command.poll() is not None:
            return False
        os.killpg(command.pid, signal.SIGKILL)
        return True
    kinds = {"service": "service", "rclone": "rclone", "warm interpreter": "zygote", "child": "child"}
    there = [pid for pid, kind in processes_of(project.root).items() if kind == kinds[target]]
    if not there:
        return False
    try:
        os.kill(chance.choice(sorted(there)), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def processes_of(root: Path) -> dict[int, str]:
    """The service of a project and all that descends from it, told by command lines and parents."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines[int(folder.name)] = folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parents[int(folder.name)] = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    service = {pid for pid, line in lines.items() if f"--root {root}" in line and "--listener" in line}
    found = dict.fromkeys(service, "service")
    grown = True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if parent in found and pid not in found:
                found[pid] = _kind(lines[pid], found[parent])
                grown = True
    for pid, line in lines.items():
        if f"{root}/.sagelens/objects" in line and pid not in found:
            found[pid] = "rclone"
    return found


def _kind(line: str, parent: str) -> str:
    if "rclone serve" in line:
        return "rclone"
    return "zygote" if "import zygote" in line and parent == "service" else "child"


def kept(project: Project) -> dict[str, Any]:
    """What must be there afterwards: packages, executions, and the bytes of their models and landed tables."""
    objects = project.root / ".sagelens" / "objects"
    return {
        "packages": {model["model_package_arn"] for model in project.asked("models", "list")},
        "executions": {run["execution_arn"] for run in project.asked("runs")},
        "digests": {str(path): digest_path(path) for path in objects.glob("*/*/*/package/output/servable")},
    }


def check(project: Project, before: dict[str, Any], what: str, found: Findings) -> None:
    try:
        after = kept(project)
    except RuntimeError as error:
        found.problems.append(f"{what}: {error}")
        return
    for name in ("packages", "executions"):
        lost = before[name] - after[name]
        if lost:
            found.problems.append(f"{what}: {name} lost: {sorted(lost)}")
    for path, digest in before["digests"].items():
        if after["digests"].get(path) != digest:
            found.problems.append(f"{what}: {path} has other bytes")
    running = [run["execution_arn"] for run in project.asked("runs") if run["status"] in {"Executing", "Stopping"}]
    if running:
        found.problems.append(f"{what}: under way though nothing runs: {running}")
    outcomes = [record["outcome"] for record in project.asked("endpoints", "flights", "--history")]
    if not set(outcomes) <= {"landed", "rolled back", "failed"}:
        found.problems.append(f"{what}: the journal says {outcomes}")
    code, out, err = project.run("invoke", "flights", "configs/examples/request.json")
    if code or "predictions" not in out:
        found.problems.append(f"{what}: the endpoint does not answer: {code} {err[-300:]}")


if __name__ == "__main__":
    main()
