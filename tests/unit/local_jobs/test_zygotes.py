"""What warm interpreters do beside what the conformance suite asks of every way to start a process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.forking import process as forked
from sagelens.local.forking.families import CALLS, FAMILIES, ORDER, RECORDS, ROOMS, lineage
from sagelens.local.forking.zygotes import Zygotes, can_fork
from sagelens.local.ports import Process, Spawn

pytestmark = pytest.mark.skipif(not can_fork({}), reason="forking is used on Linux only")


@asynccontextmanager
async def warm(folder: Path, runtime: Path, *families: str) -> AsyncIterator[Zygotes]:
    zygotes = Zygotes(runtime, folder / "logs", fork=True)
    await zygotes.start(families)
    try:
        yield zygotes
    finally:
        await zygotes.close()


def spawn(folder: Path, call: str, family: str = "base", log: str = "out.log") -> Spawn:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    return Spawn(family=family, call=call, env=env, cwd=folder, log=folder / log)


def a_module(folder: Path, text: str) -> None:
    (folder / "probe.py").write_text(text, encoding="utf-8")


async def output(zygotes: Zygotes, folder: Path, family: str = "base") -> str:
    process = await zygotes.spawn(spawn(folder, "probe:main", family))
    code = await process.wait()
    text = (folder / "out.log").read_text(encoding="utf-8").strip()
    assert code == 0, text
    return text


async def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:  # noqa: ASYNC110  other processes make it hold
        await asyncio.sleep(0.02)
    return holds()


def thread_count(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def file_count(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def kept_waiting(interpreter: int, path: Path) -> AsyncIterator[None]:
    """Meanwhile the interpreter waits for the rest of a request, so that what happens comes to it all at once afterwards."""
    before = file_count(interpreter)
    _, writer = await asyncio.open_unix_connection(str(path))
    assert await eventually(lambda: file_count(interpreter) > before)
    yield
    writer.close()


def test_a_child_has_its_familys_imports_and_one_thread(tmp_path: Path, runtime: Path) -> None:
    text = """
import os, sys
def main():
    print("duckdb" in sys.modules and "ibis" in sys.modules, len(os.listdir("/proc/self/task")), os.getppid())
"""

    async def scenario() -> None:
        a_module(tmp_path, text)
        async with warm(tmp_path, runtime, "base", "tables") as zygotes:
            await zygotes.ready()
            loaded, threads, parent = (await output(zygotes, tmp_path, "tables")).split()
            assert (loaded, int(parent) in zygotes.pids) == ("True", True)
            assert thread_count(int(parent)) == 1
            assert int(threads) >= 1

    asyncio.run(scenario())


def test_interpreters_that_another_one_replaces_end(tmp_path: Path, runtime: Path) -> None:
    async def scenario() -> None:
        async with warm(tmp_path, runtime, "base", "tables") as zygotes:
            first = await zygotes.spawn(spawn(tmp_path, "time:sleep", "base"))
            assert await first.wait() == 1  # sleep wants an argument
            await zygotes.ready()
            assert len(zygotes.pids) == 1
            assert await eventually(lambda: not (runtime / "base.sock").exists() or len(zygotes.pids) == 1)
            assert await (await zygotes.spawn(spawn(tmp_path, "os:getcwd", "base"))).wait() == 1

    asyncio.run(scenario())


def test_clients_made_in_a_child_use_its_own_region_and_credentials(tmp_path: Path, runtime: Path) -> None:
    text = """
import os
from sagelens.wiring import Clients
def main():
    os.environ.update(AWS_REGION="x", AWS_DEFAULT_REGION="eu-north-1", AWS_ACCESS_KEY_ID="mine", AWS_SECRET_ACCESS_KEY="s")
    import boto3
    one, other = Clients().get("sagemaker"), boto3.client("sagemaker")
    print(one.meta.region_name, other.meta.region_name, boto3.Session().get_credentials().access_key,
          one._request_signer._credentials.access_key)
