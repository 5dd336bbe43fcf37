"""What MLflow holds of an execution."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text

from sagelens.errors import BadConfig
from sagelens.tracking import Tracked, Tracker
from sagelens.tracking.client import connect, key_of, name_of
from sagelens.tracking.sqlite import prepare_sqlite, sqlite_uri

from .conftest import ARN, PACKAGE, Bucket, artifact


def record(tracker: Tracker, bucket: Bucket) -> Tracked:
    return tracker.record(bucket.document, bucket.read_json, bucket.read_files)


@pytest.fixture
def tracker(uri: str, tmp_path: Path) -> Tracker:
    return Tracker(uri, "delays", (tmp_path / "artifacts").as_uri())


@pytest.fixture
def client(uri: str) -> Any:
    return connect(uri)


def test_one_parent_for_the_execution_and_one_child_for_each_step(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("prepare", evidence={"parameters": {"split.column": "month", "rows": 5}, "metrics": {"rows": 100.0}})
    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7, "slice/carrier/AA/roc_auc": 0.6}})
    bucket.finish()

    tracked = record(tracker, bucket)
    parent = client.get_run(tracked.run_id)
    prepare = client.get_run(tracked.steps["prepare"])

    assert tracked.experiment == "delays"
    assert tracked.steps.keys() == {"prepare", "train"}
    assert parent.info.status == "FINISHED"
    assert (parent.info.start_time, parent.info.end_time) == (1_000_000, 1_020_000)
    assert parent.data.params == {"Rows": "10"}
    assert parent.data.metrics == {"rows": 100.0, "roc_auc": 0.7}
    assert parent.data.tags["sagelens.execution_arn"] == ARN
    assert prepare.data.tags["mlflow.parentRunId"] == tracked.run_id
    assert prepare.data.tags["sagelens.step"] == "prepare"
    assert prepare.data.tags["sagelens.phase"] == "preparation"
    assert prepare.data.tags["sagelens.cache"] == "miss"
    assert prepare.data.tags["sagelens.code_digest"] == "c" * 64
    assert prepare.data.params == {"split.column": "month", "rows": "5"}
    assert prepare.data.metrics["step/seconds"] == 2.5
    assert (prepare.info.start_time, prepare.info.end_time) == (1_001_000, 1_003_500)
    assert client.get_run(tracked.steps["train"]).data.metrics["slice/carrier/AA/roc_auc"] == 0.6


def test_recording_again_adds_nothing_and_a_new_tracker_finds_the_runs(
    tracker: Tracker, bucket: Bucket, client: Any, uri: str
) -> None:
    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}, "parameters": {"depth": 3}})
    bucket.finish()

    first = record(tracker, bucket)
    again = record(tracker, bucket)
    elsewhere = record(Tracker(uri, "delays"), bucket)
    experiment = client.get_experiment_by_name("delays").experiment_id

    assert first == again == elsewhere
    assert len(client.search_runs([experiment])) == 2
    assert len(client.get_metric_history(first.steps["train"], "roc_auc")) == 1


def test_a_step_is_written_as_soon_as_it_ends(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    running = bucket.step("train", status="Executing")
    started = record(tracker, bucket)
    before = client.get_run(started.steps["train"])
    bucket.document["steps"].remove(running)
    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}})
    record(tracker, bucket)
    after = client.get_run(started.steps["train"])

    assert before.info.status == "RUNNING"
    assert after.info.status == "FINISHED"
    assert after.data.metrics["roc_auc"] == 0.7
    assert client.get_run(started.run_id).info.status == "RUNNING"


def test_a_run_that_was_cut_off_is_completed_by_the_next_writer(tracker: Tracker, bucket: Bucket, client: Any, uri: str) -> None:
    running = bucket.step("train", status="Executing")
    cut_off = record(tracker, bucket)
    bucket.document["steps"].remove(running)
    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}})

    record(Tracker(uri, "delays"), bucket)

    assert client.get_run(cut_off.steps["train"]).info.status == "FINISHED"
    assert client.get_run(cut_off.steps["train"]).data.metrics["roc_auc"] == 0.7


@pytest.mark.parametrize(("status", "word"), [("Succeeded", "FINISHED"), ("Failed", "FAILED"), ("Stopped", "KILLED")])
def test_the_end_of_an_execution_in_mlflows_words(tracker: Tracker, bucket: Bucket, client: Any, status: str, word: str) -> None:
    failure = {"kind": "data-gate", "message": "carrier is unknown"} if status == "Failed" else None
    bucket.step("prepare", status=status, failure=failure)
    bucket.finish(status, failure_reason=failure and "Step failure: carrier is unknown")

    tracked = record(tracker, bucket)
    step = client.get_run(tracked.steps["prepare"])

    assert client.get_run(tracked.run_id).info.status == word
    assert step.info.status == word
    assert step.data.tags.get("sagelens.failure") == (failure and "data-gate: carrier is unknown")


def test_a_retried_step_ends_anew(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("train", status="Failed", evidence={"parameters": {"depth": 3}})
    bucket.finish("Failed")
    record(tracker, bucket)
    bucket.document |= {"status": "Succeeded", "steps": []}
    bucket.step("train", finished=1030.0, evidence={"parameters": {"depth": 3}, "metrics": {"roc_auc": 0.7}})

    tracked = record(tracker, bucket)

    assert client.get_run(tracked.steps["train"]).info.status == "FINISHED"
    assert client.get_run(tracked.steps["train"]).info.end_time == 1_030_000
    assert client.get_run(tracked.run_id).info.status == "FINISHED"


def test_a_cached_step_says_so_and_repeats_no_metrics(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("train", cache="hit", cache_source=f"{ARN}9", evidence={"metrics": {"roc_auc": 0.7}})
    bucket.finish()

    tracked = record(tracker, bucket)
    step = client.get_run(tracked.steps["train"])

    assert step.data.tags["sagelens.cache"] == "hit"
    assert step.data.tags["sagelens.cache_source"] == f"{ARN}9"
    assert step.data.metrics == {}
    assert client.get_run(tracked.run_id).data.metrics == {"roc_auc": 0.7}


def test_tables_become_dataset_inputs_with_their_digests(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    columns = [{"name": "carrier", "type": "VARCHAR"}, {"name": "distance", "type": "BIGINT"}]
    taken = artifact("flights", "table", rows=7, columns=columns, uri="s3://bucket/flights")
    given = artifact("train", "table", rows=5)
    bucket.step("prepare", evidence={"inputs": [taken], "outputs": [given]}, outputs={"train": "s3://bucket/train"})

    tracked = record(tracker, bucket)
    inputs = client.get_run(tracked.steps["prepare"]).inputs.dataset_inputs
    by_name = {found.dataset.name: found for found in inputs}

    assert {tag.key: tag.value for tag in by_name["flights"].tags} == {
        "mlflow.data.context": "input",
        "sagelens.digest": "f" * 64,
    }
    assert json.loads(by_name["flights"].dataset.source) == {"uri": "s3://bucket/flights"}
    assert json.loads(by_name["flights"].dataset.profile)["num_rows"] == 7
    assert [c["type"] for c in json.loads(by_name["flights"].dataset.schema)["mlflow_colspec"]] == ["string", "long"]
    assert json.loads(by_name["train"].dataset.source) == {"uri": "s3://bucket/train"}
    assert by_name["train"].tags[0].value == "output"


def test_figures_and_verdicts_are_artifacts(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.write("s3://bucket/figures/roc_curve.svg", "<svg/>")
    verdict = {"gate": "model", "kind": "model", "passed": False, "summary": "roc_auc is too low", "checks": []}
    figures = artifact("evaluation_figures", "figures", uri="s3://bucket/figures")
    bucket.step("evaluate", evidence={"outputs": [figures], "verdicts": [verdict]})

    tracked = record(tracker, bucket)
    run = tracked.steps["evaluate"]

    assert [file.path for file in client.list_artifacts(run, "evaluation_figures")] == ["evaluation_figures/roc_curve.svg"]
    assert json.loads(Path(client.download_artifacts(run, "verdicts/model.json")).read_text()) == verdict
    assert client.get_run(run).data.tags["sagelens.gate.model"] == "failed: roc_auc is too low"


def test_the_registered_model_is_a_pointer_with_a_signature(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    from mlflow.models import Model

    bucket.register()
    bucket.finish()

    tracked = record(tracker, bucket)
    run = client.get_run(tracked.steps["register"])
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    folder = Path(model.artifact_location.removeprefix("file://"))
    described = Model.load(str(folder))

    assert model.name == "delays"
    assert str(model.status) == "READY"
    assert model.tags["sagelens.model_package_arn"] == PACKAGE
    assert model.tags["sagelens.artifact_uri"] == "s3://bucket/training/ABCDEF123456/package/output/servable"
    assert model.source_run_id == tracked.steps["register"]
    assert [(c.name, c.type.name, c.required) for c in described.signature.inputs.inputs] == [
        ("carrier", "string", True),
        ("distance", "double", False),
    ]
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 10_000
    assert client.get_run(tracked.run_id).data.tags["sagelens.model_package_arn"] == PACKAGE


def test_a_model_that_is_registered_already_keeps_its_logged_model(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.register()
    first = record(tracker, bucket)
    bucket.document["execution_arn"] = f"{ARN}2"
    second = record(tracker, bucket)

    models = [client.get_run(t.steps["register"]).outputs.model_outputs[0].model_id for t in (first, second)]

    assert first.run_id != second.run_id
    assert models[0] == models[1]


def test_what_mlflow_would_refuse_is_cut_to_its_limits(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    long = {f"p{i}": "v" * 7000 for i in range(120)}
    bucket.step("prepare", evidence={"parameters": {**long, "a=b?c": 1}, "metrics": {f"m{i}[x]": float(i) for i in range(1100)}})

    run = client.get_run(record(tracker, bucket).steps["prepare"])

    assert len(run.data.params) == 121
    assert run.data.params[key_of("a=b?c")] == "1"
    assert len(run.data.params["p0"]) == 6000
    assert run.data.params["p0"].endswith(" … (7000 characters)")
    assert run.data.metrics[key_of("m1099[x]")] == 1099.0


NAMES = [
    "9E",
    "",
    "/",
    ".",
    "..",
    "a//b",
    "https://x.org/y",
    "A#1",
    "A?1",
    " x",
    "x ",
    "é",
    "\n",
    "\ud800",
    ":23:",
    "a" * 124,
    "/a/",
]


def test_every_slice_has_a_name_of_its_own_that_comes_back(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    figures = {f"slice/c/{name}/roc_auc": float(number) for number, name in enumerate(NAMES)}
    bucket.step("evaluate", evidence={"metrics": figures})

    found = client.get_run(record(tracker, bucket).steps["evaluate"]).data.metrics

    assert {name_of(key): value for key, value in found.items() if key.startswith("slice/")} == figures


@given(st.lists(st.text(max_size=12), unique=True, max_size=20))
def test_names_differ_after_they_were_made_fit(names: list[str]) -> None:
    keys = [key_of(name) for name in names]

    assert [name_of(key) for key in keys] == names


def test_a_name_that_is_cut_is_kept_whole_in_a_tag(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    names = [f"slice/c/{'x' * 300}{end}/roc_auc" for end in "ab"]
    bucket.step("evaluate", evidence={"metrics": dict.fromkeys(names, 0.5)})

    data = client.get_run(record(tracker, bucket).steps["evaluate"]).data

    cut = [key for key in data.metrics if key.startswith("slice/")]
    assert len(cut) == 2
    assert {data.tags[f"sagelens.name.{key[-16:]}"] for key in cut} == set(names)


def test_what_mlflow_does_not_take_of_one_step_is_said_and_costs_no_other(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("prepare", evidence={"metrics": {"x": "no number"}})
    bucket.step("register", evidence={"metrics": {"registered": 1.0}})
    bucket.finish()

    tracked = record(tracker, bucket)

    assert set(tracked.problems) == {"prepare"}
    runs = {name: client.get_run(run) for name, run in tracked.steps.items()}
    assert runs["register"].data.metrics["registered"] == 1.0
    assert "sagelens.tracking_problem" in runs["prepare"].data.tags
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert "prepare" in client.get_run(tracked.run_id).data.tags["sagelens.tracking_problem"]


def test_a_part_of_a_step_that_cannot_be_kept_costs_no_other_part(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    figures = artifact("figures", "figures", uri="s3://bucket/cleaned-away")
    table = artifact("t" * 900, "table")
    verdict = {"gate": "model", "kind": "model", "passed": True, "summary": "fine", "checks": []}
    given = {"metrics": {"good": 1.0, "huge": 10**400}, "parameters": {"odd": "\ud800\0"}, "outputs": [figures, table]}
    bucket.step("evaluate", evidence={**given, "verdicts": [verdict], "facts": {"endpoint": "flights"}})
    bucket.finish()

    tracked = record(tracker, bucket)
    run = client.get_run(tracked.steps["evaluate"])

    assert "s3://bucket/cleaned-away is not there any more" in tracked.problems["evaluate"]
    assert "huge" in tracked.problems["evaluate"]
    assert run.data.metrics["good"] == 1.0
    assert run.data.params == {"odd": "\\ud800\\x00"}
    assert run.data.tags["sagelens.fact.endpoint"] == "flights"
    assert [len(found.dataset.name) for found in run.inputs.dataset_inputs] == [500]
    assert client.list_artifacts(tracked.steps["evaluate"], "verdicts")
    assert run.info.status == "FINISHED"


def test_a_server_that_gives_no_answer_is_asked_once_and_completed_later(
    tracker: Tracker, bucket: Bucket, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def unreachable(*_: Any, **__: Any) -> None:
        asked.append(1)
        try:
            raise ConnectionError  # noqa: TRY301
        except ConnectionError:
            raise MlflowException("API request failed")  # noqa: B904 - as MLflow raises it

    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}, "parameters": {"depth": 3}})
    bucket.finish()
    with monkeypatch.context() as patched:
        patched.setattr(tracker._client, "log_batch", unreachable)
        with pytest.raises(MlflowException):
            record(tracker, bucket)

    assert len(asked) == 1
    tracked = record(tracker, bucket)
    run = client.get_run(tracked.steps["train"])
    assert tracked.problems == {}
    assert (run.data.metrics["roc_auc"], run.data.params["depth"], run.info.status) == (0.7, "3", "FINISHED")


def test_a_busy_database_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "busy.db"
    with closing(sqlite3.connect(file, check_same_thread=False, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN EXCLUSIVE")
        end = threading.Timer(6, other.execute, ("COMMIT",))  # s: SQLite's own patience is 5
        end.start()
        prepare_sqlite(sqlite_uri(file, tmp_path))
        end.join()

    with create_engine(f"sqlite:///{file}").connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 60_000


def test_evidence_that_is_none_is_said_and_costs_no_other_step(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("prepare", evidence={})
    bucket.write(bucket.document["steps"][0]["evidence"], "[1]")
    bucket.step("train", evidence={"metrics": {"roc_auc": 0.7}})
    bucket.finish()

    tracked = record(tracker, bucket)

    assert "holds no evidence but a list" in tracked.problems["prepare"]
    assert client.get_run(tracked.steps["train"]).data.metrics["roc_auc"] == 0.7
    assert client.get_run(tracked.run_id).info.status == "FINISHED"


def test_an_address_with_a_query_prepares_the_file_before_it(tmp_path: Path) -> None:
    prepare_sqlite(f"sqlite:///{tmp_path / 'own.db'}?timeout=5")

    assert [path.name for path in tmp_path.iterdir()] == ["own.db"]


@pytest.mark.parametrize("name", ["100%", "a?b", "per %20 cent", "plain"])
def test_a_folder_with_signs_that_mean_something_in_an_address_keeps_its_own_file(tmp_path: Path, name: str) -> None:
    """In a process of its own, as the writer is: MLflow keeps an engine for each address that it was given."""
    folder = tmp_path / name
    folder.mkdir()
    program = "import sys; from sagelens.tracking.client import connect; connect(sys.argv[1]).create_experiment('e')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    command = [sys.executable, "-c", program, sqlite_uri(folder / "mlflow.db", folder)]

    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        assert ("e",) in database.execute("SELECT name FROM experiments").fetchall()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_evidence_that_is_missing_is_no_error(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("gate", type="Condition", outcome=False)["evidence"] = "s3://bucket/nothing/evidence.json"

    tags = client.get_run(record(tracker, bucket).steps["gate"]).data.tags

    assert tags["sagelens.type"] == "Condition"
    assert tags["sagelens.outcome"] == "False"


def test_an_uri_that_mlflow_does_not_know_is_refused() -> None:
    with pytest.raises(BadConfig, match="tracking URI 'nonsense://x'"):
        connect("nonsense://x")


def test_a_curve_is_a_metric_with_a_value_for_each_round(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("train", evidence={"curves": {"validation-logloss": [0.6, 0.5, None, 0.55]}, "metrics": {"rows": 3.0}})
    bucket.finish()

    tracked = record(tracker, bucket)
    record(tracker, bucket)
    history = client.get_metric_history(tracked.steps["train"], "validation-logloss")

    assert [(point.step, point.value) for point in history] == [(0, 0.6), (1, 0.5), (3, 0.55)]


def test_a_curve_that_was_cut_off_is_completed_and_no_round_stands_twice(
    tracker: Tracker, bucket: Bucket, client: Any, uri: str
) -> None:
    step = bucket.step("train", status="Executing", evidence={"curves": {"loss": [0.3, 0.2, 0.1]}})
    run = record(tracker, bucket).steps["train"]
    client.log_metric(run, "loss", 0.3, step=0)
    step |= {"status": "Succeeded", "finished": 1003.5, "seconds": 2.5}
    bucket.finish()

    tracked = record(Tracker(uri, "delays"), bucket)

    history = client.get_metric_history(tracked.steps["train"], "loss")
    assert sorted((point.step, point.value) for point in history) == [(0, 0.3), (1, 0.2), (2, 0.1)]


def test_a_curve_whose_name_was_cut_has_the_whole_of_it_in_a_tag(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("train", evidence={"curves": {"loss" * 80: [0.3]}, "metrics": {}})
    bucket.finish()

    assert "loss" * 80 in client.get_run(record(tracker, bucket).steps["train"]).data.tags.values()


def test_a_curve_called_like_a_figure_takes_nothing_from_it(tracker: Tracker, bucket: Bucket, client: Any) -> None:
    bucket.step("train", evidence={"curves": {"loss": [0.3, 0.2]}, "metrics": {"loss": 0.9}})
    bucket.finish()

    metrics = client.get_run(record(tracker, bucket).steps["train"]).data.metrics

    assert (metrics["loss"], metrics["curve/loss"]) == (0.9, 0.2)
