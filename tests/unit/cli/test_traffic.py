"""Rows from files, a steady rate, and counts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from sagelens.cli.app import run_app
from sagelens.cli.commands.traffic import _SENDERS, Tally, read_rows, send
from sagelens.errors import BadInput

ROWS = [{"hour": 7}, {"hour": 18}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"instances": ROWS}),
        json.dumps(ROWS),
        "\n".join(map(json.dumps, ROWS)),
        "\n\n".join(map(json.dumps, ROWS)) + "\n",
    ],
)
def test_rows_are_read_from_a_request_a_list_or_json_lines(text: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text(text)

    assert read_rows(tmp_path / "rows") == ROWS


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no rows"), ("[]", "no rows"), ("[1]", "no rows"), ('{"a": 1}\nnonsense', "line 2"), ('{"instances": 3}', "no rows")],
)
def test_a_file_without_rows_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text(text)

    with pytest.raises(BadInput, match=said):
        read_rows(tmp_path / "rows")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_rows(tmp_path / "nothing")


@pytest.mark.parametrize("option", [["--rate", "0"], ["--rate", "5000"], ["--seconds", "0"], ["--seconds", "1e9"]])
def test_traffic_without_bounds_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["traffic", "delays", "rows.json", *option]) == 2
    assert "are allowed" in capsys.readouterr().err


def test_every_request_is_sent_once_and_none_after_the_end() -> None:
    sent: list[int] = []
    lock = threading.Lock()

    def ask(number: int) -> None:
        with lock:
            sent.append(number)

    send(ask, rate=400, seconds=0.1, clock=lambda: 5.0)

    assert sorted(sent) == list(range(40))


def test_slow_answers_do_not_hold_up_the_end() -> None:
    """Each takes half of the time that there is: whoever has one then asks once more, and no more after that."""
    sent: list[int] = []

    def ask(number: int) -> None:
        sent.append(number)  # one operation, whichever thread does it

    send(ask, rate=1000, seconds=0.2, clock=lambda: 0.1 * len(sent))

    assert 2 <= len(sent) <= 2 + _SENDERS


def test_a_failure_of_a_sender_is_raised() -> None:
    def ask(_: int) -> None:
        raise BadInput("no")

    with pytest.raises(BadInput):
        send(ask, rate=100, seconds=5)


def test_answers_are_counted_by_variant_and_errors_by_what_was_said() -> None:
    tally = Tally()
    for variant, seconds in (("AllTraffic", 0.010), ("AllTraffic", 0.020), ("v2", 0.030)):
        tally.answered(variant, seconds)
    tally.failed("ModelError: no")

    found: dict[str, Any] = tally.to_json()

    assert found["requests"] == 4
    assert found["answers"] == {"AllTraffic": 2, "v2": 1}
    assert found["errors"] == {"ModelError: no": 1}
    assert (found["p50_ms"], found["p99_ms"]) == (20.0, 30.0)
