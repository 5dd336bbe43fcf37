"""Metrics that are read from a job's log, by expressions that anybody may write."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.jobs.metric_definitions import check_definitions, final_metrics
from sagelens.local.ports import ApiError


def request(*regexes: str) -> dict[str, Any]:
    definitions = [{"Name": f"m{number}", "Regex": regex} for number, regex in enumerate(regexes)]
    return {"AlgorithmSpecification": {"MetricDefinitions": definitions}}


def found(path: Path, text: str, *regexes: str) -> dict[str, float]:
    path.write_text(text, encoding="utf-8", newline="")
    metrics = asyncio.run(final_metrics(request(*regexes), path, 7.0))
    assert all(metric["Timestamp"] == 7.0 for metric in metrics)
    return {metric["MetricName"]: metric["Value"] for metric in metrics}


def test_the_last_value_in_the_log_counts(tmp_path: Path) -> None:
    log = "auc=0.5 auc=0.6\r\nloss=9\nauc=0.7 auc=0.8\nauc=\nauc=nan auc=inf\nend"

    assert found(tmp_path / "log", log, "auc=([0-9.a-z]+)", r"^loss=(\d+)$", "none=(.)", "auc=") == {"m0": 0.8, "m1": 9.0}


def test_a_value_is_found_however_much_follows_it(tmp_path: Path) -> None:
    log = "auc=0.5\n" + ("x" * 99 + "\n") * 50_000 + "y" * 3_000_000 + "\nend\n"

    assert found(tmp_path / "log", log, "auc=([0-9.]+)") == {"m0": 0.5}


def test_a_log_without_a_line_has_no_values(tmp_path: Path) -> None:
    assert found(tmp_path / "log", "", "(.)") == {}
    assert asyncio.run(final_metrics(request("(.)"), tmp_path / "missing", 7.0)) == []


@pytest.mark.parametrize("evil", ["(a+)+c", "(.*)*c"])
def test_an_expression_that_takes_for_ever_is_given_up_and_the_log_says_so(tmp_path: Path, evil: str) -> None:
    async def scenario() -> tuple[list[Any], float]:
        worst = 0.0
        reading = asyncio.create_task(final_metrics(request("x=(.)", evil, "y=(.)"), tmp_path / "log", 7.0))
        while not reading.done():
            began = time.thread_time()
            await asyncio.sleep(0.01)
            worst = max(worst, time.thread_time() - began)
        return reading.result(), worst

    (tmp_path / "log").write_text(f"x=1\ny=2\n{'a' * 40}b\n")
    metrics, worst = asyncio.run(scenario())

    assert [(metric["MetricName"], metric["Value"]) for metric in metrics] == [("m0", 1.0), ("m2", 2.0)]
    assert f"metric 'm1' is not known: its Regex '{evil}' was given up" in (tmp_path / "log").read_text()
    assert worst < 0.5  # whoever else is served waits for none of it


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        ("(", "unterminated"),
        ("(" * 2000 + ")" * 2000, "nested too deep"),
        ("a{99999999999999999999}", "too large"),
        ("(?P<a>x)(?P<a>y)", "redefinition"),
        ("(?<=a+)b", "fixed-width"),
    ],
)
def test_an_expression_that_cannot_be_read_is_refused(regex: str, why: str) -> None:
    with pytest.raises(ApiError, match=why) as refused:
        asyncio.run(check_definitions(request("fine", regex)))

    assert (refused.value.code, refused.value.status) == ("ValidationException", 400)
    assert "metric 'm1'" in refused.value.message


def test_a_job_without_definitions_is_not_held_up() -> None:
    asyncio.run(check_definitions({}))
    asyncio.run(check_definitions({"AlgorithmSpecification": {}}))
