"""Whole jobs, in interpreters of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

SPLIT = {"column": "month", "train": [1], "validation": [2], "test": [3]}


def test_a_processing_job_reads_calls_writes_and_leaves_evidence(job: Any) -> None:
    job.table("numbers", n=[1, 2, 3])
    job.write(
        job.root / "opt/ml/config/processingjobconfig.json",
        json.dumps({"ProcessingInputs": [{"InputName": "numbers", "S3Input": {"S3Uri": "s3://b/numbers"}}]}),
    )
    job.ask("count", takes=["numbers"], gives=["doubled", "metrics", "record"], params={"scale": 2, "split": SPLIT})

    done = job.run()

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "step 'tiny' of pipeline 'training': tiny_steps:count starts"
    assert "TimeSplit Colour" in done.stdout
    assert "doubled 3 rows" in done.stdout.splitlines()[-1]
    assert json.loads((job.outputs / "metrics/metrics.json").read_text()) == {"rows": 3.0}
    assert json.loads((job.outputs / "record/value.json").read_text()) == {"name": "counted", "rows": 3}
    evidence = job.evidence()
    assert evidence["code_digest"] == "c0de"
    assert evidence["inputs"][0] | {"digest": "", "bytes": 0} == {
        "name": "numbers",
        "kind": "table",
        "digest": "",
        "bytes": 0,
        "uri": "s3://b/numbers",
        "rows": 3,
        "columns": [{"name": "n", "type": "BIGINT"}],
    }
    assert [(o["name"], o["kind"], o["rows"]) for o in evidence["outputs"]] == [
        ("doubled", "table", 3),
        ("metrics", "metrics", None),
        ("record", "json", None),
    ]
    assert evidence["parameters"]["split.train"] == [1]
    assert evidence["metrics"] == {"rows": 3.0}
    assert evidence["facts"] == {"name": "counted"}
    assert evidence["warnings"] == ["two is close to one"]
    assert {"python", "duckdb"} <= set(evidence["versions"])
    assert evidence["peak_memory"] > 10_000_000
    assert evidence["failure"] is None


def test_verdicts_figures_and_json_travel(job: Any) -> None:
    job.write(job.inputs / "record/value.json", '{"name": "x", "rows": 3}')
    job.write(job.inputs / "metrics/metrics.json", '{"rows": 3.0}')
    job.ask("judge", takes=["record", "metrics"], gives=["verdict", "figures"])
    assert job.run().returncode == 0
    assert json.loads((job.outputs / "verdict/verdict.json").read_text())["passed"] is True
    assert (job.outputs / "figures/a_figure.svg").read_text() == "<svg></svg>"
    assert job.evidence()["verdicts"][0]["gate"] == "rows"


def test_a_training_job_gives_its_model_and_takes_hyperparameters(training: Any) -> None:
    training.table("a", n=[1])
    training.table("b", n=[1])
    training.write(training.root / "opt/ml/input/config/hyperparameters.json", json.dumps({"depth": "7", "sagemaker_x": "1"}))
    training.ask("fit", takes=["a", "b"], gives=["model"], params={"settings": {"rate": 0.5}})
    done = training.run()
    assert done.returncode == 0, done.stderr
    assert (training.root / "opt/ml/model/model.txt").read_text() == "2 7 0.5"
    assert training.evidence()["parameters"] == {"settings.depth": 7, "settings.rate": 0.5}
    assert training.evidence()["curves"] == {"loss": [0.5, None, 0.25]}


def test_sources_come_in_the_order_of_what_is_given(job: Any) -> None:
    source = {"uri": "x", "format": "csv", "licence": "CC0", "classification": "public", "owner": "me"}
    for name in ("zebras", "apes"):
        job.write(job.inputs / f"source-{name}/file.csv", f"{name}\n1\n")
    sources = {name: {"source": source, "digest": name} for name in ("apes", "zebras")}
    job.ask("collect", gives=["zebras", "apes", "record"], sources=sources)
    done = job.run()
    assert done.returncode == 0, done.stderr
    assert [o["columns"][0]["name"] for o in job.evidence()["outputs"][:2]] == ["zebras", "apes"]


def test_the_version_of_a_source_in_s3_comes_with_the_run_and_is_in_the_evidence(job: Any) -> None:
    source = {"uri": "s3://b/raw", "format": "csv", "licence": "CC0", "classification": "public", "owner": "me"}
    job.write(job.inputs / "source-apes/file.csv", "n\n1\n")
    job.ask("collect", gives=["apes", "record"], sources={"apes": {"source": source, "version": "SAGELENS_DATA_VERSION_apes"}})

    without = job.run()
    assert without.returncode == 1
    assert "lacks SAGELENS_DATA_VERSION_apes, the version of source 'apes'" in without.stderr

    done = job.run(SAGELENS_DATA_VERSION_apes="0123")
    assert done.returncode == 0, done.stderr
    assert job.evidence()["parameters"] == {"data_version.apes": "0123"}


def test_an_input_that_is_given_again_is_copied(job: Any) -> None:
    job.write(job.inputs / "model/sub/file", "x")
    job.ask("copy", takes=["model"], gives=["again"])
    assert job.run().returncode == 0
    assert (job.inputs / "model/sub/file").exists()
    evidence = job.evidence()
    assert evidence["inputs"][0]["digest"] == evidence["outputs"][0]["digest"]


def test_a_parameter_of_the_pipeline_comes_from_the_environment(job: Any) -> None:
    job.ask("text", gives=["answer"], environment={"package": "SAGELENS_PARAM_PACKAGE"})
    assert job.run(SAGELENS_PARAM_PACKAGE="arn:1").returncode == 0
    assert json.loads((job.outputs / "answer/value.json").read_text()) == "arn:1"


def test_a_client_is_handed_in(job: Any) -> None:
    job.ask("client", gives=["name"])
    done = job.run(AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    assert done.returncode == 0, done.stderr
    assert json.loads((job.outputs / "name/value.json").read_text()) == "sagemaker"


def test_an_optional_artifact_may_be_absent(job: Any) -> None:
    job.ask("optional", takes=["champion"], gives=["answer"])
    assert job.run().returncode == 0
    assert json.loads((job.outputs / "answer/value.json").read_text()) == {"found": False}


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        ("bad", "bad-data", "The 'flights' source is rotten."),
        ("broken", "step-failed", "ZeroDivisionError: division by zero"),
        ("stopped", "interrupted", "SIGTERM"),
        ("not_finite", "bad-data", "'a' holds metrics that are not finite numbers: {'loss': nan}"),
        ("wrong_kind", "bad-input", "annotated as Verdict, but the step returned a str"),
        ("absent", "bad-input", "has no function 'absent'"),
        ("nowhere.steps:f", "bad-input", "no module named 'nowhere'"),
        ("optional", "bad-input", "takes 1 artifacts (champion), but the pipeline hands in 0"),
        ("text", "bad-config", "needs 'package'"),
    ],
)
def test_a_failure_says_what_failed(job: Any, function: str, kind: str, words: str) -> None:
    job.ask(function, gives=["a"])
    done = job.run()
    assert done.returncode == 1
    assert job.message().startswith(f"{kind}: ")
    assert words in job.message()
    assert job.message() in done.stderr
    assert job.evidence()["failure"]["kind"] == kind
    assert "failed after" in done.stdout.splitlines()[-1]


def test_the_traceback_of_a_broken_step_is_in_the_log(job: Any) -> None:
    job.ask("broken", gives=["a"])
    assert 'raise ZeroDivisionError("division by zero")' in job.run().stderr


def test_a_tuple_of_the_wrong_length_is_refused(job: Any) -> None:
    job.ask("wrong_number", gives=["a", "b"])
    assert job.run().returncode == 1
    assert "returned 3 values; the pipeline expects a tuple of 2: a, b" in job.message()


def test_an_invalid_parameter_names_the_field(job: Any) -> None:
    job.table("numbers", n=[1])
    job.ask("count", takes=["numbers"], gives=["a", "b", "c"], params={"scale": "two", "split": SPLIT})
    assert job.run().returncode == 1
    assert job.message().startswith("bad-config: A parameter of tiny_steps:count is not valid: scale: ")


def test_a_hyperparameter_that_nothing_takes_is_refused(training: Any) -> None:
    training.write(training.root / "opt/ml/input/config/hyperparameters.json", json.dumps({"dept": "7"}))
    training.ask("fit", gives=["model"], params={"settings": {}})
    assert training.run().returncode == 1
    assert "Hyperparameter 'dept' is not taken" in training.message()


def test_a_missing_artifact_is_named(job: Any) -> None:
    job.ask("copy", takes=["model"], gives=["again"])
    assert job.run().returncode == 1
    assert "Artifact 'model' is not there" in job.message()


def test_without_step_json_there_is_a_message(job: Any) -> None:
    assert job.run().returncode == 1
    assert job.message().startswith("bad-input: No step.json at ")


def test_an_unknown_kind_of_job_is_refused(job: Any) -> None:
    job.kind = "tuning"
    done = job.run()
    assert done.returncode == 1
    assert "processing|training" in done.stderr
