"""The load generator tells one answer from none and from two."""

from __future__ import annotations

import json
import re
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelens.testing.load import Answer, Load, Plan

NUMBER = re.compile(rb'\{"request":(\d+)\}')
PREDICTION = b'{"predictions": [{"score": 0.25, "label": false}]}'


class Handler(socketserver.StreamRequestHandler):
    """Answers each request as the server's `behave` says: with so many answers, or by closing the connection for none."""

    def handle(self) -> None:
        buffer = b""
        while data := self.request.recv(65536):
            buffer += data
            while found := NUMBER.search(buffer):
                buffer = buffer[found.end() :]
                if not self.answer(int(found.group(1))):
                    return

    def answer(self, number: int) -> bool:
        assert isinstance(self.server, Server)
        self.server.seen.append(number)
        times = self.server.behave(number)
        head = b"HTTP/1.1 200 OK\r\nx-Amzn-Invoked-Production-Variant: AllTraffic\r\nContent-Length: %d\r\n\r\n" % len(PREDICTION)
        self.request.sendall((head + PREDICTION) * times)
        return times > 0


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    behave: Callable[[int], int] = staticmethod(lambda number: 1)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[int] = []


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def loaded(server: Server, folder: Path, *, requests: int = 25) -> list[Answer]:
    """What became of the requests, at 50 a second, until the server has seen so many."""
    port = server.server_address[1]
    plan = Plan(port=port, access_key="KEY", region="us-east-1", endpoints=("flights",), rate=50, connections=4, timeout=60)
    with Load(plan, folder / "answers.jsonl") as load:
        until = time.monotonic() + 60
        while len(server.seen) < requests and time.monotonic() < until:
            time.sleep(0.01)
    return list(load.answers())


def test_every_request_is_recorded_with_its_answer(server: Server, tmp_path: Path) -> None:
    answers = loaded(server, tmp_path)

    assert sorted(answer.request for answer in answers) == sorted(server.seen) == list(range(1, len(answers) + 1))
    assert {(answer.status, answer.variant, answer.score) for answer in answers} == {(200, "AllTraffic", 0.25)}
    assert all(answer.sent <= answer.answered for answer in answers)


def test_the_rate_is_not_exceeded(server: Server, tmp_path: Path) -> None:
    answers = loaded(server, tmp_path)

    span = max(answer.sent for answer in answers) - min(answer.sent for answer in answers)
    assert 2 < len(answers) <= span * 50 + 2


def test_a_request_without_an_answer_is_recorded_and_not_sent_again(server: Server, tmp_path: Path) -> None:
    server.behave = lambda number: 0 if number == 5 else 1

    answers = loaded(server, tmp_path)

    (silent,) = (answer for answer in answers if answer.status == 0)
    assert (silent.request, server.seen.count(5)) == (5, 1)
    assert "end of stream" in silent.body


def test_a_second_answer_is_recorded(server: Server, tmp_path: Path) -> None:
    server.behave = lambda number: 2 if number == 5 else 1

    answers = loaded(server, tmp_path)

    assert any(answer.status == 0 and "a second answer" in answer.body for answer in answers)


def test_a_service_that_is_not_there_is_a_failure_of_each_request(server: Server, tmp_path: Path) -> None:
    plan = Plan(port=1, access_key="KEY", region="us-east-1", endpoints=("flights",), rate=20)
    with Load(plan, tmp_path / "answers.jsonl") as load:
        until = time.monotonic() + 60
        while not list(load.answers()) and time.monotonic() < until:
            time.sleep(0.01)

    answers = list(load.answers())
    assert {answer.status for answer in answers} == {0}
    assert "ConnectionRefusedError" in answers[0].body


def test_an_answer_that_is_no_prediction_has_no_score() -> None:
    error = Answer(1, "flights", 0.0, 1.0, 424, "", json.dumps({"Message": "no"}))

    assert error.score is None


def test_what_keeps_the_generator_from_running_is_measured(server: Server, tmp_path: Path) -> None:
    plan = Plan(port=server.server_address[1], access_key="KEY", region="us-east-1", endpoints=("flights",), rate=50)
    with Load(plan, tmp_path / "answers.jsonl") as load:
        until = time.monotonic() + 60
        while not server.seen and time.monotonic() < until:
            time.sleep(0.01)
        assert load._process is not None
        stopped = time.time()
        load._process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        load._process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 60
        while not _after(load, stopped) and time.monotonic() < until:
            time.sleep(0.02)

    (stall, *_) = _after(load, stopped)
    assert stall.began < stall.ended


def _after(load: Load, moment: float) -> list[Any]:
    """The stalls of more than half a second that began then or later; it takes a tenth of one for the generator to notice."""
    return [stall for stall in load.stalls() if stall.seconds > 0.5 and stall.began > moment - 0.1]
