"""The server as a client sees it: a real process behind a real socket."""

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from sagelens.serving import Servable, verified
from sagelens.serving.manifest import write_manifest

JSON = "application/json"
PARQUET = "application/x-parquet"
ARROW = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]

    def ask(
        self, body: Any, media: str = JSON, *, accept: str | None = None, path: str = "/invocations"
    ) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"Content-Type": media, **({"Accept": accept} if accept else {})}
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        found = (answer.status, answer.headers["content-type"], answer.read())
        connection.close()
        return found

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status


def start(model: Path, root: Path, **environment: str) -> Server:
    (root / "opt" / "ml").mkdir(parents=True)
    (root / "opt" / "ml" / "model").symlink_to(model)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"SAGELENS_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": str(port), **environment}
    command = [sys.executable, "-I", verified.__file__]  # as the image's `serve` does
    process = subprocess.Popen(command, env={**os.environ, **settings}, cwd=root, stderr=subprocess.PIPE, text=True)
    return Server(int(settings["SAGEMAKER_BIND_TO_PORT"]), process)


def wait(server: Server) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.process.poll() is None:
        try:
            if server.get("/ping") == 200:
                return
        except ConnectionRefusedError:
            time.sleep(0.02)
    assert server.process.stderr is not None
    raise AssertionError(f"the server did not start: {server.process.stderr.read()}")


def stop(server: Server) -> tuple[int, str]:
    """The exit code, and what the server said."""
    server.process.send_signal(signal.SIGTERM)
    _, said = server.process.communicate(timeout=40)
    return server.process.returncode, said


def test_a_server_that_still_loads_its_model_ends_when_asked_to(packaged: Path, tmp_path: Path) -> None:
    model, pipe = tmp_path / "model", tmp_path / "pipe"
    shutil.copytree(packaged, model)
    os.mkfifo(pipe)
    (model / "code" / "steps" / "features.py").write_text(f"open({str(pipe)!r}).read()\n")
    write_manifest(model)
    loading = start(model, tmp_path / "root")
    writer = opened_by(loading, pipe)

    code, _ = stop(loading)
    os.close(writer)

    assert code == 128 + signal.SIGTERM


def opened_by(server: Server, pipe: Path) -> int:
    """Wait until the server reads from the pipe; the pipe's other end."""
    end = time.monotonic() + 60
    while time.monotonic() < end and server.process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the server does not load its model")


