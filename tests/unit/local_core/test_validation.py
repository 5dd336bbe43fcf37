"""Requests are checked against botocore's service model."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.local.api.model import service_model
from sagelens.local.api.scalars import JSON, NATIVE, QUERY
from sagelens.local.api.validation import Validator
from sagelens.local.ports import ApiError

MODEL = {"ModelName": "m", "PrimaryContainer": {"Image": "image"}}


def check(shape: str, value: Any, reader: Any = JSON, service: str = "sagemaker") -> Any:
    return Validator(service_model(service), reader).request(shape, value)


def refused(shape: str, value: Any, **how: Any) -> str:
    with pytest.raises(ApiError) as error:
        check(shape, value, **how)
    assert error.value.code == "ValidationException"
    return error.value.message


def test_a_good_request_comes_through_without_its_nulls() -> None:
    assert check("CreateModelInput", {**MODEL, "Tags": None}) == MODEL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Modelname": "x"}, "Unknown member 'Modelname'"),
        ({"ModelName": None}, "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        ({"ModelName": 5}, "Value '5' at 'modelName' failed to satisfy constraint: Member must be a string"),
        ({"ModelName": "under_score"}, "Member must satisfy regular expression pattern"),
        ({"ModelName": "m" * 64}, "Member must have length less than or equal to 63"),
        ({"PrimaryContainer": []}, "Value '[]' at 'primaryContainer' failed to satisfy constraint: Member must be a structure"),
        (
            {"PrimaryContainer": {"Mode": "Many"}},
            "at 'primaryContainer.mode' failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        ({"PrimaryContainer": {"Environment": {"A": 1}}}, "at 'primaryContainer.environment.A.member'"),
        ({"EnableNetworkIsolation": "true"}, "Member must be true or false"),
        ({"Tags": [{"Key": "k", "Value": "v"}, {"Key": "k"}]}, "Value null at 'tags.2.member.value'"),
        ({"Tags": {"Key": "k"}}, "Member must be a list"),
    ],
)
def test_a_wrong_member_is_named(changes: dict[str, Any], message: str) -> None:
    assert message in refused("CreateModelInput", {**MODEL, **changes})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    message = refused("CreateModelInput", {"ModelName": "_", "Nope": 1})
    assert message.startswith("2 validation errors detected: ")


@pytest.mark.parametrize(("number", "constraint"), [(0, "greater than or equal to 1"), (101, "less than or equal to 100")])
def test_numbers_have_ranges(number: int, constraint: str) -> None:
    assert constraint in refused("ListModelsInput", {"MaxResults": number})


@pytest.mark.parametrize("number", [True, 1.5, "1"])
def test_an_integer_is_an_integer(number: Any) -> None:
    assert "Member must be an integer" in refused("ListModelsInput", {"MaxResults": number})


def test_timestamps_become_seconds() -> None:
    given = {"CreationTimeAfter": 10, "CreationTimeBefore": "1970-01-01T00:00:20Z"}
    assert check("ListModelsInput", given) == {"CreationTimeAfter": 10.0, "CreationTimeBefore": 20.0}
    assert "a timestamp" in refused("ListModelsInput", {"CreationTimeAfter": "soon"})


def test_a_union_holds_exactly_one() -> None:
    lines = service_model("sagemaker").shapes
    union = next(name for name, shape in lines.items() if shape.get("union") and len(shape["members"]) > 1)
    assert "Exactly one member must be set" in refused(union, {})


def test_blobs_are_base64_on_the_wire_and_bytes_inside() -> None:
    shape = next(name for name, found in service_model("iam").shapes.items() if found["type"] == "blob")
    assert Validator(service_model("iam"), JSON)._check(shape)("aGk=", "", []) == b"hi"
    assert Validator(service_model("iam"), NATIVE)._check(shape)(b"hi", "", []) == b"hi"
    problems: list[str] = []
    Validator(service_model("iam"), JSON)._check(shape)("?", "", problems)
    assert "Member must be base64" in problems[0]


def test_a_shape_may_contain_itself() -> None:
    expression = {"SubExpressions": [{"Filters": [{"Name": "a"}]}]}
    assert check("SearchExpression", expression) == expression


def test_unicode_patterns_are_understood() -> None:
    tagged = {**MODEL, "Tags": [{"Key": "größe", "Value": "5 m²"}]}
    assert check("CreateModelInput", {**MODEL, "Tags": [{"Key": "größe", "Value": "5 m"}]})
    assert "regular expression" in refused("CreateModelInput", {**tagged, "Tags": [{"Key": "a<b", "Value": ""}]})


def test_text_is_read_as_its_type_in_query() -> None:
    assert check("GetSessionTokenRequest", {"DurationSeconds": "900"}, QUERY, "sts") == {"DurationSeconds": 900}
    assert "an integer" in refused("GetSessionTokenRequest", {"DurationSeconds": "long"}, reader=QUERY, service="sts")


def test_every_input_of_sagemaker_can_be_checked() -> None:
    model = service_model("sagemaker")
    validator = Validator(model, JSON)
    for name in model.operations():
        operation = model.operation(name)
        assert operation is not None
        if operation.input:
            with pytest.raises(ApiError, match="Unknown member 'Nonsense'"):
                validator.request(operation.input, {"Nonsense": 1})
