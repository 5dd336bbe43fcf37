"""What a model is asked before and after it goes out: its golden set where it brought one, else its sample rows.

`golden.jsonl` of the servable: one JSON object a line, `{"row": {...}, "score": 0.42, "tolerance": 0.001}`; the tolerance may be
left out (1e-6). `sample.jsonl`: one raw row a line, to which only a proper answer is due.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sagelens.errors import BadData
from sagelens.values import RuntimeClient, S3Client
from sagelens.values.s3 import split_uri

__all__ = ["Answers", "Question", "ask", "read_questions"]

_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Question:
    """A raw row; `score` is what must come back, within `tolerance`, where that is known."""

    row: Mapping[str, Any]
    score: float | None = None
    tolerance: float = _TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Answers:
    rows: int
    seconds: float
    lowest_score: float
    highest_score: float
    golden: bool


def read_questions(model_uri: str, rows: int, *, s3: S3Client) -> list[Question]:
    """The whole golden set of a packaged model; without one, so many of its sample rows. Raises BadData."""
    bucket, prefix = split_uri(model_uri)
    prefix = prefix.rstrip("/")
    files = json.loads(_read(s3, bucket, f"{prefix}/manifest.json")).get("files", {})
    golden = "golden.jsonl" in files
    key = f"{prefix}/{'golden' if golden else 'sample'}.jsonl"
    lines = filter(str.strip, _read(s3, bucket, key).splitlines())
    try:
        found = [json.loads(line) for line in (lines if golden else islice(lines, rows))]
        questions = [_golden(line) if golden else Question(row=line) for line in found]
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"s3://{bucket}/{key} cannot be read as rows to ask for: {error!r}. Package the model again.") from error
    if not questions:
        raise BadData(f"s3://{bucket}/{key} holds no rows to ask for. Package the model with rows of its training table.")
    return questions


def ask(endpoint: str, questions: list[Question], *, runtime: RuntimeClient, variant: str | None = None) -> Answers:
    """Ask all at once. Raises BadData for an answer that is not proper, or not the expected one; ClientError for none."""
    target = {"TargetVariant": variant} if variant else {}
    started = time.perf_counter()
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": [question.row for question in questions]}).encode(),
        **target,
    )
    scores = _scores(answer["Body"].read(), len(questions))
    for number, (question, score) in enumerate(zip(questions, scores, strict=True)):
        if question.score is not None and abs(score - question.score) > question.tolerance:
            raise BadData(
                f"it answered {score:.6g} to row {number} of its golden set, where {question.score:.6g} within "
                f"{question.tolerance:g} was due"
            )
    return Answers(
        rows=len(scores),
        seconds=round(time.perf_counter() - started, 4),
        lowest_score=min(scores),
        highest_score=max(scores),
        golden=questions[0].score is not None,
    )


def _golden(line: Mapping[str, Any]) -> Question:
    return Question(row=line["row"], score=float(line["score"]), tolerance=float(line.get("tolerance", _TOLERANCE)))


def _scores(body: bytes, rows: int) -> list[float]:
    try:
        predictions = json.loads(body)["predictions"]
        scores = [float(prediction["score"]) for prediction in predictions]
        labelled = all(isinstance(prediction["label"], bool) for prediction in predictions)
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"it answered {body[:200]!r}, not a list of predictions with score and label") from error
    if len(scores) != rows or not labelled or not all(0 <= score <= 1 for score in scores):
        raise BadData(f"it answered {body[:200]!r} to {rows} rows; one score from 0 to 1 and one label a row were due")
    return scores


def _read(s3: S3Client, bucket: str, key: str) -> str:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body.decode()