@pytest.fixture(scope="module")
def server(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(packaged, tmp_path_factory.mktemp("root"), SAGEMAKER_MAX_PAYLOAD_IN_MB="2")
    try:
        wait(running)
        yield running
    finally:
        stop(running)


@pytest.fixture(scope="module")
def answer(servable: Servable, sample: list[dict[str, Any]]) -> dict[str, Any]:
    scores = servable.predict_rows(sample)
    return {"predictions": [{"score": s, "label": v} for s, v in zip(scores.tolist(), servable.labels(scores), strict=True)]}


def test_json_in_each_of_its_shapes(server: Server, sample: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    for body, expected in (({"instances": sample}, 5), (sample, 5), (sample[0], 1), ([], 0)):
        status, media, content = server.ask(body)
        assert (status, media) == (200, JSON)
        assert json.loads(content) == {"predictions": answer["predictions"][:expected]}


def test_a_kept_connection_outlasts_the_pauses_of_its_clients(server: Server, sample: list[dict[str, Any]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.auto_open = 0
    connection.connect()
    for pause in (0.0, 5.5):
        time.sleep(pause)
        connection.request("POST", "/invocations", json.dumps(sample).encode(), {"Content-Type": JSON})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()


def test_json_lines(server: Server, sample: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    status, media, content = server.ask("\n".join(json.dumps(row) for row in sample), "application/jsonlines")

    assert (status, media) == (200, "application/jsonlines")
    assert [json.loads(line) for line in content.splitlines()] == answer["predictions"]


@pytest.mark.parametrize("header", [True, False])
def test_csv_with_a_header_or_in_the_order_of_the_schema(
    server: Server, servable: Servable, sample: list[dict[str, Any]], answer: dict[str, Any], *, header: bool
) -> None:
    names = list(servable.schema.fields)
    names = names[::-1] if header else names
    lines = [",".join("" if row[name] is None else str(row[name]) for name in names) for row in sample]
    status, media, content = server.ask("\n".join(([",".join(names)] if header else []) + lines), "text/csv; charset=utf-8")

    assert (status, media) == (200, "text/csv")
    assert [float(line) for line in content.splitlines()] == [prediction["score"] for prediction in answer["predictions"]]


def test_parquet_and_arrow(server: Server, servable: Servable, make_flights: Callable[[int, int], pa.Table]) -> None:
    table = make_flights(700, 4).drop_columns(["late", "flight", "visib"])
    expected = servable.predict_table(table)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pyarrow.parquet.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as stream:
        stream.write_table(table)

    as_parquet = pyarrow.parquet.read_table(io.BytesIO(server.ask(parquet.getvalue(), PARQUET)[2]))
    with pa.ipc.open_stream(server.ask(arrow.getvalue(), ARROW)[2]) as stream:
        as_arrow = stream.read_all()

    assert as_parquet.column("score").to_pylist() == as_arrow.column("score").to_pylist() == expected.tolist()
    assert as_parquet.column("label").to_pylist() == as_arrow.column("label").to_pylist() == servable.labels(expected)


@pytest.mark.parametrize(
    ("accept", "media"), [("text/csv", "text/csv"), ("*/*", JSON), ("image/png, text/csv;q=0.5", "text/csv"), (PARQUET, PARQUET)]
)
def test_the_answer_is_of_the_type_that_the_client_accepts(
    server: Server, sample: list[dict[str, Any]], accept: str, media: str
) -> None:
    assert server.ask(sample, accept=accept)[:2] == (200, media)


@pytest.mark.parametrize(
    ("body", "media", "expected"),
    [
        ("{", JSON, {"field": None, "row": None}),
        ("7", JSON, {"field": None, "row": None}),
        ("[7]", JSON, {"field": None, "row": 0}),
        ('{"instances": 7}', JSON, {"field": None, "row": None}),
        ('{"carrier": "UA"}', JSON, {"field": "year", "row": 0}),
        ("{}\n{", "application/jsonlines", {"field": None, "row": 1}),
        ("", "text/csv", {"field": None, "row": None}),
        ("1,2", "text/csv", {"field": None, "row": 0}),
        ("\xff".encode("latin-1"), "text/csv", {"field": None, "row": None}),
        ("no parquet", PARQUET, {"field": None, "row": None}),
        ("no arrow", ARROW, {"field": None, "row": None}),
    ],
)
def test_what_cannot_be_read_gets_a_400_that_says_where(
    server: Server, body: str | bytes, media: str, expected: dict[str, Any]
) -> None:
    status, answered, content = server.ask(body, media)
    details = json.loads(content)

    assert (status, answered) == (400, JSON)
    assert details.pop("error")
    assert details == expected


def test_a_wrong_csv_cell_is_named(server: Server, sample: list[dict[str, Any]]) -> None:
    row = {**sample[0], "hour": "noon"}
    status, _, content = server.ask(",".join(row) + "\n" + ",".join(str(v) for v in row.values()), "text/csv")

    assert (status, json.loads(content)["field"], json.loads(content)["row"]) == (400, "hour", 0)


def test_what_the_server_does_not_do(server: Server, sample: list[dict[str, Any]]) -> None:
    assert server.ask(sample, "application/x-pickle")[0] == 415
    assert server.ask(sample, accept="image/png")[0] == 406
    assert server.ask(b" " * (2 * 1024 * 1024 + 1))[0] == 413
    assert server.ask(sample, path="/ping")[0] == 405
    assert server.get("/invocations") == 405
    assert server.get("/models") == 404


def test_ping_answers_while_a_large_batch_is_scored(server: Server, make_flights: Callable[[int, int], pa.Table]) -> None:
    rows = make_flights(4000, 5).drop_columns(["late"]).to_pylist()
    body = "\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows)
    statuses: list[int] = []
    asking = threading.Thread(target=lambda: statuses.append(server.ask(body, "application/jsonlines")[0]))
    asking.start()
    pings = []
    while asking.is_alive():
        pings.append(server.get("/ping"))
    asking.join()

    assert statuses == [200]
    assert len(pings) > 1
    assert set(pings) == {200}


def test_sigterm_finishes_what_was_taken_and_ends_with_0(
    packaged: Path, tmp_path: Path, make_flights: Callable[[int, int], pa.Table]
) -> None:
    server = start(packaged, tmp_path)
    wait(server)
    rows = make_flights(20000, 6).drop_columns(["late"])
    sink = io.BytesIO()
    pyarrow.parquet.write_table(rows, sink)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/invocations")
    length = str(len(sink.getvalue()))
    for name, value in {
        "Content-Type": PARQUET,
        "Accept": "text/csv",
        "Content-Length": length,
        "Expect": "100-continue",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    told = connection.sock.recv(25, socket.MSG_WAITALL)  # the request is taken, and its body waited for

    server.process.send_signal(signal.SIGTERM)
    connection.send(sink.getvalue())
    answered = connection.getresponse()
    body = answered.read()
    _, said = server.process.communicate(timeout=60)

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answered.status == 200
    assert len(body.splitlines()) == 20000
    assert server.process.returncode == 0
    assert said.splitlines()[-1] == "Serving ended: SIGTERM"
    connection.close()


def failed(server: Server) -> tuple[int, str]:
    _, errors = server.process.communicate(timeout=60)
    return server.process.returncode, errors


def test_a_model_that_is_not_the_expected_one_is_not_served(packaged: Path, tmp_path: Path) -> None:
    code, errors = failed(start(packaged, tmp_path, SAGELENS_MODEL_DIGEST="0" * 64))

    assert code == 8
    assert errors.startswith("refused: The model in ")


def test_a_port_in_use_is_named(packaged: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, errors = failed(start(packaged, tmp_path, SAGEMAKER_BIND_TO_PORT=port))

    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors
