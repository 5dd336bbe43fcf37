"""Batch scoring, and that it agrees with the endpoint."""

from __future__ import annotations

import json
import math
from pathlib import Path

import boto3
import pyarrow.parquet as pq

from tests.integration.conftest import Outcome, Workspace

Trained = tuple[Workspace, Outcome]
ASKED = 20


def test_a_month_is_scored_from_raw_rows_as_the_endpoint_answers_them(trained: Trained) -> None:
    workspace, _ = trained

    outcome = workspace.run("run", "scoring", "--json")

    assert outcome.code == 0, outcome.err
    document = _document(workspace, outcome.json["execution_arn"])
    land = next(step for step in document["steps"] if step["name"] == "land")
    select = next(step for step in document["steps"] if step["name"] == "select")
    scored = pq.read_table(_folder(workspace, land["outputs"]["predictions"]))
    rows = pq.read_table(_folder(workspace, select["outputs"]["rows"]))
    assert scored.num_rows == rows.num_rows == 27268
    assert set(scored.column("month").to_pylist()) == {11}
    step = rows.num_rows // ASKED
    asked = rows.take(list(range(0, step * ASKED, step))).to_pylist()
    instances = [{name: _plain(value) for name, value in row.items() if value is not None} for row in asked]
    answers = _ask(workspace, instances)
    expected = scored.column("score").take(list(range(0, step * ASKED, step))).to_pylist()
    assert all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(answers, expected, strict=True))


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) else value.isoformat()  # type: ignore[attr-defined]


def _ask(workspace: Workspace, instances: list[dict[str, object]]) -> list[float]:
    answer = workspace.run("invoke", "flights", stdin=json.dumps({"instances": instances}))
    assert answer.code == 0, answer.err
    return [prediction["score"] for prediction in json.loads(answer.out)["predictions"]]


def _document(workspace: Workspace, arn: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    """execution.json as any S3 client reads it."""
    environment = workspace.aws()
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    s3 = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    body = s3.get_object(Bucket="sagelens-flights", Key=f"{pipeline}/{execution}/execution.json")["Body"].read()
    s3.close()
    document: dict[str, list[dict[str, dict[str, str]]]] = json.loads(body)
    return document


def _folder(workspace: Workspace, uri: str) -> Path:
    return workspace.root / ".sagelens" / "objects" / uri.removeprefix("s3://")