"""

    async def scenario() -> str:
        a_module(tmp_path, text)
        async with warm(tmp_path, runtime, "base") as zygotes:
            return await output(zygotes, tmp_path)

    assert asyncio.run(scenario()) == "eu-north-1 eu-north-1 mine mine"


def test_a_child_may_use_all_cores(tmp_path: Path, runtime: Path) -> None:
    text = """
import numpy, threadpoolctl, os
def main():
    a = numpy.ones((300, 300)); a @ a
    print({pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {len(os.sched_getaffinity(0))})
"""

    async def scenario() -> str:
        a_module(tmp_path, text)
        async with warm(tmp_path, runtime, "base") as zygotes:
            return await output(zygotes, tmp_path)

    assert asyncio.run(scenario()) == "True"


def test_a_killed_interpreter_is_replaced_and_its_children_end_with_it(tmp_path: Path, runtime: Path) -> None:
    async def scenario() -> None:
        a_module(tmp_path, "import time\ndef main():\n    time.sleep(60)\n")
        async with warm(tmp_path, runtime, "base") as zygotes:
            await zygotes.ready()
            (before,) = zygotes.pids
            child = await zygotes.spawn(spawn(tmp_path, "probe:main"))
            os.kill(before, signal.SIGKILL)
            assert await asyncio.wait_for(child.wait(), 60) == -9
            assert await eventually(lambda: not runs(child.pid))
            again = await zygotes.spawn(spawn(tmp_path, "os:getcwd"))
            assert await again.wait() == 1
            assert before not in zygotes.pids

    asyncio.run(scenario())


def test_a_child_that_ends_just_as_its_client_leaves_takes_no_other_child_with_it(tmp_path: Path, runtime: Path) -> None:
    """The interpreter hears of both in one round: of the death first, which settles the matter, then of the closed connection."""

    async def scenario() -> tuple[bool, bool]:
        a_module(tmp_path, "import time\n\ndef main():\n    time.sleep(60)\n")
        async with warm(tmp_path, runtime, "base") as zygotes:
            await zygotes.ready()
            bystander = await zygotes.spawn(spawn(tmp_path, "probe:main"))
            (interpreter,) = zygotes.pids
            request = {"call": "signal:pause", "argv": [], "program": "probe", "env": {}, "cwd": str(tmp_path), "log": os.devnull}
            reader, leaving = await forked.ask(runtime / "base.sock", request)
            child = (await forked.hear(reader) or {})["pid"]
            async with kept_waiting(interpreter, runtime / "base.sock"):
                os.kill(child, signal.SIGKILL)
                assert await eventually(lambda: not runs(child))
                await asyncio.sleep(0.1)  # for the signal to arrive before the connection's end
                leaving.close()
            for _ in range(2):  # the first may still be of that round
                await (await zygotes.spawn(spawn(tmp_path, "time:time"))).wait()
            return zygotes.pids == (interpreter,), runs(bystander.pid)

    assert asyncio.run(scenario()) == (True, True)


def test_everything_ends_when_the_service_is_killed(tmp_path: Path, runtime: Path) -> None:
    a_module(tmp_path, "import time\ndef main():\n    time.sleep(60)\n")
    script = f"""
import asyncio, os
from pathlib import Path
from sagelens.local.forking.zygotes import Zygotes
from sagelens.local.ports import Spawn

async def main():
    zygotes = Zygotes(Path({str(runtime)!r}), Path({str(tmp_path)!r}), fork=True)
    await zygotes.start(["base"])
    spawn = Spawn(family="base", call="probe:main", env={{"PYTHONPATH": {str(tmp_path)!r}}}, cwd=Path({str(tmp_path)!r}),
                  log=Path({str(tmp_path / "out.log")!r}))
    child = await zygotes.spawn(spawn)
    fresh = await Zygotes(Path({str(runtime)!r}), Path({str(tmp_path)!r}), fork=False).spawn(spawn)
    print(child.pid, fresh.pid, *zygotes.pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pids = [int(word) for word in service.stdout.readline().split()]
        assert len(pids) == 3
        service.kill()

    assert asyncio.run(eventually(lambda: not any(runs(pid) for pid in pids)))


def test_a_lasting_process_starts_afresh_while_a_lost_interpreter_warms_up_again(tmp_path: Path, runtime: Path) -> None:
    parents = """
import os
def main():
    print(os.getppid())
"""

    async def scenario() -> tuple[str, bool]:
        a_module(tmp_path, parents)
        async with warm(tmp_path, runtime, "base") as zygotes:
            await zygotes.ready()
            os.kill(zygotes.pids[0], signal.SIGKILL)
            process = await zygotes.spawn(replace(spawn(tmp_path, "probe:main"), lasting=True))
            assert await process.wait() == 0
            return (tmp_path / "out.log").read_text(encoding="utf-8").strip(), await eventually(lambda: len(zygotes.pids) == 1)

    parent, warm_again = asyncio.run(scenario())
    assert parent == str(os.getpid())
    assert warm_again


def test_a_family_that_cannot_warm_is_served_by_fresh_processes(tmp_path: Path, runtime: Path, monkeypatch: Any) -> None:
    """A runtime folder that is too long for sockets."""
    deep = runtime / ("x" * 100)

    async def scenario() -> int:
        async with warm(tmp_path, deep, "base") as zygotes:
            process: Process = await zygotes.spawn(spawn(tmp_path, "os:getcwd"))
            return await process.wait()

    assert asyncio.run(scenario()) == 1


def test_each_family_comes_from_one_that_is_known() -> None:
    assert {parent for family in FAMILIES for parent in lineage(family)} == set(FAMILIES)


def test_what_is_said_of_families_is_said_of_each_and_of_no_other() -> None:
    assert set(ROOMS) == set(FAMILIES) == {family for together in ORDER for family in together}
    assert {*CALLS, *RECORDS} <= set(FAMILIES)


STRESS = """
import tempfile

def numbers():
    import numpy
    a = numpy.random.default_rng(1).random((200, 200))
    assert numpy.linalg.inv(a).shape == (200, 200)

def arrow():
    import pyarrow as pa, pyarrow.parquet as pq, pyarrow.compute as pc
    table = pa.table({"x": list(range(20000)), "y": [str(n % 7) for n in range(20000)]})
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, folder + "/t.parquet")
        assert pq.read_table(folder + "/t.parquet").group_by("y").aggregate([("x", "sum")]).num_rows == 7

def tables():
    import duckdb
    assert duckdb.connect().sql("select sum(i) from range(100000) t(i)").fetchall() == [(4999950000,)]

def boosting():
    import numpy, xgboost
    x = numpy.random.default_rng(1).random((500, 5))
    model = xgboost.train({"tree_method": "hist"}, xgboost.DMatrix(x, label=x[:, 0]), num_boost_round=3)
    assert model.num_boosted_rounds() == 3
"""


def test_hundreds_of_children_work_at_the_same_time_without_hanging(tmp_path: Path, runtime: Path) -> None:
    calls = ("numbers", "arrow", "tables", "boosting")
    a_module(tmp_path, STRESS)

    async def scenario() -> list[int]:
        async with warm(tmp_path, runtime, "training") as zygotes:
            await zygotes.ready()
            slots = asyncio.Semaphore(6)

            async def one(number: int) -> int | None:
                async with slots:
                    if time.monotonic() > deadline:
                        return None
                    call = calls[3] if number % 20 == 0 else calls[number % 3]  # boosting alone keeps both cores busy
                    process = await zygotes.spawn(spawn(tmp_path, f"probe:{call}", "training", log=f"{call}.log"))
                    return await asyncio.wait_for(process.wait(), 30)  # one that hangs is found, however slow the machine

            deadline = time.monotonic() + 20
            codes = await asyncio.gather(*(one(number) for number in range(300)))
            return [code for code in codes if code is not None]

    codes = asyncio.run(scenario())
    assert set(codes) == {0}, [path.read_text(encoding="utf-8")[-500:] for path in tmp_path.glob("*.log")]
    assert len(codes) >= 30
