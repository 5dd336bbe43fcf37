"""The page of runs: what it shows, and who may read it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagelens.cli.ui.page import error_page, runs_page
from sagelens.cli.ui.pages import Pages
from sagelens.cli.ui.runs import TrackedRun, tracked_runs
from sagelens.errors import BadInput

MLFLOW = "http://127.0.0.1:1234"


def run(execution: str, pipeline: str = "flights-training", **more: Any) -> TrackedRun:
    known: dict[str, Any] = {
        "status": "Succeeded",
        "started": 1.0,
        "seconds": 2.0,
        "experiment_id": "7",
        "run_id": f"id-{execution}",
    }
    return TrackedRun(execution=execution, pipeline=pipeline, **known | more)


def tracked(number: int, **more: Any) -> dict[str, Any]:
    tags = {"sagelens.execution_id": f"run{number}", "sagelens.pipeline": "p", "sagelens.status": "Failed"}
    return {
        "info": {"run_id": f"id{number}", "experiment_id": "7", "start_time": 1000, "end_time": 3500, "status": "FAILED"} | more,
        "data": {
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
            "metrics": [{"key": "roc_auc", "value": 0.5}, {"key": "origin=EWR/roc_auc", "value": 0.4}],
        },
    }


class Mlflow:
    """Its REST API, with two pages of runs."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if path == "experiments/search":
            return {"experiments": [{"experiment_id": "7"}, {"experiment_id": "8"}]}
        self.asked.append(body)
        if "page_token" in body:
            return {"runs": [tracked(2)]}
        return {"runs": [tracked(1, end_time=None)], "next_page_token": "more"}


def test_runs_are_those_of_executions_with_figures_of_the_whole() -> None:
    mlflow = Mlflow()
    first, second = tracked_runs(mlflow)

    assert (first.execution, first.seconds, second.execution, second.seconds) == ("run1", None, "run2", 2.5)
    assert dict(second.metrics) == {"roc_auc": 0.5}
    assert second.status == "Failed"
    assert all(asked["experiment_ids"] == ["7", "8"] and "sagelens.execution_id" in asked["filter"] for asked in mlflow.asked)


def test_without_experiments_there_are_no_runs() -> None:
    assert tracked_runs(lambda *_: {}) == []


def test_each_run_has_its_figures_and_leads_to_its_page_in_mlflow() -> None:
    runs = [
        run("d", "flights-deployment"),
        run("a", metrics={"zeta": 1.0, "roc_auc": 0.68769}),
        run("b", metrics={"roc_auc": 0.5}),
    ]
    page = runs_page("flights", runs, mlflow=MLFLOW, reports={"a"})

    assert page.index("flights-training") < page.index("flights-deployment")
    assert page.index(">roc_auc<") < page.index(">zeta<")
    assert f'href="{MLFLOW}/#/experiments/7/runs/id-a"' in page
    assert ">0.6877<" in page
    assert page.count("/reports/") == page.count("/reports/a.html") == 1
    assert "<script" not in page


def test_no_name_becomes_markup() -> None:
    evil = "<img src=x onerror=alert(1)>\"'"
    page = runs_page(evil, [run(evil, evil, status=evil, metrics={evil: 1.0}, run_id=evil)], mlflow=MLFLOW, reports={evil})

    assert "<img" not in page + error_page(evil, evil)
    assert "\"'" not in page


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "abc.html").write_text("a report")
    (tmp_path / "mlflow.db").write_text("secret")
    with closing(Pages(0)) as served:
        served.serve(lambda: "the runs", tmp_path / "reports")
        yield served


def ask(pages: Pages, path: str, *, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    port = int(pages.address.rpartition(":")[2])
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_the_page_and_reports_are_served(pages: Pages) -> None:
    assert ask(pages, "/") == (200, "the runs")
    assert ask(pages, "/reports/abc.html") == (200, "a report")


@pytest.mark.parametrize(
    "path", ["/reports/../mlflow.db", "/reports/%2e%2e/mlflow.db", "/reports/abc.html/", "/mlflow.db", "//x/", "/reports/"]
)
def test_nothing_else_is(pages: Pages, path: str) -> None:
    assert ask(pages, path)[0] == 404


def test_a_name_that_was_made_to_lead_here_is_refused(pages: Pages) -> None:
    assert ask(pages, "/", host="evil.example:80")[0] == 403
    assert ask(pages, "/", method="POST")[0] == 501


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadInput, match="Name another with --port"):
            Pages(taken.getsockname()[1])


def test_it_listens_on_loopback_alone(pages: Pages) -> None:
    assert pages.address.startswith("http://127.0.0.1:")
