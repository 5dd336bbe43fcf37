"""What a definition may say, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagelens.local.pipelines.conditions import evaluate
from sagelens.local.pipelines.definition import parse_definition
from sagelens.local.pipelines.duration import parse_duration
from sagelens.local.pipelines.expressions import parse_path
from sagelens.local.pipelines.graph import build_graph
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.parameters import bind
from sagelens.local.pipelines.resolve import Scope, resolve
from tests.unit.local_pipelines.definitions import condition, definition, equals, fail, output_of, parameter, processing


def step(**fields: Any) -> dict[str, Any]:
    return {"Name": "x", "Type": "Processing", "Arguments": {}, **fields}


def retried(**fields: Any) -> dict[str, Any]:
    return step(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], **fields}])


REFUSED: dict[str, tuple[Any, str]] = {
    "no json": ("{", "is not JSON"),
    "no object": ("[]", "it has to be an object"),
    "version": (json.dumps({"Version": "2021-01-01", "Steps": [step()]}), "Version '2021-01-01'"),
    "unknown top field": (json.dumps({"Version": "2020-12-01", "Steps": [step()], "Stepps": []}), "unknown field Stepps"),
    "no steps": (definition(), "no Steps"),
    "too long": (definition(step(Description="x" * 1_048_576)), "at most 1,048,576"),
    "bad name": (definition(step(Name="a b")), "Name 'a b'; use 1 to 64"),
    "long name": (definition(step(Name="a" * 65)), "use 1 to 64"),
    "unknown type": (
        definition(step(Type="Lambda")),
        "Step 'x' has type Lambda, which the local SageMaker does not run; it runs: Processing, Training, Transform, Condition, ",
    ),
    "unknown field": (definition(step(Argument={})), "Step 'x' has the unknown field Argument"),
    "cache on a model": (
        definition(step(Type="Model", CacheConfig={"Enabled": True})),
        "Step 'x' has the unknown field CacheConfig",
    ),
    "no arguments": (definition({"Name": "x", "Type": "Processing"}), "Step 'x' has no Arguments"),
    "duplicate name": (definition(step(), condition("c", equals(1, 1), [step()])), "Two steps have the Name 'x'"),
    "unknown step": (definition(step(Arguments={"A": output_of("y")})), "there is no step 'y'"),
    "unknown parameter": (definition(step(Arguments={"A": {"Get": "Parameters.p"}})), "there is no parameter 'p'"),
    "unknown execution field": (definition(step(Arguments={"A": {"Get": "Execution.Id"}})), "no Execution field 'Id'"),
    "unknown root": (definition(step(Arguments={"A": {"Get": "Step.x"}})), "Step 'x': The reference 'Step.x' is not known"),
    "unknown function": (definition(step(Arguments={"A": {"Std:Split": {}}})), "Step 'x': The function Std:Split is not known"),
    "join without values": (definition(step(Arguments={"A": {"Std:Join": {"On": "/"}}})), "Step 'x': Std:Join has {'On': '/'}"),
    "json without path": (definition(step(Arguments={"A": {"Std:JsonGet": {"S3Uri": "s3://b/k"}}})), "give Path, and one of"),
    "json of nothing": (definition(step(Arguments={"A": {"Std:JsonGet": {"Path": "a"}}})), "give Path, and one of"),
    "json of no property file": (
        definition(processing("a"), step(Arguments={"A": {"Std:JsonGet": {"PropertyFile": output_of("a"), "Path": "x"}}})),
        "write {'Get': 'Steps.<step>.PropertyFiles.<name>'}",
    ),
    "property files": (definition(step(PropertyFiles="p")), "Step 'x' has PropertyFiles 'p'; give a list"),
    "retry text": (definition(retried(MaxAttempts="many")), "MaxAttempts many in a retry policy"),
    "retry rate": (definition(retried(BackoffRate="2")), "BackoffRate '2' in a retry policy; give a number"),
    "bad path": (definition(step(Arguments={"A": {"Get": "Steps.x.a[b]"}})), "cannot be read from"),
    "unknown dependency": (definition(step(DependsOn=["y"])), "Step 'x' has 'y' in DependsOn, which is no step"),
    "trigger": (definition(step(DependsOn=[{"Step": "y", "Trigger": "Failed"}])), "no triggers"),
    "itself": (definition(step(DependsOn=["x"])), "in a circle: x -> x"),
    "circle": (definition(processing("a", {"i": output_of("b")}), processing("b", {"i": output_of("a")})), "in a circle: "),
    "circle through a branch": (
        definition(
            condition("c", equals(1, 1), [processing("in", {"i": output_of("after")})]), processing("after", DependsOn=["c"])
        ),
        "in a circle: ",
    ),
    "into a branch": (
        definition(condition("c", equals(1, 1), [processing("in")]), processing("out", {"i": output_of("in")})),
        "step 'in' is not certain to have run: it is in the IfSteps of condition 'c'. Move 'out' into that branch",
    ),
    "into the other branch": (
        definition(condition("c", equals(1, 1), [processing("yes")], [processing("no", DependsOn=["yes"])])),
        "Step 'no' depends on 'yes', but step 'yes' is not certain to have run",
    ),
    "on a fail step": (definition(fail("f", "no"), step(DependsOn=["f"])), "depends on the Fail step 'f'"),
    "of a fail step": (definition(fail("f", "no"), step(Arguments={"A": {"Get": "Steps.f.Message"}})), "'f' has no properties"),
    "fail without message": (definition(fail("f", None)), "Step 'f' has no Arguments.ErrorMessage"),
    "unknown property file": (
        definition(
            processing("a"),
            step(Arguments={"A": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.a.PropertyFiles.p"}, "Path": "x"}}}),
        ),
        "step 'a' has the property files: none",
    ),
    "property file": (
        definition(step(PropertyFiles=[{"PropertyFileName": "p"}])),
        "give PropertyFileName, OutputName and FilePath",
    ),
    "condition without conditions": (definition({"Name": "c", "Type": "Condition", "Arguments": {}}), "no Arguments.Conditions"),
    "unknown condition": (definition(condition("c", {"Type": "NotEquals"})), "its Type has to be one of: Equals, GreaterThan"),
    "unknown condition inside": (
        definition(condition("c", {"Type": "Or", "Conditions": [{"Type": "X"}]})),
        "Step 'c' has the condition",
    ),
    "condition without value": (definition(condition("c", {"Type": "Equals", "LeftValue": 1})), "Equals without RightValue"),
    "cache": (definition(step(CacheConfig={"Enabled": "yes"})), "Step 'x' has CacheConfig"),
    "expiry": (
        definition(step(CacheConfig={"Enabled": True, "ExpireAfter": "30d"})),
        "CacheConfig.ExpireAfter of step 'x' is '30d'",
    ),
    "retry type": (definition(step(RetryPolicies=[{"ExceptionType": ["Oops"]}])), "known: Step.SERVICE_FAULT, Step.THROTTLING"),
    "retry both": (definition(retried(MaxAttempts=1, ExpireAfterMin=1)), "both MaxAttempts and ExpireAfterMin"),
    "retry attempts": (definition(retried(MaxAttempts=21)), "MaxAttempts 21 in a retry policy; allowed: 0 to 20"),
    "retry interval": (definition(retried(IntervalSeconds=43_201)), "allowed: 0 to 43200"),
    "parameter name": (definition(step(), parameters=[parameter("a.b")]), "no usable Name"),
    "parameter type": (definition(step(), parameters=[parameter("p", "Number")]), "Type 'Number'; known: String"),
    "parameter default": (definition(step(), parameters=[parameter("p", "Integer", "1")]), "not of its Type Integer"),
    "parameter twice": (definition(step(), parameters=[parameter("p"), parameter("p")]), "Two parameters have the Name 'p'"),
    "too many parameters": (definition(step(), parameters=[parameter(f"p{i}") for i in range(201)]), "at most 200"),
    "default not allowed": (
        definition(step(), parameters=[{"Name": "p", "Type": "String", "DefaultValue": "c", "EnumValues": ["a", "b"]}]),
        "Parameter 'p' is 'c'; allowed: a, b",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(Invalid) as refused:
        build_graph(parse_definition(text))
    assert message in refused.value.message
    assert refused.value.code == "ValidationException"


def test_what_the_sdk_writes_beside_the_steps_is_taken() -> None:
    raw = json.loads(definition(step(DisplayName="X", DependsOn=[])))
    raw |= {"PipelineExperimentConfig": None, "MlflowConfig": None}

    parsed = parse_definition(json.dumps(raw))

    assert parsed.steps["x"].display_name == "X"


def test_references_and_order_make_the_graph() -> None:
    join = {"Std:Join": {"On": "/", "Values": [output_of("a"), {"Std:JsonGet": {"S3Uri": output_of("b"), "Path": "x"}}]}}
    graph = build_graph(
        parse_definition(
            definition(
                processing("c", {"i": join}, DependsOn=["d"]),
                processing("a"),
                processing("b"),
                processing("d"),
                condition("e", equals(1, join)),
            )
        )
    )

    assert set(graph["c"].waits_for) == {"a", "b", "d"}
    assert graph["c"].data == ("a", "b")
    assert set(graph["e"].waits_for) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ("Outputs['my out'].x", ("Outputs", "my out", "x")),
        ('m["valid:auc"]', ("m", "valid:auc")),
        ("a-b._c", ("a-b", "_c")),
    ],
)
def test_paths(text: str, parts: tuple[str | int, ...]) -> None:
    assert parse_path(text) == parts


@pytest.mark.parametrize("text", [".a", "a..b", "a[", "a[x]", "a b", "$.a"])
def test_paths_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        parse_path(text)


FILES = {"s3://bucket/m.json": b'{"auc": {"value": 0.7}, "list": [{"k": true}]}'}
SCOPE = Scope(
    parameters={"n": 3, "f": 0.5, "b": True, "s": "text"},
    execution={"PipelineName": "flow"},
    properties={
        "train": {
            "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.7}, {"MetricName": "loss", "Value": 0.1}],
            "Environment": {"A": "1"},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket"}}]},
        }
    },
    steps=parse_definition(
        definition(processing("train", PropertyFiles=[{"PropertyFileName": "p", "OutputName": "o", "FilePath": "m.json"}]))
    ).steps,
    read=FILES.__getitem__,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Get": "Parameters.n"}, 3),
        ({"Get": "Execution.PipelineName"}, "flow"),
        ({"Get": "Steps.train.FinalMetricDataList['loss'].Value"}, 0.1),
        ({"Get": "Steps.train.FinalMetricDataList[0].Value"}, 0.7),
        ({"Get": "Steps.train.Environment['A']"}, "1"),
        (
            {"Std:Join": {"On": "-", "Values": ["a", {"Get": "Parameters.n"}, {"Get": "Parameters.b"}, {"Get": "Parameters.f"}]}},
            "a-3-true-0.5",
        ),
        ({"Std:Join": {"On": "/", "Values": [{"Std:Join": {"On": "", "Values": ["x", "y"]}}, "z"]}}, "xy/z"),
        ({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.train.PropertyFiles.p"}, "Path": "auc.value"}}, 0.7),
        ({"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://bucket", "m.json"]}}, "Path": "list[0].k"}}, True),
        ({"a": [{"Get": "Parameters.s"}], "b": {"Get": 1, "x": 2}}, {"a": ["text"], "b": {"Get": 1, "x": 2}}),
    ],
)
def test_resolve(value: Any, expected: Any) -> None:
    assert resolve(value, SCOPE) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Get": "Steps.train.FinalMetricDataList['f1'].Value"}, "cannot be resolved at 'f1'"),
        ({"Get": "Steps.train.Environment.B"}, "there is: A"),
        ({"Get": "Steps.other.X"}, "has no value here. Known: train"),
        ({"Std:Join": {"On": "", "Values": [{"Get": "Steps.train.Environment"}]}}, "Std:Join cannot join"),
        ({"Std:JsonGet": {"S3Uri": "s3://bucket/m.json", "Path": "auc.nope"}}, "Path 'auc.nope' in s3://bucket/m.json"),
    ],
)
def test_resolve_says_what_is_missing(value: Any, message: str) -> None:
    with pytest.raises(Invalid, match=r".*") as refused:
        resolve(value, SCOPE)
    assert message in refused.value.message


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", "a", "b"), False),
        (compare("Equals", True, True), True),
        (compare("GreaterThan", 2, 2), False),
        (compare("GreaterThanOrEqualTo", 2, 2), True),
        (compare("LessThan", "a", "b"), True),
        (compare("LessThanOrEqualTo", 3, 2.5), False),
        ({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]}, True),
        ({"Type": "In", "QueryValue": "c", "Values": ["a", "b"]}, False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 2)}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2)]}, False),
    ],
)
def test_conditions(test: dict[str, Any], holds: bool) -> None:
    assert evaluate(test, lambda value: value) is holds


@pytest.mark.parametrize(
    "test",
    [
        compare("Equals", 1, "1"),
        compare("Equals", True, 1),
        compare("GreaterThan", "2", 1),
        compare("LessThan", True, False),
        compare("Equals", None, "x"),
        {"Type": "In", "QueryValue": 1, "Values": ["1"]},
    ],
)
def test_conditions_do_not_mix_types(test: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"of one type|cannot order"):
        evaluate(test, lambda value: value)


PARAMETERS = parse_definition(
    definition(
        step(),
        parameters=[
            parameter("s", default="d"),
            parameter("i", "Integer", 1),
            parameter("f", "Float", 1),
            parameter("b", "Boolean", False),
            parameter("must"),
            {"Name": "e", "Type": "String", "DefaultValue": "x", "EnumValues": ["x", "y"]},
        ],
    )
).parameters


def given(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def test_parameters_get_their_types_and_defaults() -> None:
    bound = bind(PARAMETERS, given(must="m", i="7", b="TRUE"))

    assert bound == {"s": "d", "i": 7, "f": 1.0, "b": True, "must": "m", "e": "x"}
    assert [type(v) for v in bound.values()] == [str, int, float, bool, str, str]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Parameter must has no default"),
        ({"must": "m", "x": "1"}, "no parameter 'x'. It has: s, i, f"),
        ({"must": ""}, "Parameter 'must' is empty"),
        ({"must": "m", "i": "1.5"}, "of type Integer; '1.5' is not"),
        ({"must": "m", "f": "x"}, "of type Float"),
        ({"must": "m", "b": "1"}, "of type Boolean"),
        ({"must": "m", "e": "z"}, "'z'; allowed: x, y"),
    ],
)
def test_parameters_that_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        bind(PARAMETERS, given(**values))
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("text", "seconds"), [("P30D", 2_592_000), ("PT1H30M", 5400), ("P1W", 604_800), ("PT0.5S", 0.5), ("P1DT1S", 86_401)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration("x", text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "30D", "P1H", 5])
def test_durations_that_are_refused(text: object) -> None:
    with pytest.raises(Invalid, match="ISO 8601"):
        parse_duration("x", text)
