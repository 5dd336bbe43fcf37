"""One raw row a request at one worker of our model server, of `mlflow models serve` and of BentoML, side by side in one run.

Usage: python benchmarks/peers.py [--rounds 5] [--seconds 1.5] [--clients 16] [--bentoml PYTHON] [--json FILE]

All three serve the same packaged model (that of `benchmarks/serving.py`) through the same `Servable`, transform included, so what
differs is the server alone: ours as it ships, MLflow's pyfunc with `dataframe_records`, a BentoML service of one method. Each
has one worker and the same load generator, a process of its own on the same cores. Rounds are interleaved; the figures are
medians over the rounds, and the ratios compare within a run. BentoML does not install beside the pins: give the interpreter of an
environment that has it (`pip install 'bentoml>=1.4'`), and our libraries are put behind its own. Without it the table has no
row of BentoML's.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router import environment, generated
from serving import ROOT, package

PATIENCE = 120
"""Seconds that a server may take to answer its first row."""

MLFLOW_MODEL = """
from pathlib import Path

import mlflow


class Flights(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        from sagelens.serving import Servable

        self.servable = Servable.load(Path(context.model_config["folder"]))

    def predict(self, context, model_input, params=None):
        rows = [{name: value for name, value in row.items() if value == value} for row in model_input.to_dict("records")]
        return self.servable.predict_rows(rows).tolist()


mlflow.models.set_model(Flights())
"""

BENTO_SERVICE = """
import os
import sys
from pathlib import Path

sys.path.extend(os.environ["PEERS_LIBRARIES"].split(os.pathsep))

import bentoml


@bentoml.service(workers=1)
class Flights:
    def __init__(self) -> None:
        from sagelens.serving import Servable

        self.servable = Servable.load(Path(os.environ["PEERS_SERVABLE"]))

    @bentoml.api
    def predict(self, row: dict) -> list[float]:
        return self.servable.predict_rows([row]).tolist()
"""


@dataclass(frozen=True)
class Peer:
    """A server that listens, and the requests that it understands."""

    name: str
    port: int
    path: str
    requests: Path

    def ask(self, clients: int, seconds: float) -> dict[str, float]:
        return generated(self.port, self.requests, clients, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one measurement")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--bentoml", type=Path, help="the interpreter of an environment with BentoML")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelens-bench-") as folder, ExitStack() as running:
        work = Path(folder)
        servable = package(work).resolve()
        rows = [json.loads(line) for line in (work / "rows.jsonl").read_bytes().splitlines()]
        peers = [running.enter_context(ours(servable, rows, work)), running.enter_context(mlflow(servable, rows, work))]
        if given.bentoml:
            peers.append(running.enter_context(bentoml(given.bentoml, servable, rows, work)))
        figures = measure(peers, given)
    text = json.dumps(figures, indent=1)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)
    print(table(figures))


def measure(peers: list[Peer], given: argparse.Namespace) -> dict[str, Any]:
    runs: dict[str, dict[str, list[float]]] = {}
    for _ in range(given.rounds):
        for peer in peers:
            one, many = peer.ask(1, given.seconds), peer.ask(given.clients, given.seconds)
            kept = runs.setdefault(peer.name, {"p50_ms": [], "p99_ms": [], "requests_per_second": []})
            kept["p50_ms"].append(one["p50_ms"])
            kept["p99_ms"].append(one["p99_ms"])
            kept["requests_per_second"].append(many["requests_per_second"])
    medians = {name: {what: statistics.median(values) for what, values in kept.items()} for name, kept in runs.items()}
    rate = medians["sagelens"]["requests_per_second"]
    return {
        "medians": medians,
        "times": {name: round(rate / found["requests_per_second"], 1) for name, found in medians.items()},
        "clients": given.clients,
        "rounds": given.rounds,
        "load_average": os.getloadavg()[0],
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"| one worker each | p50, ms, 1 client | p99, ms | requests/s, {figures['clients']} clients | ours against it |",
        "|---|---|---|---|---|",
    ]
    for name, found in figures["medians"].items():
        rate, times = found["requests_per_second"], figures["times"][name]
        lines.append(f"| {name} | {found['p50_ms']:.2f} | {found['p99_ms']:.1f} | {rate:,.0f} | {times:.1f} x |")
    return "\n".join(lines)


@contextmanager
def ours(servable: Path, rows: list[dict[str, Any]], work: Path) -> Iterator[Peer]:
    root, port = work / "ours", free_port()
    (root / "opt" / "ml").mkdir(parents=True)
    (root / "opt" / "ml" / "model").symlink_to(servable)
    variables = {"SAGELENS_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": str(port)}
    variables["PYTHONPATH"] = os.pathsep.join((str(servable / "code"), str(ROOT)))
    peer = Peer("sagelens", port, "/invocations", written(work / "ours.json", "/invocations", rows))
    with serving([sys.executable, "-m", "sagelens.serving"], variables, root):
        yield answering(peer, rows[0])


@contextmanager
def mlflow(servable: Path, rows: list[dict[str, Any]], work: Path) -> Iterator[Peer]:
    import mlflow as library

    script, saved, port = work / "pyfunc.py", work / "pyfunc", free_port()
    script.write_text(MLFLOW_MODEL)
    path = os.pathsep.join((str(servable / "code"), str(ROOT)))
    sys.path[:0] = path.split(os.pathsep)
    config = {"folder": str(servable)}
    library.pyfunc.save_model(saved, python_model=str(script), model_config=config, pip_requirements=[])
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "--model-uri", str(saved), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--env-manager", "local", "--workers", "1"]
    variables = {"PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    bodies = [{"dataframe_records": [row]} for row in rows]
    peer = Peer("mlflow models serve", port, "/invocations", written(work / "mlflow.json", "/invocations", bodies))
    with serving(command, variables | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, work):
        yield answering(peer, bodies[0])


@contextmanager
def bentoml(python: Path, servable: Path, rows: list[dict[str, Any]], work: Path) -> Iterator[Peer]:
    folder, port = work / "bento", free_port()
    folder.mkdir()
    (folder / "service.py").write_text(BENTO_SERVICE)
    libraries = [str(servable / "code"), str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    variables = {"PEERS_LIBRARIES": os.pathsep.join(libraries), "PEERS_SERVABLE": str(servable)}
    command = [str(python), "-m", "bentoml", "serve", "service:Flights", "--host", "127.0.0.1", "--port", str(port)]
    bodies = [{"row": row} for row in rows]
    peer = Peer("BentoML", port, "/predict", written(work / "bento.json", "/predict", bodies))
    with serving(command, variables | {"BENTOML_DO_NOT_TRACK": "true"}, folder):
        yield answering(peer, bodies[0])


@contextmanager
def serving(command: list[str], variables: dict[str, str], folder: Path) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, env=environment() | variables, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield
        except TimeoutError as error:
            raise SystemExit(f"{error}\n{log.read_text()[-3000:]}") from error
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            started.wait(timeout=30)


def answering(peer: Peer, body: dict[str, Any]) -> Peer:
    """The peer, once it answers a row."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{peer.port}{peer.path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    end, said = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(request, timeout=10):
                return peer
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
        except OSError as error:
            said = str(error)
        time.sleep(0.2)
    raise TimeoutError(f"{peer.name} did not answer a row within {PATIENCE} s: {said}")


def written(file: Path, path: str, bodies: list[dict[str, Any]]) -> Path:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    texts = [json.dumps(body) for body in bodies]
    file.write_text(json.dumps([f"{head}{len(text)}\r\n\r\n{text}" for text in texts]))
    return file


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
