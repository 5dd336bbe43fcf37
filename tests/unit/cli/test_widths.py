"""At 80, 100 and 200 columns every line fits, and no state and no time is cut."""

from __future__ import annotations

import io
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from sagelens.cli import screen
from sagelens.cli.commands import endpoints as endpoint_commands
from sagelens.cli.deployment_view import picture
from sagelens.cli.deployment_watch import Sight
from sagelens.cli.screen import cells, labelled, reflow, shorten, table, wrap
from sagelens.cli.step_lines import columns_of, step_lines
from sagelens.cli.summary import print_execution, print_summary
from sagelens.cli.view import _picture
from sagelens.text.hint import hint
from tests.unit.cli.conftest import record_of
from tests.unit.report.example import START
from tests.unit.report.rollouts import BEGINNING

WIDTHS = (80, 100, 200)
LONG = "prepare-" + "the-flights-and-the-weather-of-the-hour-before-departure-" * 5
NAME = LONG[:256]  # as long as SageMaker allows
REASON = "config changed: " + ", ".join(f"features.derived.{name} 1.5 -> 2.5" for name in "abcdefghijkl")
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}/execution/abcdefghijkl"


def step(name: str = NAME, status: str = "Succeeded", seconds: float | None = 12345.67, **more: Any) -> dict[str, Any]:
    known = {"name": name, "type": "Processing", "phase": "data-quality", "status": status, "seconds": seconds, "started": 1.0}
    return {**known, "job_arn": "arn:x", "failure": None, "cache": "miss", "cache_miss_reason": REASON, "outcome": None, **more}


def document(*steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "pipeline": f"flights-{NAME}"[:256],
        "execution_arn": ARN,
        "execution_id": "abcdefghijkl",
        "status": "Failed",
        "error": {"kind": "step-failed", "step": "frame", "message": REASON},
        "failure_reason": f"Step '{NAME}' failed: {REASON}",
        "started": 1.0,
        "finished": 2.0,
        "steps": list(steps),
    }


STEPS = (
    step(),
    step("frame", "Failed", 0.02, failure={"kind": "step-failed", "message": f"KeyError: {REASON}"}),
    step("train", "Executing", None, cache="off", cache_miss_reason=None),
    step(f"other-{NAME}"[:256], "Stopped", 999999.99),
)


def too_long(text: str, width: int) -> list[str]:
    """The lines that are wider; one that holds a single word, a path or an ARN that is of no use in part, may be."""
    return [line for line in text.splitlines() if cells(line) > width and " " in line.strip()]


@pytest.mark.parametrize("width", WIDTHS)
def test_each_steps_state_and_time_are_whole(width: int) -> None:
    columns = columns_of(STEPS, width)
    for one in STEPS:
        lines = step_lines(one, columns, REASON)
        assert not [line for line in lines if cells(line) > width]
        assert one["status"] in lines[0]
        assert one["seconds"] is None or f"{one['seconds']:.2f} s" in lines[0]
        assert " ".join(" ".join(lines).split()).endswith(REASON)


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_are_told_apart_by_both_of_their_ends(width: int) -> None:
    shown = step_lines(step(), columns_of(STEPS, width), "")[0].split()[0]

    assert "…" in shown or width == 200
    assert shown.startswith(NAME[:10])
    assert shown.endswith(NAME[-10:])


