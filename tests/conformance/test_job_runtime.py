"""What a job may rely on, whichever way its process is started."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.forking.zygotes import can_fork
from sagelens.local.ports import Spawn
from tests.unit.local_jobs.bench import Bench, bench_at
from tests.unit.local_jobs.requests import processing

Run = Callable[[Callable[[Bench], Awaitable[Any]]], Any]

STEP = """
import json, os, sys
from pathlib import Path

def main():
    base = Path(os.environ["SAGELENS_ROOT"] + "/opt/ml/processing")
    words = (base / "input/words/words.txt").read_text().split()
    import helper
    out = base / "output/count"
    out.mkdir(parents=True, exist_ok=True)
    (out / "count.json").write_text(json.dumps({"count": helper.count(words), "argv": sys.argv[1:]}))
    if "fail" in sys.argv:
        evidence = base / "output/evidence"
        evidence.mkdir(parents=True, exist_ok=True)
        (evidence / "evidence.json").write_text("{}")
        (Path(os.environ["SAGELENS_ROOT"]) / "opt/ml/output/message").write_text("data-gate: too few words")
        return 1
    import tempfile
    print("scratch", tempfile.mkdtemp(), flush=True)
    print("counted", flush=True)
"""


@pytest.fixture(params=["forked", "fresh"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Runs a scenario on a bench whose processes are forked from a warm interpreter, or start afresh."""
    fork = request.param == "forked"
    if fork and not can_fork({}):
        pytest.skip("forking is used on Linux only")
    runtime = Path(tempfile.mkdtemp(prefix="sl-"))

    def within(scenario: Callable[[Bench], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with bench_at(tmp_path, runtime, fork=fork) as bench:
                await bench.processes.start(["base"])
                return await scenario(bench)

        return asyncio.run(main())

    yield within
    shutil.rmtree(runtime, ignore_errors=True)


def spawn_of(bench: Bench, call: str, *argv: str, **env: str) -> Spawn:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(bench.state), **env}
    return Spawn(family="base", call=call, argv=argv, env=environment, cwd=bench.state, log=bench.state / "out.log")


def a_module(bench: Bench, text: str) -> None:
    (bench.state / "probe.py").write_text(text, encoding="utf-8")


def code_of(bench: Bench, call: str, *argv: str, **env: str) -> Awaitable[int]:
    async def run() -> int:
        process = await bench.processes.spawn(spawn_of(bench, call, *argv, **env))
        return await process.wait()

    return run()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return None", 0),
        ("return 3", 3),
        ("raise SystemExit(4)", 4),
        ("raise SystemExit", 0),
        ("raise SystemExit('no')", 1),
        ("raise ValueError('broken')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)
def test_a_call_leaves_with_the_code_of_a_program(run: Run, body: str, code: int) -> None:
    async def scenario(bench: Bench) -> int:
        a_module(bench, f"def main():\n    {body}\n")
        return await code_of(bench, "probe:main")

    assert run(scenario) == code


def test_a_traceback_and_what_was_printed_are_in_the_log(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        a_module(
            bench, "import os\ndef main():\n    print('said')\n    os.system('echo shouted')\n    raise ValueError('broken')\n"
        )
        await code_of(bench, "probe:main")
        return (bench.state / "out.log").read_text(encoding="utf-8")

    log = run(scenario)
    assert log.index("said") < log.index("shouted") < log.index("ValueError: broken")


def test_environment_arguments_and_folder_are_those_of_the_request_alone(run: Run) -> None:
    text = """
import json, os, sys
def main():
    with open("seen.json", "w") as file:
        json.dump({"env": dict(os.environ), "argv": sys.argv[1:]}, file)
"""

    async def scenario(bench: Bench) -> dict[str, Any]:
        a_module(bench, text)
        assert await code_of(bench, "probe:main", "one", "two words", COLOUR="blue") == 0
        seen: dict[str, Any] = json.loads((bench.state / "seen.json").read_text(encoding="utf-8"))
        return seen

    seen = run(scenario)
    assert seen["argv"] == ["one", "two words"]
    assert seen["env"]["COLOUR"] == "blue"
    assert set(seen["env"]) - {"LC_CTYPE"} == {"PATH", "PYTHONPATH", "COLOUR"}


def test_threads_exit_handlers_and_children_are_taken_care_of(run: Run) -> None:
    text = """
import atexit, threading, time, subprocess
def late():
    time.sleep(0.2)
    print("thread done")
def main():
    atexit.register(print, "handler ran")
    threading.Thread(target=late).start()
    subprocess.Popen(["sh", "-c", "sleep 1; echo survived"])
"""

    async def scenario(bench: Bench) -> str:
        a_module(bench, text)
        assert await code_of(bench, "probe:main") == 0
        await asyncio.sleep(1.3)
        return (bench.state / "out.log").read_text(encoding="utf-8")

    assert run(scenario).split("\n") == ["thread done", "handler ran", ""]


@pytest.mark.parametrize(("how", "code"), [("terminate", -15), ("kill", -9)])
def test_a_process_can_be_ended(run: Run, how: str, code: int) -> None:
    async def scenario(bench: Bench) -> int:
        a_module(bench, "import time\ndef main():\n    print('up', flush=True)\n    time.sleep(60)\n")
        (bench.state / "out.log").touch()
        process = await bench.processes.spawn(spawn_of(bench, "probe:main"))
        while "up" not in (bench.state / "out.log").read_text(encoding="utf-8"):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)
        getattr(process, how)()
        return await asyncio.wait_for(process.wait(), 60)

    assert run(scenario) == code


def test_random_numbers_differ_between_processes(run: Run) -> None:
    text = "import random\nimport numpy\ndef main():\n    print(random.random(), numpy.random.random())\n"

    async def scenario(bench: Bench) -> list[str]:
        a_module(bench, text)
        for _ in range(2):
            await code_of(bench, "probe:main")
        return (bench.state / "out.log").read_text(encoding="utf-8").split()

    assert len(set(run(scenario))) == 4


def test_a_command_runs_with_its_arguments(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[int, str]:
        spawn = Spawn(
            command=["sh", "-c", 'echo "$0 $COLOUR"; exit 7', "word"],
            env={"PATH": "/usr/bin:/bin", "COLOUR": "red"},
            cwd=bench.state,
            log=bench.state / "out.log",
        )
        code = await (await bench.processes.spawn(spawn)).wait()
        return code, (bench.state / "out.log").read_text(encoding="utf-8")

    assert run(scenario) == (7, "word red\n")


def a_step(bench: Bench, *argv: str) -> dict[str, Any]:
    """A job whose code input brings a `sagelens.job` of its own, as a step's does."""
    for name, text in {"sagelens/__init__.py": "", "sagelens/job/__init__.py": "", "sagelens/job/main.py": STEP}.items():
        bench.put(f"s3://bucket/code/1/{name}", text)
    bench.put("s3://bucket/code/1/helper.py", "def count(words):\n    return len(words)\n")
    bench.put("s3://bucket/code/1/sagelens-code.json", '{"imports": ["numpy"]}')
    words = bench.put("s3://bucket/words/words.txt", "one two three")
    request = processing(
        "count",
        "",
        inputs={"code": "s3://bucket/code/1", "words": words.rpartition("/")[0]},
        outputs={"count": "s3://bucket/out/count", "evidence": "s3://bucket/out/evidence"},
    )
    request["AppSpecification"] |= {"ContainerEntrypoint": ["python3", "-m", "sagelens.job"], "ContainerArguments": list(argv)}
    request["Environment"] = {"PYTHONPATH": "/opt/ml/processing/input/code"}
    return request


def test_a_step_runs_from_the_code_that_travels_with_it(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], str, list[Path]]:
        created = await bench.call("CreateProcessingJob", **a_step(bench, "processing"))
        done = await bench.jobs.wait(created["ProcessingJobArn"])
        strays = list(bench.objects.root.rglob("__pycache__"))
        assert done["ProcessingJobStatus"] == "Completed", (done, bench.log("Processing", "count"))
        return done, bench.get("s3://bucket/out/count/count.json"), strays

    done, count, strays = run(scenario)
    assert json.loads(count) == {"count": 3, "argv": ["processing"]}
    assert "FailureReason" not in done
    assert strays == []


def test_what_a_step_leaves_in_its_temporary_folder_goes_with_the_job(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[str, Path]:
        created = await bench.call("CreateProcessingJob", **a_step(bench, "processing"))
        await bench.jobs.wait(created["ProcessingJobArn"])
        return bench.log("Processing", "count"), bench.state / "jobs" / "count" / "tmp"

    log, scratch = run(scenario)
    assert f"scratch {scratch}/" in log
    assert not scratch.exists()


def test_a_step_that_fails_leaves_its_message_and_evidence_and_nothing_else(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], bool, bool]:
        created = await bench.call("CreateProcessingJob", **a_step(bench, "processing", "fail"))
        done = await bench.jobs.wait(created["ProcessingJobArn"])
        path = bench.objects.path
        return done, path("s3://bucket/out/evidence/evidence.json").exists(), path("s3://bucket/out/count").exists()

    done, evidence, count = run(scenario)
    assert done["ProcessingJobStatus"] == "Failed"
    assert done["ExitMessage"] == "data-gate: too few words"
    assert "exit code: 1" in done["FailureReason"]
    assert (evidence, count) == (True, False)
