"""Which changes of a model's schema break those who call it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from sagelens.errors import Refused
from sagelens.registry import check_callers, compare_schemas
from sagelens.testing.bucket import Bucket


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    fields = {name: kind if isinstance(kind, dict) else {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


OLD = schema(("distance",), carrier=["string", "null"], distance="integer")


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (schema(("distance",), distance="integer"), "field 'carrier' is gone"),
        (schema(("distance",), carrier="string", distance="integer"), "'carrier' was string or null and is string"),
        (schema(("distance",), carrier=["string", "null"], distance="string"), "'distance' was integer and is string"),
        (schema(("distance", "carrier"), carrier=["string", "null"], distance="integer"), "'carrier' has become required"),
        (schema(("distance", "hour"), carrier=["string", "null"], distance="integer", hour="integer"), "new and required"),
        (
            schema(("distance",), carrier=["string", "null"], distance={"type": "integer", "maximum": 9}),
            "'distance' was bound by {} and is by",
        ),
        ({**OLD, "output": {"type": "number"}}, ""),
    ],
)
def test_what_breaks_callers(new: dict[str, Any], said: str) -> None:
    breaking = compare_schemas(OLD, new).breaking

    assert any(said in change for change in breaking) if said else not breaking


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (schema(("distance",), carrier=["string", "null"], distance="number"), "'distance' was integer and is number"),
        (schema(("distance",), carrier=["string", "null"], distance=["integer", "null"]), "is integer or null"),
        (schema((), carrier=["string", "null"], distance="integer"), "'distance' has become optional"),
        (schema(("distance",), carrier=["string", "null"], distance="integer", hour="integer"), "'hour' (integer) is new"),
    ],
)
def test_what_does_not(new: dict[str, Any], said: str) -> None:
    diff = compare_schemas(OLD, new)

    assert diff.breaking == ()
    assert any(said in change for change in diff.compatible)


def test_another_answer_breaks_callers() -> None:
    before, after = ({**OLD, "output": {"score": kind}} for kind in ("number", "integer"))

    assert "the answer was" in compare_schemas(before, after).breaking[0]


kinds = st.sampled_from(["string", "integer", "number", ["string", "null"], ["integer", "null"]])
schemas = st.dictionaries(st.sampled_from("abcd"), kinds).flatmap(
    lambda fields: st.sets(st.sampled_from(sorted(fields) or ["a"])).map(
        lambda needed: schema(tuple(sorted(needed & set(fields))), **fields)
    )
)


@given(schemas)
def test_a_schema_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert str(compare_schemas(document, document)) == "no difference"


@given(schemas, schemas)
def test_what_is_compatible_both_ways_accepts_the_same_rows(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Anything that a schema without breaking changes no longer accepts would have been named."""
    if compare_schemas(old, new).breaking or compare_schemas(new, old).breaking:
        return
    assert old["properties"].keys() == new["properties"].keys()
    assert set(old["required"]) == set(new["required"])


@pytest.fixture
def s3() -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    return boto3.session.Session().client("s3", config=Config(s3={"addressing_style": "path"}), **keys)


def test_a_model_that_breaks_callers_is_refused_unless_that_is_allowed(s3: Any) -> None:
    bucket = Bucket()
    bucket.serve(s3)
    bucket.objects["b/old/schema.json"] = json.dumps(OLD).encode()
    bucket.objects["b/new/schema.json"] = json.dumps(schema(distance="string")).encode()

    with pytest.raises(Refused, match=r"field 'carrier' is gone; field 'distance' was integer .*--allow-breaking"):
        check_callers("s3://b/old/", "s3://b/new/", allow_breaking=False, s3=s3)

    assert len(check_callers("s3://b/old/", "s3://b/new/", allow_breaking=True, s3=s3).breaking) == 2
    assert not check_callers("", "s3://b/new/", allow_breaking=False, s3=s3).breaking
    assert not check_callers("s3://b/none/", "s3://b/new/", allow_breaking=False, s3=s3).breaking