@pytest.mark.parametrize("width", WIDTHS)
def test_show_fits(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_execution(document(*STEPS))
    shown = capsys.readouterr().out

    assert not [line for line in shown.splitlines() if cells(line) > width]
    assert "`sagelens debug abcdefghijkl frame`" in shown
    for one in STEPS:
        assert any(
            one["status"] in line and (one["seconds"] is None or f"{one['seconds']:.2f} s" in line) for line in shown.splitlines()
        )


@pytest.mark.parametrize("width", WIDTHS)
def test_the_live_picture_fits(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(_picture(document(*STEPS), width))

    assert not [line for line in out.getvalue().splitlines() if cells(line.rstrip()) > width]
    assert "12345.67 s" in out.getvalue()
    assert "999999.99 s" in out.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_summary_fits(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = {
        "execution_arn": ARN,
        "status": "Failed",
        "steps": [{"cache": "hit"}],
        "metrics": {"roc_auc": 0.7},
        "model_package_arn": f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{'flights-' * 7}x/3",
        "endpoint_name": "flights",
        "report": f"/srv/{'projects/' * 12}abc.html",
    }
    tracked = {"tracking": {"run_id": "f" * 32, "experiment": NAME, "problems": {"evaluate": REASON}}}
    print_summary([document(*STEPS) | tracked], result, None)

    assert not too_long(capsys.readouterr().out, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_error_breaks_between_words(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    message = f"Step 'prepare': {REASON}. {hint('debug', 'abcdefghijkl', 'prepare')} runs it again."
    screen.complain(message)
    shown = capsys.readouterr().err

    assert not [line for line in shown.splitlines() if cells(line) > width]
    assert " ".join(shown.split()) == f"sagelens: {message}"
    assert any("`sagelens debug abcdefghijkl prepare`" in line for line in shown.splitlines())


def test_a_command_longer_than_a_line_goes_on_as_a_shell_reads_it() -> None:
    command = hint("models", "approve", "3", "--reason", "it is good", "--env", NAME[:70])
    lines = wrap(f"Run {command}.", 80)
    begun = next(n for n, line in enumerate(lines) if "`" in line)
    whole = "\n".join(lines[begun:]).partition("`")[2].partition("`")[0]

    assert not [line for line in lines if cells(line) > 80]
    assert shlex.split(whole.replace("\\\n", "")) == shlex.split(command.strip("`"))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_shortens_names_alone(width: int) -> None:
    rows = [
        ("abcdefghijkl", NAME, "CompletedWithFailures", "2026-01-01T00:00:00"),
        ("b", "short", "Failed", "2026-01-02T00:00:00"),
    ]
    lines = table(rows, width, name=1)

    assert all(cells(line) <= width for line in lines)
    assert all(row[2] in line and line.endswith(row[3]) for row, line in zip(rows, lines, strict=True))


@pytest.mark.parametrize("width", WIDTHS)
def test_an_endpoint_fits(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    last = {"started": START, "kind": "deploy", "model_version": "3", "outcome": "rolled back", "strategy": [REASON]}
    row = {"endpoint_name": NAME[:63], "status": "Updating", "endpoint_config_name": NAME[:63], "pending_config_name": NAME[:60]}
    endpoint_commands._print_endpoint(row | {"last_deployment": last}, "AllTraffic x 3")
    shown = capsys.readouterr().out

    assert not [line for line in shown.splitlines() if cells(line) > width]
    assert "Updating" in shown.splitlines()[0]
    assert str(datetime.fromtimestamp(START, UTC).year) in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_a_deployment_under_way_fits(width: int) -> None:
    record = record_of(events=BEGINNING, outcome="under way", finished=None, serves="", config=f"delays-{NAME}"[:63])
    seen = Sight(endpoint="delays", now=START + 71, record=record)
    out = io.StringIO()
    Console(file=out, width=width).print(picture(seen, now=seen.now))

    assert not [line for line in out.getvalue().splitlines() if cells(line.rstrip()) > width]
    assert "req/min" in out.getvalue()
    for event in record.events[-6:]:
        assert all(word in out.getvalue() for word in event.message.split())


def test_a_pipe_gets_one_thing_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    assert screen.width_of(io.StringIO()) is None
    assert wrap(REASON, None) == [REASON]
    assert len(step_lines(step(), columns_of(STEPS, None), REASON)) == 1


def test_signs_that_take_two_columns_are_counted() -> None:
    assert cells("航班") == 4
    assert cells(shorten("航班" * 40, 21)) <= 21


def test_a_fact_that_is_one_long_word_stands_below_its_label() -> None:
    assert labelled("report", "/" + "a" * 90, 80) == ["  report", "    /" + "a" * 90]


def test_what_is_laid_out_keeps_its_columns() -> None:
    lines = reflow("  warning     " + "word " * 30, 80).splitlines()

    assert len(lines) > 1
    assert {line.index("word") for line in lines} == {14}


def test_one_long_word_of_a_table_goes_below_its_label() -> None:
    lines = reflow("  HeadObject      " + "a/" * 40, 80).splitlines()

    assert lines == ["  HeadObject", "    " + "a/" * 40]


EVIL = "a\x1b[2J\x07b\u202ec\x9bd"


@pytest.mark.parametrize("width", [None, 80])
def test_no_sign_that_a_terminal_obeys_is_printed(width: int | None) -> None:
    shown = [
        *wrap(EVIL, width),
        *labelled("x", EVIL, width),
        *table([(EVIL, EVIL)], width, name=0),
        *step_lines(step(EVIL, status="Failed"), columns_of(STEPS, width), EVIL),
        reflow(EVIL, width).rstrip("\n"),
    ]

    assert all(line.isprintable() for line in shown)
