"""One-row InvokeEndpoint through the local service, against the same model server asked directly, as ratios in one run.

Usage: python benchmarks/router.py [--rounds 5] [--seconds 0.8] [--clients 16] [--servers 2] [--servable FOLDER] [--json FILE]

Without --servable it packages the model of `benchmarks/serving.py`. It starts the local service in a project folder of its own,
with an endpoint of that many servers, and beside it one server of the same model, which is asked at /invocations. Both get the
same rows from the same load generator, a process of its own on the same cores: asyncio over raw keep-alive sockets, each client
waiting for its answer before it sends the next row. Requests to the service are signed by botocore, once for each row.
Measurements of all kinds are interleaved round by round, so that a slow moment falls on all of them; the figures are medians
over the rounds, and `best` are those from the best round of each kind, which other processes have disturbed least.
`added_ms` is what the way through the service adds to the latency of one client, `throughput_ratio` compares requests per second
of many clients. `boto3_ms` is what a caller sees who uses a plain boto3 client, and `cpu_us` the processor time of one request,
of the lone server and of the service without its servers, both for information.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import ROOT, WARM_UP_SECONDS, load, package, wait_for

from sagelens.local import lifecycle
from sagelens.local.lifecycle import Running

ENDPOINT = "flights"
BUCKET = "benchmark"
BOTO3_CALLS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8, help="of one measurement")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--servers", type=int, default=2, help="servers of the endpoint")
    parser.add_argument("--servable", type=Path, help="a packaged model; its sample.jsonl gives the rows")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--generate", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--requests", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.generate:
        generate(given.generate, given.requests, given.clients, given.seconds)
        return
    with tempfile.TemporaryDirectory(prefix="sagelens-bench-") as folder:
        work = Path(folder)
        servable = (given.servable or package(work)).resolve()
        rows = (servable / "sample.jsonl" if given.servable else work / "rows.jsonl").read_bytes().splitlines()
        with alone(servable, work) as server, service(work / "project", servable, given.servers) as running:
            figures = measure(server, running, rows, work, given)
    text = json.dumps(figures, indent=1)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)
    print(table(figures))


def generate(port: int, requests: Path, clients: int, seconds: float) -> None:
    """The load generator's own process."""
    import uvloop

    prepared = [text.encode("latin-1") for text in json.loads(requests.read_text())]
    warm_up = uvloop.run(load(port, prepared, clients, WARM_UP_SECONDS))
    figures = uvloop.run(load(port, prepared, clients, seconds))
    print(json.dumps({**figures, "sent": warm_up["requests"] + figures["requests"]}))


@dataclass(frozen=True)
class Process:
    """Something that listens."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Processor time so far, in user and system mode, without children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(alone: Process, running: Running, rows: list[bytes], work: Path, given: argparse.Namespace) -> dict[str, Any]:
    direct, routed = work / "direct.json", work / "routed.json"
    direct.write_text(json.dumps([direct_request(row) for row in rows]))
    routed.write_text(json.dumps([signed_request(running, row) for row in rows]))
    targets = {"alone": (alone, direct), "routed": (Process(running.pid, running.port), routed)}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(given.rounds):
        for clients, kind in ((1, "one"), (given.clients, "many")):
            for name, (process, requests) in targets.items():
                before = process.cpu_seconds()
                run = generated(process.port, requests, clients, given.seconds)
                run["cpu_us"] = (process.cpu_seconds() - before) * 1e6 / run["sent"]
                runs.setdefault(f"{name}_{kind}", []).append(run)
    p50 = {name: statistics.median(run["p50_ms"] for run in rounds) for name, rounds in runs.items()}
    rate = {name: statistics.median(run["requests_per_second"] for run in rounds) for name, rounds in runs.items()}
    added = [routed["p50_ms"] - alone["p50_ms"] for alone, routed in zip(runs["alone_one"], runs["routed_one"], strict=True)]
    ratios = [
        routed["requests_per_second"] / alone["requests_per_second"]
        for alone, routed in zip(runs["alone_many"], runs["routed_many"], strict=True)
    ]
    return {
        "added_ms": round(statistics.median(added), 3),
        "added_ms_range": [round(min(added), 3), round(max(added), 3)],
        "throughput_ratio": round(statistics.median(ratios), 3),
        "throughput_ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
        "best": best(runs),
        "p50_ms": {name: round(value, 3) for name, value in p50.items()},
        "p99_ms": {name: round(statistics.median(run["p99_ms"] for run in rounds), 3) for name, rounds in runs.items()},
        "requests_per_second": {name: round(value) for name, value in rate.items()},
        "cpu_us": {name: round(statistics.median(run["cpu_us"] for run in rounds)) for name, rounds in runs.items()},
        "boto3_ms": boto3_latency(running, rows),
        "clients": given.clients,
        "servers": given.servers,
        "rounds": given.rounds,
        "load_average": os.getloadavg()[0],
    }


def best(runs: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """From the best round of each kind: what remains when other processes are kept out as far as they can be."""
    p50 = {name: min(run["p50_ms"] for run in rounds) for name, rounds in runs.items()}
    rate = {name: max(run["requests_per_second"] for run in rounds) for name, rounds in runs.items()}
    return {
        "added_ms": round(p50["routed_one"] - p50["alone_one"], 3),
        "throughput_ratio": round(rate["routed_many"] / rate["alone_many"], 3),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    (low, high), (least, most), best = figures["added_ms_range"], figures["throughput_ratio_range"], figures["best"]
    added = "p50 of one client, added to the server alone"
    compared = f"throughput, {figures['clients']} clients, {figures['servers']} servers, against one server alone"
    rows = [
        f"| {added} | {figures['added_ms']:+.2f} ms | {low:+.2f} to {high:+.2f} | {best['added_ms']:+.2f} ms | +1.5 ms |",
        f"| {compared} | {figures['throughput_ratio']:.2f} | {least:.2f} to {most:.2f} | {best['throughput_ratio']:.2f} | 0.6 |",
    ]
    return "\n".join(["| through the service | median | rounds | best rounds | must reach |", "|---|---|---|---|---|", *rows])


def generated(port: int, requests: Path, clients: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--generate", str(port), "--requests", str(requests)]
    command += ["--clients", str(clients), "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=seconds + 60, env=environment())
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def direct_request(row: bytes) -> str:
    return _raw("/invocations", {"Host": "localhost", "Content-Type": "application/json"}, row)


def signed_request(running: Running, row: bytes) -> str:
    """The request as boto3 would send it, signed with the project's key."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    path = f"/endpoints/{ENDPOINT}/invocations"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Boto3/1.44 md/Botocore#1.44 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11 cfg/retry-mode#legacy",
        "amz-sdk-invocation-id": "6e1d8b2c-3f0f-4f0a-9d5e-1d1f4f6f7a10",
        "amz-sdk-request": "attempt=1",
    }
    request = AWSRequest("POST", f"http://127.0.0.1:{running.port}{path}", headers=headers, data=row)
    SigV4Auth(Credentials(running.access_key, running.secret_key), "sagemaker", running.region).add_auth(request)
    return _raw(path, {"Host": f"127.0.0.1:{running.port}", **dict(request.headers.items())}, row)


