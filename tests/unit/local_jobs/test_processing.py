from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_jobs.bench import Bench
from tests.unit.local_jobs.requests import processing

Run = Callable[..., Any]
OUT = {"words": "s3://bucket/out/words", "evidence": "s3://bucket/out/evidence"}


async def finished(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    created = await bench.call("CreateProcessingJob", **request)
    return await bench.jobs.wait(created["ProcessingJobArn"])


def a_job(bench: Bench, script: str, name: str = "job-1", seconds: int = 60) -> dict[str, Any]:
    bench.put("s3://bucket/in/a.txt", "one")
    bench.put("s3://bucket/in/deep/b.txt", "two")
    return processing(name, script, inputs={"in": "s3://bucket/in"}, outputs=OUT, seconds=seconds)


def test_a_job_reads_its_inputs_and_its_outputs_become_objects(run: Run) -> None:
    script = (
        "cat /opt/ml/processing/input/in/a.txt /opt/ml/processing/input/in/deep/b.txt > /opt/ml/processing/output/words/w.txt"
    )

    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        done = await finished(bench, a_job(bench, script))
        return done, bench.get("s3://bucket/out/words/w.txt")

    done, words = run(scenario)
    assert done["ProcessingJobStatus"] == "Completed"
    assert done["ProcessingJobArn"] == "arn:aws:sagemaker:eu-west-1:000000000000:processing-job/job-1"
    assert done["CreationTime"] <= done["ProcessingStartTime"] <= done["ProcessingEndTime"]
    assert words == "onetwo"


def test_a_job_finds_its_own_request_and_environment(run: Run) -> None:
    script = "cp /opt/ml/config/*.json /opt/ml/processing/output/words; echo $GREETING from $PROCESSING_JOB_NAME"

    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        await finished(bench, a_job(bench, script))
        config = json.loads(bench.get("s3://bucket/out/words/processingjobconfig.json"))
        return config, bench.log("Processing", "job-1")

    config, log = run(scenario)
    assert config["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://bucket/in"
    assert log == "hello from job-1\n"


def test_a_missing_input_fails_the_job_and_names_it(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        return await finished(bench, processing("job-1", "true", inputs={"in": "s3://bucket/none"}, outputs={}))

    done = run(scenario)
    assert done["ProcessingJobStatus"] == "Failed"
    assert done["FailureReason"] == "ClientError: Data download failed: no S3 objects found under S3 URL 's3://bucket/none'."


@pytest.mark.parametrize("key", ["a" * 256, "/".join(["a" * 200] * 6)], ids=["name", "key"])
def test_a_job_whose_uris_are_too_long_fails_and_says_so(run: Run, key: str) -> None:
    async def scenario(bench: Bench) -> list[dict[str, Any]]:
        bench.put("s3://bucket/in/a.txt", "one")
        uri = f"s3://bucket/{key}"
        script = "touch /opt/ml/processing/output/words/x"
        return [
            await finished(bench, processing("job-1", "true", inputs={"in": uri}, outputs={})),
            await finished(bench, processing("job-2", script, inputs={}, outputs={"words": uri})),
        ]

    for done in run(scenario):
        assert done["ProcessingJobStatus"] == "Failed"
        assert done["FailureReason"].startswith("ClientError: The key in 's3://bucket/aaa")


@pytest.mark.parametrize(
    ("uri", "seen"), [("s3://bucket/in/a.txt", "a.txt"), ("s3://bucket/in/de", "deep"), ("s3://bucket/in/", "a.txt deep")]
)
def test_an_input_may_be_an_object_or_any_prefix(run: Run, uri: str, seen: str) -> None:
    async def scenario(bench: Bench) -> str:
        a_job(bench, "")
        request = processing("job-1", "echo $(ls /opt/ml/processing/input/in)", inputs={"in": uri}, outputs={})
        assert (await finished(bench, request))["ProcessingJobStatus"] == "Completed"
        return bench.log("Processing", "job-1").strip()

    assert run(scenario) == seen


@pytest.mark.parametrize(
    ("keys", "prefix", "seen"),
    [
        (["day1/a", "day10/b"], "day1", "a day10/b"),
        (["day1/a", "day10/b"], "day1/", "a"),
        (["in.csv", "in.csv.bak"], "in.csv", "in.csv in.csv.bak"),
    ],
)
def test_an_input_is_every_object_whose_key_begins_so(run: Run, keys: list[str], prefix: str, seen: str) -> None:
    script = (
        "cd /opt/ml/processing/input/in/ && find -L . -type f | sort | cut -c3- | xargs > /opt/ml/processing/output/words/w.txt"
    )

    async def scenario(bench: Bench) -> str:
        for key in keys:
            bench.put(f"s3://bucket/{key}", key)
        request = processing("job-1", script, inputs={"in": f"s3://bucket/{prefix}"}, outputs=OUT)
        done = await finished(bench, request)
        assert done["ProcessingJobStatus"] == "Completed", done
        return bench.get("s3://bucket/out/words/w.txt").strip()

    assert run(scenario) == seen


def test_an_output_below_an_object_fails_the_job_and_the_object_stays(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], str]:
        bench.put("s3://bucket/out", "kept")
        done = await finished(bench, a_job(bench, "echo x > /opt/ml/processing/output/words/w.txt"))
        return done, bench.get("s3://bucket/out")

    done, kept = run(scenario)
    assert done["FailureReason"] == (
        "ClientError: output 'words' cannot be stored at s3://bucket/out/words: out is an object there already, "
        "so nothing can lie below it"
    )
    assert kept == "kept"


def test_inputs_inside_one_another_do_not_touch_the_objects(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[str, bool]:
        request = a_job(bench, "echo $(ls /opt/ml/processing/input/in /opt/ml/processing/input/in/extra)")
        inner = {"S3Uri": "s3://bucket/in/deep", "LocalPath": "/opt/ml/processing/input/in/extra", "S3DataType": "S3Prefix"}
        request["ProcessingInputs"].append({"InputName": "extra", "S3Input": inner})
        done = await finished(bench, request)
        assert done["ProcessingJobStatus"] == "Completed", done
        return bench.log("Processing", "job-1"), bench.objects.path("s3://bucket/in/extra").exists()

    log, leaked = run(scenario)
    assert "b.txt" in log
    assert not leaked


def test_a_failed_job_keeps_its_evidence_and_says_how_it_ended(run: Run) -> None:
    script = """
    echo half > /opt/ml/processing/output/words/w.txt; echo '{}' > /opt/ml/processing/output/evidence/evidence.json
    echo 'data-gate: bad rows' > /opt/ml/output/message; exit 5"""

    async def scenario(bench: Bench) -> tuple[dict[str, Any], bool, bool]:
        done = await finished(bench, a_job(bench, script))
        exists = [bench.objects.path(uri).exists() for uri in (OUT["words"], f"{OUT['evidence']}/evidence.json")]
        return done, exists[0], exists[1]

    done, words, evidence = run(scenario)
    assert (done["ProcessingJobStatus"], done["ExitMessage"]) == ("Failed", "data-gate: bad rows")
    assert done["FailureReason"] == "AlgorithmError: See the job's log for more information, exit code: 5"
    assert (words, evidence) == (False, True)


def test_a_killed_job_is_said_to_be_killed(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        return await finished(bench, a_job(bench, "kill -9 $$"))

    assert "killed (signal 9), perhaps out of memory" in run(scenario)["FailureReason"]


def test_a_job_that_runs_too_long_fails(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        return await finished(bench, a_job(bench, "exec sleep 60", seconds=30))

    done = run(scenario, 100.0)
    assert done["ProcessingJobStatus"] == "Failed"
    assert "MaxRuntimeInSeconds of 30" in done["FailureReason"]


def test_a_job_can_be_stopped_and_not_twice(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
        created = await bench.call("CreateProcessingJob", **a_job(bench, "echo up; exec sleep 60"))
        while not (bench.state / "logs/aws/sagemaker/ProcessingJobs/job-1/algo-1").is_file():  # noqa: ASYNC110  another task writes it
            await asyncio.sleep(0.01)
        await bench.call("StopProcessingJob", ProcessingJobName="job-1")
        stopping = await bench.call("DescribeProcessingJob", ProcessingJobName="job-1")
        done = await asyncio.wait_for(bench.jobs.wait(created["ProcessingJobArn"]), 60)
        with pytest.raises(ApiError, match="is in status Stopped"):
            await bench.call("StopProcessingJob", ProcessingJobName="job-1")
        return stopping, done

    stopping, done = run(scenario)
    assert stopping["ProcessingJobStatus"] == "Stopping"
    assert done["ProcessingJobStatus"] == "Stopped"


def test_a_name_is_used_once(run: Run) -> None:
    async def scenario(bench: Bench) -> ApiError:
        await finished(bench, a_job(bench, "true"))
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateProcessingJob", **a_job(bench, "true"))
        return raised.value

    assert run(scenario).code == "ResourceInUse"


def test_an_image_of_its_own_needs_the_docker_runtime(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        request = a_job(bench, "")
        del request["AppSpecification"]["ContainerEntrypoint"]
        return await finished(bench, request)

    assert "Use the docker runtime" in run(scenario)["FailureReason"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"S3DataType": "ManifestFile"}, "S3DataType ManifestFile"),
        ({"S3InputMode": "Pipe"}, "S3InputMode Pipe"),
        ({"LocalPath": ""}, "LocalPath"),
        ({"S3CompressionType": "Gzip"}, "S3CompressionType Gzip"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(run: Run, change: dict[str, str], named: str) -> None:
    async def scenario(bench: Bench) -> str:
        request = a_job(bench, "true")
        request["ProcessingInputs"][0]["S3Input"] |= change
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateProcessingJob", **request)
        assert bench.store.query("ProcessingJob") == []
        return raised.value.message

    assert named in run(scenario)


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        (["a /i", "a /j"], [], "The inputs have names that stand more than once"),
        (["a /i", "b /i/"], [], "The inputs 'a' and 'b' have one LocalPath, /i/"),
        ([], ["a /o", "a /p"], "The outputs have names that stand more than once"),
        ([], ["a /o", "b /o"], "The outputs 'a' and 'b' have one LocalPath, /o"),
        ([], ["a /o", "b /o/deep"], "output 'b' (/o/deep) lies inside output 'a' (/o)"),
    ],
)
def test_nothing_is_lost_to_another_of_its_name_or_place(run: Run, inputs: list[str], outputs: list[str], told: str) -> None:
    async def scenario(bench: Bench) -> str:
        request = a_job(bench, "true")
        request["ProcessingInputs"] = [
            {"InputName": name, "S3Input": {"S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix", "LocalPath": path}}
            for name, path in map(str.split, inputs)
        ]
        request["ProcessingOutputConfig"]["Outputs"] = [
            {"OutputName": name, "S3Output": {"S3Uri": f"s3://bucket/{name}", "LocalPath": path, "S3UploadMode": "EndOfJob"}}
            for name, path in map(str.split, outputs)
        ]
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateProcessingJob", **request)
        return raised.value.message

    assert told in run(scenario)


def test_an_output_inside_an_input_is_not_made_among_the_objects(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[list[str], str]:
        request = a_job(bench, "cat /opt/ml/processing/input/in/a.txt > /opt/ml/processing/input/in/made/w.txt")
        where = {"S3Uri": "s3://bucket/out/words", "LocalPath": "/opt/ml/processing/input/in/made", "S3UploadMode": "EndOfJob"}
        request["ProcessingOutputConfig"]["Outputs"] = [{"OutputName": "words", "S3Output": where}]
        done = await finished(bench, request)
        assert done["ProcessingJobStatus"] == "Completed", done
        there = sorted(path.name for path in bench.objects.path("s3://bucket/in").iterdir())
        return there, bench.get("s3://bucket/out/words/w.txt")

    assert run(scenario) == (["a.txt", "deep"], "one")


def test_after_a_restart_an_unfinished_job_is_failed(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        await bench.call("CreateProcessingJob", **a_job(bench, "exec sleep 60"))
        await bench.jobs.close()
        bench.jobs = bench.make_jobs()
        await bench.jobs.recover()
        return await bench.call("DescribeProcessingJob", ProcessingJobName="job-1")

    done = run(scenario)
    assert done["ProcessingJobStatus"] == "Failed"
    assert "the local SageMaker service ended while this job ran" in done["FailureReason"]


def test_jobs_are_listed_newest_first_and_by_status(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[list[str], list[str]]:
        for name, script in (("good", "true"), ("bad", "exit 1"), ("fine", "true")):
            await finished(bench, a_job(bench, script, name))
        listed = await bench.call("ListProcessingJobs")
        failed = await bench.call("ListProcessingJobs", StatusEquals="Failed")
        return [[job["ProcessingJobName"] for job in answer["ProcessingJobSummaries"]] for answer in (listed, failed)]

    assert run(scenario) == [["fine", "bad", "good"], ["bad"]]


def test_an_unknown_job_is_not_found(run: Run) -> None:
    async def scenario(bench: Bench) -> ApiError:
        with pytest.raises(ApiError) as raised:
            await bench.call("DescribeProcessingJob", ProcessingJobName="none")
        return raised.value

    assert run(scenario).code == "ResourceNotFound"


def test_python_is_the_one_with_the_libraries(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        request = a_job(bench, "")
        bench.put("s3://bucket/in/s.py", "import numpy, sys, json\nopen(sys.argv[1], 'w').write('made')\n")
        request["AppSpecification"]["ContainerEntrypoint"] = ["python3", "/opt/ml/processing/input/in/s.py"]
        request["AppSpecification"]["ContainerArguments"] = ["/opt/ml/processing/output/words/w.txt"]
        done = await finished(bench, request)
        assert bench.get("s3://bucket/out/words/w.txt") == "made"
        return done

    assert run(scenario)["ProcessingJobStatus"] == "Completed"
