from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_jobs.bench import Bench
from tests.unit.local_jobs.requests import training

Run = Callable[..., Any]
OUT = "s3://bucket/models"


async def finished(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    created = await bench.call("CreateTrainingJob", **request)
    return await bench.jobs.wait(created["TrainingJobArn"])


def a_job(bench: Bench, script: str, seconds: int = 60) -> dict[str, Any]:
    bench.put("s3://bucket/in/a.txt", "one")
    return training("fit-1", script, channels={"train": "s3://bucket/in"}, output=OUT, seconds=seconds)


def test_the_model_and_the_data_become_folders(run: Run) -> None:
    script = """
    cp /opt/ml/input/config/*.json /opt/ml/output/data; cp /opt/ml/input/data/train/a.txt /opt/ml/model/
    echo auc=0.5; echo auc=0.75"""

    async def scenario(bench: Bench) -> tuple[dict[str, Any], str, dict[str, str]]:
        done = await finished(bench, a_job(bench, script))
        config = json.loads(bench.get(f"{OUT}/fit-1/output/data/hyperparameters.json"))
        return done, bench.get(f"{done['ModelArtifacts']['S3ModelArtifacts']}/a.txt"), config

    done, model, config = run(scenario)
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Completed", "Completed")
    assert done["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/models/fit-1/output/model"}
    assert [(metric["MetricName"], metric["Value"]) for metric in done["FinalMetricDataList"]] == [("auc", 0.75)]
    assert (model, config) == ("one", {"depth": "6"})


def test_by_default_both_become_archives(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[str, list[list[str]]]:
        request = a_job(bench, "echo 1 > /opt/ml/model/m.txt; echo 2 > /opt/ml/output/data/d.txt")
        del request["OutputDataConfig"]["CompressionType"]
        done = await finished(bench, request)
        names = []
        for name in ("model", "output"):
            with tarfile.open(bench.objects.path(f"{OUT}/fit-1/output/{name}.tar.gz")) as file:
                names.append(file.getnames())
        return done["ModelArtifacts"]["S3ModelArtifacts"], names

    uri, names = run(scenario)
    assert uri == "s3://bucket/models/fit-1/output/model.tar.gz"
    assert names == [["m.txt"], ["d.txt"]]


def test_a_failure_says_what_the_program_left_and_keeps_its_data(run: Run) -> None:
    script = (
        "echo 1 > /opt/ml/model/m; echo 2 > /opt/ml/output/data/d; printf 'model-gate: worse' > /opt/ml/output/failure; exit 1"
    )

    async def scenario(bench: Bench) -> tuple[dict[str, Any], bool, bool]:
        done = await finished(bench, a_job(bench, script))
        output = bench.objects.path(f"{OUT}/fit-1/output")
        return done, (output / "model").exists(), (output / "data" / "d").exists()

    done, model, data = run(scenario)
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Failed", "Failed")
    assert done["FailureReason"] == "AlgorithmError: model-gate: worse, exit code: 1"
    assert (model, data) == (False, True)


def test_a_long_failure_is_cut_and_its_exit_code_kept(run: Run) -> None:
    script = "head -c 5000 /dev/zero | tr '\\0' x > /opt/ml/output/failure; exit 9"

    async def scenario(bench: Bench) -> str:
        reason: str = (await finished(bench, a_job(bench, script)))["FailureReason"]
        return reason

    reason = run(scenario)
    assert len(reason) <= 1024
    assert reason.endswith("x, exit code: 9")


def test_a_job_that_runs_too_long_is_stopped_with_its_model(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        done = await finished(bench, a_job(bench, "echo partial > /opt/ml/model/m; exec sleep 60", seconds=100))
        return done, bench.get(f"{OUT}/fit-1/output/model/m")

    done, model = run(scenario, 100.0)
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert model == "partial\n"


def test_checkpoints_are_there_again_after_a_job_that_died(run: Run) -> None:
    keeps = "cat /opt/ml/checkpoints/* 2>/dev/null; echo round-10 > /opt/ml/checkpoints/kept; kill -9 $$"
    kept = "s3://bucket/pipeline/checkpoints/0123"

    async def scenario(bench: Bench) -> tuple[str, str, str]:
        first = {**a_job(bench, keeps), "CheckpointConfig": {"S3Uri": kept, "LocalPath": "/opt/ml/checkpoints"}}
        died = await finished(bench, first)
        second = {**first, "TrainingJobName": "fit-2", "CheckpointConfig": {"S3Uri": f"{kept}/"}}
        await finished(bench, second)
        return died["TrainingJobStatus"], bench.get(f"{kept}/kept"), bench.log("Training", "fit-2")

    assert run(scenario) == ("Failed", "round-10\n", "round-10\n")


def channels(**changes: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/x"}}
    return {"InputDataConfig": [{"ChannelName": "x", "DataSource": source, **changes}]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ResourceConfig": {"InstanceCount": 2}}, "InstanceCount"),
        ({"InputDataConfig": [{"ChannelName": "x", "DataSource": {"FileSystemDataSource": {}}}]}, "channel 'x'"),
        ({"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "m", "Regex": "("}]}}, "metric 'm'"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}, "channel 'train' has InputMode Pipe"),
        (channels(RecordWrapperType="RecordIO"), "channel 'x' has RecordWrapperType RecordIO"),
        ({"InputDataConfig": [*channels()["InputDataConfig"]] * 2}, "Channel names must be unique; given more than once: x"),
        ({"EnableManagedSpotTraining": True}, "needs a MaxWaitTimeInSeconds"),
        (
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}},
            "MaxWaitTimeInSeconds is 59; it includes the run, so it cannot be below MaxRuntimeInSeconds, 60",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 2_419_201}}, "at most 2419200, 28 days, is allowed"),
    ],
)
def test_what_cannot_run_here_is_refused_by_name(run: Run, change: dict[str, Any], named: str) -> None:
    async def scenario(bench: Bench) -> str:
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateTrainingJob", **{**a_job(bench, "true"), **change})
        return raised.value.message

    assert named in run(scenario)


def test_a_job_that_names_no_algorithm_is_refused(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        request = {name: value for name, value in a_job(bench, "true").items() if name != "AlgorithmSpecification"}
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateTrainingJob", **request)
        return raised.value.message

    assert "no AlgorithmSpecification" in run(scenario)