def _raw(path: str, headers: dict[str, str], body: bytes) -> str:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body.decode("latin-1")


def boto3_latency(running: Running, rows: list[bytes]) -> float:
    """Median of one plain client."""
    client = boto3_client("sagemaker-runtime", running)
    taken = []
    for number in range(BOTO3_CALLS):
        begin = time.perf_counter()
        answer = client.invoke_endpoint(EndpointName=ENDPOINT, ContentType="application/json", Body=rows[number % len(rows)])
        answer["Body"].read()
        taken.append((time.perf_counter() - begin) * 1000)
    return round(statistics.median(taken), 3)


@contextmanager
def service(root: Path, servable: Path, servers: int) -> Iterator[Running]:
    """The local service of a copy of the reference project, with an endpoint in service."""
    for name in ("configs", "steps", "pipelines"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    running = lifecycle.start(root, account="000000000000", region="us-east-1")
    try:
        model = root / ".sagelens" / "objects" / BUCKET / "model"
        shutil.copytree(servable, model)
        create_endpoint(running, servers)
        yield running
    finally:
        lifecycle.stop(root)


def create_endpoint(running: Running, servers: int) -> None:
    client = boto3_client("sagemaker", running)
    source = {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": f"s3://{BUCKET}/model/"}
    client.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/benchmark",
        PrimaryContainer={
            "Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagelens:1",
            "ModelDataSource": {"S3DataSource": source},
            "Environment": {"PYTHONPATH": str(_code(running))},
        },
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ENDPOINT,
        "InitialInstanceCount": servers,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1.0,
    }
    client.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    client.get_waiter("endpoint_in_service").wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _code(running: Running) -> Path:
    """The servable's own code, as the service sees it."""
    return Path(running.sdk_defaults).parent / "objects" / BUCKET / "model" / "code"


def boto3_client(name: str, running: Running) -> Any:
    import boto3

    return boto3.client(
        name,
        endpoint_url=f"http://127.0.0.1:{running.port}",
        region_name=running.region,
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
    )


@contextmanager
def alone(servable: Path, work: Path) -> Iterator[Process]:
    """One model server with nothing before it."""
    root = work / "alone"
    (root / "opt" / "ml").mkdir(parents=True)
    (root / "opt" / "ml" / "model").symlink_to(servable)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    variables = {"SAGELENS_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": str(port)}
    variables["PYTHONPATH"] = os.pathsep.join((str(servable / "code"), str(ROOT)))
    server = subprocess.Popen([sys.executable, "-m", "sagelens.serving"], env=environment() | variables, cwd=root)
    try:
        wait_for(port, server)
        yield Process(server.pid, port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))}


if __name__ == "__main__":
    main()
