"""What a container costs a job, and how soon a changed step runs in one, against the process runtime in the same run.

    python benchmarks/containers.py [--rounds 7] [--image sagelens:local] [--json FILE]

Needs a Docker engine and the image (`sagelens image build`). Two copies of the reference project, each with a local service
of its own, one for each runtime; rounds are interleaved. `job` is a processing job that does nothing, from
CreateProcessingJob until it has Completed. `changed step` goes from saving an edited step until its code runs: the command's
start, compiling, uploading and starting the job are part of it. Times are medians in seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.pipeline import EMPTY_PIPELINE, EMPTY_STEP, Project, Times, copy_project  # noqa: E402
from sagelens.local.state import State  # noqa: E402
from sagelens.testing.service import client  # noqa: E402

RUNTIMES = ("process", "docker")
_POLL = 0.01
_numbers = count(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--image", default="sagelens:local")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelens-bench-") as folder:
        projects = {runtime: copy_project(Path(folder) / runtime) for runtime in RUNTIMES}
        try:
            figures = measure(projects, given.rounds, given.image)
        finally:
            for project in projects.values():
                project.stop()
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


def measure(projects: dict[str, Project], rounds: int, image: str) -> dict[str, Any]:
    times = Times()
    for runtime, project in projects.items():
        (project.root / "pipelines" / "empty.py").write_text(EMPTY_PIPELINE.format(count=1))
        project.run("empty", "--runtime", runtime)
        do_nothing(project, image)  # what is imported once, is now
    for _ in range(rounds):
        for runtime, project in projects.items():
            times.measure(f"job, {runtime}", lambda project=project: do_nothing(project, image))
    for _ in range(rounds):
        for runtime, project in projects.items():
            times.taken.setdefault(f"changed step, {runtime}", []).append(change(project))
    return {"rounds": rounds, "seconds": {name: round(times.median(name), 3) for name in times.taken}, "all": times.taken}


def do_nothing(project: Project, image: str) -> None:
    """A processing job, to its end."""
    running = State(project.root).read()
    assert running is not None
    sagemaker, name = client("sagemaker", running), f"nothing-{next(_numbers)}"
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": ["sh", "-c", ":"]},
        NetworkConfig={"EnableNetworkIsolation": True},
        RoleArn="arn:aws:iam::000000000000:role/benchmark",
    )
    while (done := sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
        time.sleep(_POLL)
    if done["ProcessingJobStatus"] != "Completed":
        raise SystemExit(f"the job ended as {done['ProcessingJobStatus']}: {done.get('FailureReason')}")


def change(project: Project) -> float:
    """Edit the step, run the pipeline; seconds until the step's code began, by its own evidence."""
    saved = time.time()
    edited = EMPTY_STEP.replace("return number", f"return number + {next(_numbers)}")
    (project.root / "steps" / "nothing.py").write_text(edited)
    project.run("empty")
    found = max(
        (project.root / ".sagelens" / "objects").glob("*/*-empty/*/nothing-0/output/evidence/evidence.json"),
        key=lambda path: path.stat().st_mtime,
    )
    began = float(json.loads(found.read_text())["started"])
    if began < saved:
        raise SystemExit(f"the edited step did not run; the newest evidence is {found}")
    return began - saved


def table(figures: dict[str, Any]) -> str:
    seconds = figures["seconds"]
    lines = ["| | process | docker | more |", "|---|---|---|---|"]
    for what in ("job", "changed step"):
        process, docker = (seconds[f"{what}, {runtime}"] for runtime in RUNTIMES)
        lines.append(f"| {what} | {process:.2f} s | {docker:.2f} s | {docker - process:.2f} s |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
