"""A job changes nothing outside itself, and knows nothing that it has no use for."""

from __future__ import annotations

import asyncio
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.forking.views import Views
from sagelens.local.jobs import Jobs
from tests.unit.local_jobs.bench import Bench
from tests.unit.local_jobs.requests import processing, training

Run = Callable[..., Any]
OUT = {"out": "s3://bucket/out"}
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mount namespaces are Linux's")


async def finished(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    created = await bench.call("CreateProcessingJob", **request)
    return await bench.jobs.wait(created["ProcessingJobArn"])


def of_script(script: str, name: str = "job-1", inputs: dict[str, str] | None = None) -> dict[str, Any]:
    return processing(name, script, inputs=inputs or {}, outputs=OUT)


def test_a_script_writes_to_opt_ml_and_the_machine_has_none(run: Run) -> None:
    """In a file, where no word of the request can be mapped."""

    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        bench.put("s3://bucket/code/run.py", "open('/opt/ml/processing/output/out/x.txt', 'w').write('here')")
        request = of_script("python3 /opt/ml/processing/input/code/run.py", inputs={"code": "s3://bucket/code"})
        done = await finished(bench, request)
        return done, bench.get("s3://bucket/out/x.txt")

    before = Path("/opt/ml").exists()
    done, written = run(scenario)

    assert done["ProcessingJobStatus"] == "Completed"
    assert written == "here"
    assert Path("/opt/ml").exists() is before


@pytest.mark.parametrize(
    "place", ["/etc/sagelens-test", "/usr/sagelens-test", f"{Path.home()}/sagelens-test", f"{Path(os.__file__).parent}/x-test.py"]
)
def test_nothing_else_of_the_machine_can_be_written(run: Run, place: str) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        return await finished(bench, of_script(f"echo x > {place}"))

    assert run(scenario)["ProcessingJobStatus"] == "Failed"
    assert not Path(place).exists()


def test_inputs_are_the_objects_themselves_and_cannot_be_changed(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        bench.put("s3://bucket/in/a.txt", "as it was")
        done = await finished(bench, of_script("echo x > /opt/ml/processing/input/in/a.txt", inputs={"in": "s3://bucket/in"}))
        return done, bench.get("s3://bucket/in/a.txt")

    done, content = run(scenario)
    assert (done["ProcessingJobStatus"], content) == ("Failed", "as it was")


def test_checkpoints_can(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        request = training("train-1", "echo 7 > /opt/ml/checkpoints/round", channels={}, output="s3://bucket/out")
        created = await bench.call("CreateTrainingJob", **request, CheckpointConfig={"S3Uri": "s3://bucket/kept"})
        await bench.jobs.wait(created["TrainingJobArn"])
        return bench.get("s3://bucket/kept/round")

    assert run(scenario) == "7\n"


def test_jobs_at_the_same_time_do_not_share_a_path(run: Run) -> None:
    script = "echo {0} > /opt/ml/x; echo {0} > /tmp/x; sleep 0.3; cat /opt/ml/x /tmp/x"

    async def scenario(bench: Bench) -> list[str]:
        names = ("one", "two")
        await asyncio.gather(*(finished(bench, of_script(script.format(name), name)) for name in names))
        return [bench.log("Processing", name) for name in names]

    assert run(scenario) == ["one\none\n", "two\ntwo\n"]
    assert not Path("/tmp/x").exists()


def a_wheel(folder: Path) -> Path:
    """A distribution of one module, made by hand: nothing is built or fetched."""
    wheel = folder / "ownpackage-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ownpackage.py", "WORD = 'installed'\n")
        archive.writestr("ownpackage-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ownpackage\nVersion: 1.0\n")
        archive.writestr("ownpackage-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("ownpackage-1.0.dist-info/RECORD", "")
    return wheel


def test_what_a_job_installs_is_its_own(run: Run) -> None:
    install = "pip install --quiet --no-index --no-deps /opt/ml/processing/input/in/*.whl"
    ask = 'python -c "import ownpackage; print(ownpackage.WORD)"'

    async def scenario(bench: Bench) -> tuple[str, str]:
        folder = bench.objects.path("s3://bucket/in")
        folder.mkdir(parents=True)
        a_wheel(folder)
        await finished(bench, of_script(f"{install} && {ask}", "installs", {"in": "s3://bucket/in"}))
        await finished(bench, of_script(ask, "asks"))
        return bench.log("Processing", "installs"), bench.log("Processing", "asks")

    installed, asked = run(scenario)
    assert installed.endswith("installed\n"), installed
    assert "No module named 'ownpackage'" in asked


def test_python_in_a_job_is_the_interpreter_that_has_the_libraries(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        await finished(
            bench, of_script("python3 -c 'import sys; print(sys.prefix)'; env python -c 'import sys; print(sys.prefix)'")
        )
        return bench.log("Processing", "job-1")

    assert run(scenario).split() == [sys.prefix, sys.prefix]


def test_secrets_of_the_users_shell_stay_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "never-to-be-seen")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "never-to-be-seen")

    async def scenario(bench: Bench) -> str:
        await finished(bench, of_script("env; cat /proc/self/environ"))
        return bench.log("Processing", "job-1")

    log = run(scenario)
    assert "PROCESSING_JOB_NAME=job-1" in log
    assert "never-to-be-seen" not in log


def test_a_job_has_the_variables_that_are_listed(run: Run) -> None:
    async def scenario(bench: Bench) -> set[str]:
        await finished(bench, of_script("env"))
        return {line.partition("=")[0] for line in bench.log("Processing", "job-1").splitlines()}

    machine = {"LANG", "LC_ALL", "TZ"} & os.environ.keys()
    shells = {"PWD", "OLDPWD", "SHLVL", "_"}
    pip = {name for name in os.environ if name.startswith("PIP_")} | {"PIP_TARGET", "PIP_DISABLE_PIP_VERSION_CHECK"}
    python = {"PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONPYCACHEPREFIX"}
    job = {"AWS_REGION", "AWS_DEFAULT_REGION", "GREETING", "PROCESSING_JOB_NAME", "PROCESSING_JOB_ARN"}
    own = {"HOME", "PATH", "SAGELENS_ROOT", "TMPDIR"}
    assert run(scenario) - shells == own | machine | pip | python | job


def test_a_job_without_a_network_has_no_credentials(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        request = of_script("env | grep -c ^AWS_")
        await finished(bench, {**request, "NetworkConfig": {"EnableNetworkIsolation": True}})
        return bench.log("Processing", "job-1")

    assert run(scenario) == "0\n"


def test_without_views_a_foreign_program_is_refused_with_the_reason(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        bench.jobs = Jobs(
            bench.store,
            bench.objects,
            bench.processes,
            bench.clock,
            state=bench.state,
            environment={"PATH": os.environ["PATH"]},
            account="000000000000",
            region="eu-west-1",
            views=Views(impossible="no namespaces here"),
        )
        return await finished(bench, of_script("echo x > /opt/ml/x"))

    done = run(scenario)
    assert done["ProcessingJobStatus"] == "Failed"
    assert "only in a view of the file system of their own" in done["FailureReason"]
    assert not Path("/opt/ml/x").exists()


def test_views_are_tried_once_and_say_why_there_are_none() -> None:
    async def ask() -> tuple[str, object]:
        views = Views(impossible="no namespaces here")
        return await views.missing(), await views.of(Path("/x"))

    assert asyncio.run(ask()) == ("no namespaces here", None)
