"""Many wrong requests to a local SageMaker, in all its protocols, while somebody else asks it something harmless.

Usage: python benchmarks/fuzz_requests.py [--requests 20000] [--seconds 600] [--seed 1] [--wait 0.5] [--only N] [--json FILE]

It starts the local service in a folder of its own. Requests are made from botocore's models of the operations that the service
offers, and changed: values of wrong types, sizes and depths, numbers beyond all ranges, text that is none, members that are
missing, unknown or given a thousand times; then bytes that are flipped, cut, doubled, packed or announced otherwise, heads that
make no sense, keys that are wrong. One in ten is left right. Before them every right request is sent without each of its members.
Meanwhile a bystander, a process of its own, asks ListModels fifty times a second, and its longest wait is kept. Request number N
of a seed is always the same: `--only N` sends that one alone and prints it.

Exit code 1 when any answer was a 5xx, when the service died or left a request that was sent whole without an answer, or when
the bystander waited longer than `--wait` seconds. The wait is meant for a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.made_requests import PROTOCOLS, Made, Maker  # noqa: E402
from benchmarks.right_requests import NEEDS_A_MODEL, RIGHT  # noqa: E402
from sagelens.local import lifecycle  # noqa: E402
from sagelens.local.api.model import service_model  # noqa: E402
from sagelens.local.lifecycle import Running  # noqa: E402

PATIENCE = 20.0
"""Seconds after which a request counts as not answered."""
SHOWN = 12
"""So many failures are printed in full."""


@dataclass
class Figures:
    """What was found. `failures` are the numbers of requests with what they were and what came back."""

    requests: int = 0
    seconds: float = 0.0
    by_status: Counter[int] = field(default_factory=Counter)
    by_protocol: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    bystander_asked: int = 0
    bystander_worst: float = 0.0
    died: bool = False

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.by_status.items() if status >= 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600, help="stop after so many, whatever is left")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wait", type=float, default=0.5, help="how long the bystander may wait")
    parser.add_argument("--only", type=int, help="send this one request and print it")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--bystander", type=int, metavar="PORT", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bystander:
        bystander(given.bystander)
        return
    with tempfile.TemporaryDirectory(prefix="sagelens-fuzz-") as folder:
        root = Path(folder)
        running = lifecycle.start(root, account="000000000000", region="us-east-1")
        try:
            if given.only is not None:
                show(running, given.seed, given.only)
                return
            figures = fuzz(running, given.requests, given.seconds, given.seed)
            figures.died = lifecycle.status(root) is None
        finally:
            lifecycle.stop(root)
    print(table(figures))
    if given.json:
        given.json.write_text(json.dumps({**vars(figures), "server_errors": figures.server_errors}, indent=1) + "\n")
    sys.exit(bool(figures.failures or figures.died or figures.bystander_worst > given.wait))


def fuzz(running: Running, requests: int, seconds: float, seed: int) -> Figures:
    sys.setrecursionlimit(10_000)  # what is nested deep has to be written first
    figures, maker = Figures(), maker_for(running)
    watching = subprocess.Popen(
        [sys.executable, __file__, "--bystander", str(running.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdin is not None
    print(authorization(running), file=watching.stdin, flush=True)
    began = time.monotonic()
    for number, made in enumerate(maker.incomplete(), start=1):
        send_one(running, made, -number, figures)
    for number in range(requests):
        if time.monotonic() - began > seconds:
            break
        send_one(running, maker.make(Random(f"{seed}:{number}")), number, figures)
    figures.seconds = time.monotonic() - began
    told, _ = watching.communicate(timeout=PATIENCE + 5)
    figures.bystander_asked, figures.bystander_worst = json.loads(told)
    return figures


def maker_for(running: Running) -> Maker:
    """For the operations that the service has: all that it does not refuse by their names. Those of which a right request is
    known are sent one first, so that there is something that the others can name."""
    maker = Maker({service: service_model(service) for service in PROTOCOLS}, authorization(running))
    for key in RIGHT:
        status, body = answer_to(running, maker.right(key))
        if status != 200 and key not in NEEDS_A_MODEL:
            print(f"{key} should be right: {status} {body[:300]!r}")
        elif key == "sagemaker.StartPipelineExecution":
            maker.execution = json.loads(body)["PipelineExecutionArn"]
    everything = [f"{service}.{name}" for service in PROTOCOLS for name in service_model(service).operations()]
    maker.operations = [key for key in everything if key in RIGHT or not _is_refused(answer_to(running, maker.right(key))[1])]
    return maker


def _is_refused(body: bytes) -> bool:
    return b"UnknownOperationException" in body or b"is not offered by the local SageMaker" in body


def send_one(running: Running, made: Made, number: int, figures: Figures) -> None:
    began = time.monotonic()
    status, body = answer_to(running, made)
    figures.requests += 1
    figures.slowest = max(figures.slowest, time.monotonic() - began)
    figures.by_status[status] += 1
    figures.by_protocol[made.protocol] += 1
    if status >= 500 or status == 0:
        figures.failures.append(
            f"{number}: {made.operation} by {made.protocol}, {', '.join(made.wrong)}: {status} {body[:300]!r}"
        )


def answer_to(running: Running, made: Made) -> tuple[int, bytes]:
    """Status and body; 0 if none came."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE) as connection, suppress(ConnectionError):
        connection.sendall(made.written())
        connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(TimeoutError, ConnectionError):
            while data := connection.recv(65536):
                received += data
    head, _, body = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]), body) if words[0] == b"HTTP/1.1" else (0, received)


def show(running: Running, seed: int, number: int) -> None:
    made = maker_for(running).make(Random(f"{seed}:{number}"))
    print(f"{made.operation} by {made.protocol}, {', '.join(made.wrong)}\n{made.written()[:4000]!r}\n")
    print(*answer_to(running, made))


def bystander(port: int) -> None:
    """Ask ListModels until standard input ends; print how often, and the longest wait."""
    authorized, asked, worst = sys.stdin.readline().strip(), 0, 0.0
    headers = {"authorization": authorized, "x-amz-target": "SageMaker.ListModels", "content-type": "application/x-amz-json-1.1"}
    import select

    while not select.select([sys.stdin], [], [], 0.02)[0]:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("POST", "/", b"{}", headers)
            connection.getresponse().read()
        except OSError:
            worst = PATIENCE
        finally:
            connection.close()
        asked, worst = asked + 1, max(worst, time.monotonic() - began)
    print(json.dumps([asked, worst]))


def authorization(running: Running) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential={running.access_key}/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0"
    )


def table(figures: Figures) -> str:
    classes = Counter(f"{status // 100}xx" if status else "no answer" for status in figures.by_status.elements())
    by_class = ", ".join(f"{count:,} {kind}" for kind, count in sorted(classes.items()))
    by_protocol = ", ".join(f"{count:,} {protocol}" for protocol, count in sorted(figures.by_protocol.items()))
    waited = f"the bystander asked {figures.bystander_asked:,} times and waited {figures.bystander_worst:.3f} s at most"
    lines = [
        f"{figures.requests:,} requests in {figures.seconds:.0f} s: {by_class}",
        f"by protocol: {by_protocol}",
        f"the slowest took {figures.slowest:.3f} s; {waited}",
        f"failures: {len(figures.failures)}{', and the service died' if figures.died else ''}",
        *figures.failures[:SHOWN],
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
