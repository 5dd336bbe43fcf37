"""A request to try comes from what the model was packaged with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagelens.cli.commands.example import example_of
from sagelens.cli.offers import commands_to_try, try_command
from sagelens.errors import NotFound
from tests.unit.cli.conftest import Bucket
from tests.unit.cli.test_hints import parsed

GOLDEN = '{"row": {"hour": 5, "carrier": "航"}, "score": 0.5, "tolerance": 0.001}\n{"row": {"hour": 6}, "score": 1}\n'
SCHEMA = {
    "properties": {
        "hour": {"type": "integer", "minimum": 1},
        "carrier": {"enum": ["AA", "UA"]},
        "temp": {"type": ["number", "null"]},
        "late": {"type": "boolean"},
        "id": {"const": "x"},
    }
}


class Lines(bytes):
    """The part of botocore's body that reads lines."""

    def iter_lines(self) -> Any:
        return iter(self.splitlines())

    def read(self) -> bytes:
        return bytes(self)


class Folder(Bucket):
    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"Body": Lines(super().get_object(Bucket=Bucket, Key=Key)["Body"].read())}


def folder(**files: str) -> Any:
    return Folder(objects={f"m/{name.replace('_', '.')}": text.encode() for name, text in files.items()})


def test_the_first_golden_row_is_the_request() -> None:
    found = example_of(folder(golden_jsonl=GOLDEN, sample_jsonl='{"hour": 9}\n'), "s3://b/m/")

    assert found == {"instances": [{"hour": 5, "carrier": "航"}]}


def test_else_the_first_row_of_the_sample() -> None:
    assert example_of(folder(sample_jsonl='{"hour": 9}\n{"hour": 8}\n'), "s3://b/m") == {"instances": [{"hour": 9}]}


def test_else_one_that_the_schema_allows() -> None:
    found = example_of(folder(schema_json=json.dumps(SCHEMA)), "s3://b/m/")

    assert found == {"instances": [{"hour": 1, "carrier": "AA", "temp": 0.0, "late": False, "id": "x"}]}


def test_a_model_without_any_of_them_is_said_so() -> None:
    with pytest.raises(NotFound, match="no request is known to be right"):
        example_of(folder(), "s3://b/m/")


@pytest.mark.parametrize("local", [True, False])
def test_every_command_to_try_parses(local: bool) -> None:
    whole = [try_command("3", "flights"), *commands_to_try("3", "flights", region="eu-west-1", local=local).values()]

    assert parsed(whole[0].split(" | ")[1]) == {"endpoint": "flights", "body": "-", "content_type": "application/json"} | {
        "variant": None,
        "env": "local",
    }
    for command in whole:
        begun = next(line for line in command.splitlines() if line.startswith("sagelens models"))
        assert parsed(begun.split(" | ")[0]) == {"model": "3", "example": True, "env": "local", "as_json": True}


def test_on_aws_requests_go_to_its_own_endpoint_with_the_sessions_token() -> None:
    curl = commands_to_try("3", "flights", region="eu-west-1", local=False)["curl"]

    assert curl.endswith("https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/flights/invocations")
    assert '-H "x-amz-security-token: $AWS_SESSION_TOKEN"' in curl
