"""Transform jobs against a model server of the container contract, made of the standard library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sagelens.local.jobs.transform import check_transform
from sagelens.local.ports import ApiError, Resource
from tests.unit.local_jobs.bench import Bench

Run = Callable[..., Any]

SERVER = """
import http.server, os
from pathlib import Path

MODEL = Path(os.environ["SAGELENS_ROOT"]) / "opt/ml/model"

class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b"bad" in body:
            self.answer(400, b'{"error": "bad-input", "message": "field x is no number"}')
        else:
            name = (MODEL / "name.txt").read_text()
            about = "|".join([name, os.environ["MODE"], self.headers["Content-Type"], self.headers["Accept"], ""])
            self.answer(200, about.encode() + body.upper())

    def log_message(self, *_):
        pass

def main():
    if (MODEL / "broken").exists():
        raise SystemExit("the model does not load")
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Model).serve_forever()
"""


def a_job(bench: Bench, **changes: Any) -> dict[str, Any]:
    package = bench.state / "path" / "sagelens" / "serving"
    package.mkdir(parents=True, exist_ok=True)
    for file, text in {package.parent / "__init__.py": "", package / "__init__.py": "", package / "server.py": SERVER}.items():
        file.write_text(text, encoding="utf-8")
    bench.put("s3://bucket/model/name.txt", "m1")
    source = {"S3Uri": "s3://bucket/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "image", "ModelDataSource": {"S3DataSource": source}, "Environment": {"MODE": "own"}}
    if bench.store.get("Model", "m1") is None:
        bench.store.insert(Resource(kind="Model", arn="arn:m1", name="m1", body={"PrimaryContainer": container}))
    return {
        "TransformJobName": "score-1",
        "ModelName": "m1",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows"}},
            "ContentType": "text/csv",
            **changes.pop("TransformInput", {}),
        },
        "TransformOutput": {"S3OutputPath": "s3://bucket/scores", "Accept": "text/csv", **changes.pop("TransformOutput", {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


async def finished(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    created = await bench.call("CreateTransformJob", **request)
    return await bench.jobs.wait(created["TransformJobArn"])


def test_each_object_is_sent_and_answered_under_its_own_key(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], list[str]]:
        bench.put("s3://bucket/rows/a.csv", "one")
        bench.put("s3://bucket/rows/deep/b.csv", "two")
        done = await finished(bench, a_job(bench, Environment={"MODE": "batch"}))
        assert done["TransformJobStatus"] == "Completed", done
        return done, [bench.get(f"s3://bucket/scores/{key}.out") for key in ("a.csv", "deep/b.csv")]

    done, answers = run(scenario)
    assert answers == ["m1|batch|text/csv|text/csv|ONE", "m1|batch|text/csv|text/csv|TWO"]
    assert done["TransformStartTime"] <= done["TransformEndTime"]


@pytest.mark.parametrize(
    ("keys", "prefix"), [(("part-1.csv", "part-2.csv", "other"), "part-"), (("in.csv", "in.csv.2"), "in.csv")]
)
def test_every_object_whose_key_begins_so_is_transformed(run: Run, keys: tuple[str, ...], prefix: str) -> None:
    async def scenario(bench: Bench) -> list[str]:
        for key in keys:
            bench.put(f"s3://bucket/rows/{key}", key)
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/rows/{prefix}"}}
        done = await finished(bench, a_job(bench, TransformInput={"DataSource": source}))
        assert done["TransformJobStatus"] == "Completed", done
        return sorted(path.name for path in bench.objects.path("s3://bucket/scores").iterdir())

    assert run(scenario) == sorted(f"{key}.out" for key in keys if key.startswith(prefix))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("SingleRecord", ["X", "Y"]), ("MultiRecord", ["X\nY"])],
)
def test_lines_are_sent_one_by_one_or_together(run: Run, strategy: str, expected: list[str]) -> None:
    async def scenario(bench: Bench) -> str:
        bench.put("s3://bucket/rows/a.csv", "x\ny\n")
        split = {"SplitType": "Line"}
        done = await finished(
            bench, a_job(bench, BatchStrategy=strategy, TransformInput=split, TransformOutput={"AssembleWith": "Line"})
        )
        assert done["TransformJobStatus"] == "Completed", done
        return bench.get("s3://bucket/scores/a.csv.out")

    assert run(scenario) == "".join(f"m1|own|text/csv|text/csv|{part}\n" for part in expected)


def test_the_models_refusal_is_the_reason_and_nothing_is_stored(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[dict[str, Any], bool]:
        bench.put("s3://bucket/rows/a.csv", "fine")
        bench.put("s3://bucket/rows/b.csv", "bad")
        return await finished(bench, a_job(bench)), bench.objects.path("s3://bucket/scores").exists()

    done, stored = run(scenario)
    assert done["TransformJobStatus"] == "Failed"
    assert done["FailureReason"] == "AlgorithmError: the model refused 'b.csv': status 400: field x is no number"
    assert not stored


def test_a_result_whose_name_would_be_too_long_is_the_clients_error(run: Run) -> None:
    async def scenario(bench: Bench) -> dict[str, Any]:
        bench.put(f"s3://bucket/rows/{'a' * 253}", "x")  # its result has .out at its end
        return await finished(bench, a_job(bench))

    done = run(scenario)
    assert done["TransformJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("ClientError: [Errno 36] File name too long")


def test_a_model_that_does_not_load_fails_the_job(run: Run) -> None:
    async def scenario(bench: Bench) -> tuple[str, str]:
        bench.put("s3://bucket/rows/a.csv", "fine")
        request = a_job(bench)
        bench.put("s3://bucket/model/broken", "")
        return (await finished(bench, request))["FailureReason"], bench.log("Transform", "score-1")

    reason, log = run(scenario)
    assert reason.startswith("AlgorithmError: the model server did not start")
    assert "the model does not load" in log


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing.JoinSource"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, "DataProcessing.InputFilter"),
        ({"TransformInput": {"SplitType": "RecordIO"}}, "SplitType is RecordIO"),
        ({"ModelName": "none"}, 'Could not find model "none"'),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/x"}}, "DataCaptureConfig"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB is 101; at most 100"),
        ({"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 17}, "is 102 MB; together they may be 100 at most"),
        ({"MaxConcurrentTransforms": 17}, "MaxPayloadInMB of 6, its default, is 102 MB"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(run: Run, changes: dict[str, Any], named: str) -> None:
    async def scenario(bench: Bench) -> str:
        with pytest.raises(ApiError) as raised:
            await bench.call("CreateTransformJob", **a_job(bench, **changes))
        return raised.value.message

    assert named in run(scenario)


@pytest.mark.parametrize(
    "limits",
    [
        {"MaxPayloadInMB": 100},
        {"MaxPayloadInMB": 100, "MaxConcurrentTransforms": 0},
        {"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 2},
        {"MaxConcurrentTransforms": 16},
        {"MaxPayloadInMB": 0, "MaxConcurrentTransforms": 100},
    ],
)
def test_payloads_within_the_limits_are_taken(limits: dict[str, int]) -> None:
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows"}}}

    check_transform({"TransformInput": source, "TransformResources": {}, **limits})


def test_a_record_larger_than_the_payload_is_refused(run: Run) -> None:
    async def scenario(bench: Bench) -> str:
        bench.put("s3://bucket/rows/a.csv", "x" * 1_100_000)
        reason: str = (await finished(bench, a_job(bench, MaxPayloadInMB=1)))["FailureReason"]
        return reason

    assert "more than MaxPayloadInMB (1) allows" in run(scenario)
