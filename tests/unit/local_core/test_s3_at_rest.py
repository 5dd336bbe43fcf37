"""An object store that nobody asks costs nothing: rclone is replaced where it works on, and no request is lost by that."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from sagelens.local.objects import S3Server, server
from sagelens.local.objects.keys import Asked
from sagelens.local.objects.traffic import Traffic

KEY, SECRET = "SAGELENSKEY", "secret"
REST = 0.3
LONG = 60.0

# Answers every request with its process's number, and works without an end where it is the first.
BUSY = """#!{python}
import os, pathlib, socket, threading
first = pathlib.Path({first!r})
if not first.exists():
    first.touch()
    threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()
listener = socket.socket(fileno=3)
def serve(client):
    with client, client.makefile("rb") as lines:
        while line := lines.readline():
            if line == b"\\r\\n":
                said = str(os.getpid()).encode()
                client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(said), said))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[S3Server]:
    (folder / "objects" / "bucket").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sl-") as sockets:
        listener = socket.create_server(("127.0.0.1", 0))
        places = {"log": folder / "log", "sockets": Path(sockets), "records": folder / "records"}
        served = S3Server(folder / "objects", listener, access_key=KEY, secret_key=SECRET, **places)
        served.start()
        try:
            yield served
        finally:
            await served.close()


async def ask(port: int) -> int:
    """Which process answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /bucket/key HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential={KEY}/\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    said = await reader.read(100)
    writer.close()
    return int(said)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while True:
            if holds():
                return
            await asyncio.sleep(0.05)


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of rclone stands a program that works without an end, the first time."""
    program = tmp_path / "rclone"
    program.write_text(BUSY.format(python=sys.executable, first=str(tmp_path / "first")))
    program.chmod(0o755)
    monkeypatch.setattr(server, "_REST", REST)
    monkeypatch.setattr(server, "_rclone", lambda: str(program))


@pytest.mark.usefixtures("busy")
def test_one_that_works_though_nobody_asks_is_replaced_once(tmp_path: Path) -> None:
    async def tried() -> tuple[int, int, int]:
        async with serving(tmp_path) as served:
            before = await ask(served.port)
            await eventually(lambda: served.pid != before)
            after = await ask(served.port)
            await asyncio.sleep(6 * REST)
            return before, after, await ask(served.port)

    before, after, later = asyncio.run(tried())

    assert before != after == later


@pytest.mark.usefixtures("busy")
def test_requests_that_come_while_it_is_replaced_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tried() -> list[int]:
        async with serving(tmp_path) as served:
            before = await ask(served.port)
            forget = served._front.forget_upstream
            asked: list[asyncio.Task[int]] = []

            def forget_and_ask() -> None:
                forget()
                asked.extend(asyncio.create_task(ask(served.port)) for _ in range(10))

            monkeypatch.setattr(served._front, "forget_upstream", forget_and_ask)
            await eventually(lambda: served.pid != before)
            return [before, *await asyncio.gather(*asked)]

    before, *others = asyncio.run(tried())

    assert len(others) == 10
    assert len(set(others)) == 1
    assert before not in others


def test_rclone_comes_to_rest_after_many_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it counts wrongly under uploads is its own affair, and not provoked every time; that it rests is ours."""
    monkeypatch.setattr(server, "_REST", 1.0)

    def put(port: int, person: int) -> None:
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 0, "mode": "standard"}),
        )
        for number in range(40):
            s3.put_object(Bucket="bucket", Key=f"{person}/{number}/file", Body=b"1" * 5000)
        s3.close()

    async def rests(served: S3Server) -> bool:
        pid, before = served.pid, server._seconds_of(served.pid)
        await asyncio.sleep(2)
        after = server._seconds_of(pid)
        return before is not None and after is not None and after - before <= 0.02

    async def tried() -> None:
        async with serving(tmp_path) as served:
            await eventually(lambda: served.pid != 0)
            with ThreadPoolExecutor(8) as people:
                loop = asyncio.get_running_loop()
                await asyncio.gather(*(loop.run_in_executor(people, put, served.port, person) for person in range(8)))
            async with asyncio.timeout(LONG):
                while not await rests(served):
                    pass

    asyncio.run(tried())

    assert len(list((tmp_path / "objects" / "bucket").glob("*/*/file"))) == 8 * 40


def test_nothing_is_held_while_something_is_on_its_way_or_has_come_since() -> None:
    async def tried() -> list[bool]:
        traffic, found = Traffic(), []
        async with traffic.one(Asked("GET", "/b/k", {})):
            pass
        last = await traffic.rest(0.01)
        async with traffic.one(Asked("GET", "/b/k", {})), traffic.held(last) as nobody:
            found.append(nobody)
        async with traffic.held(last) as nobody:
            found.append(nobody)
        async with traffic.held(await traffic.rest(0.01)) as nobody:
            found.append(nobody)
        return found

    assert asyncio.run(tried()) == [False, False, True]


@pytest.mark.parametrize("end", ["POST", "DELETE"])
def test_an_upload_in_parts_is_no_rest_until_it_ends(end: str) -> None:
    async def tried() -> bool:
        traffic = Traffic()
        for method, target in (("POST", "/b/k?uploads"), ("PUT", "/b/k?uploadId=7&partNumber=1")):
            async with traffic.one(Asked(method, target, {})):
                pass
        waiting = asyncio.create_task(traffic.rest(0.01))
        await asyncio.wait({waiting}, timeout=0.3)
        early = waiting.done()
        async with traffic.one(Asked(end, "/b/k?uploadId=7", {})):
            pass
        async with asyncio.timeout(LONG):
            await waiting
        return early

    assert not asyncio.run(tried())


def test_one_that_outlived_its_service_and_its_watcher_is_ended_by_the_next(tmp_path: Path) -> None:
    service = f"""
import asyncio, socket, sys, tempfile
from pathlib import Path
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(server.__file__).parents[3])!r}]
from test_s3_at_rest import eventually, serving
async def main():
    async with serving(Path({str(tmp_path)!r})) as served:
        await eventually(lambda: served.pid != 0)
        print(served.pid, flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", service], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        left = int(running.stdout.readline())
        asyncio.run(eventually(lambda: bool(children_of(left))))
        for watcher in children_of(left):
            os.kill(watcher, signal.SIGKILL)
        running.kill()
    assert Path(f"/proc/{left}").exists()

    async def started() -> None:
        async with serving(tmp_path) as served:
            await eventually(lambda: served.pid not in {0, left} and not alive(left))

    asyncio.run(started())


def children_of(pid: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(process.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
