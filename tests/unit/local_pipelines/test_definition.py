"""What a definition may say, and what is refused with which words."""

from __future__ import annotations

import json
from dataclasses import replace
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
    "too many steps": (definition(*(step(Name=f"s{number}") for number in range(501))), "more than 500 steps"),
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
    "not a number": (
        '{"Version": "2020-12-01", "Steps": [{"Name": "x", "Type": "Processing", "Arguments": {"A": NaN}}]}',
        "NaN is no",
    ),
    "infinity": ('{"Version": "2020-12-01", "Steps": [-Infinity]}', "-Infinity is no value in JSON"),
    "beyond a double": ('{"Version": "2020-12-01", "Steps": [1e999]}', "the number 1e999 is beyond what a double holds"),
    "name twice": ('{"Version": "2020-12-01", "Steps": [], "Steps": []}', "the name 'Steps' stands twice"),
    "surrogate": (r'{"Version": "2020-12-01", "Steps": ["\ud800"]}', "half of a surrogate pair"),
    "too deep": ("[" * 100_000, "nested deeper than 200 levels"),
    "rather deep": ("[" * 300 + "]" * 300, "nested deeper than 200 levels"),
    "long integer": ('{"Version": ' + "9" * 5000 + "}", "is not JSON"),
    "parameter field": (
        definition(step(), parameters=[{"Name": "p", "Type": "String", "Default": "x"}]),
        "unknown field Default",
    ),
    "parameter enum": (definition(step(), parameters=[{"Name": "p", "Type": "String", "EnumValues": "ab"}]), "give a list"),
    "parameter true": (definition(step(), parameters=[parameter("p", "Float", True)]), "not of its Type Float"),
    "parameter large": (definition(step(), parameters=[parameter("p", "Float", 10**400)]), "beyond what a double holds"),
    "retry half": (definition(retried(MaxAttempts=1.5)), "MaxAttempts 1.5 in a retry policy; allowed: 0 to 20, whole numbers"),
    "retry back": (definition(retried(BackoffRate=-1)), "BackoffRate -1 in a retry policy"),
    "retry steep": (definition(retried(BackoffRate=1e300)), "at most 1000"),
    "retry number": (definition(step(RetryPolicies=[{"ExceptionType": 5}])), "ExceptionType 5"),
    "title": (definition(step(DisplayName=5)), "Step 'x' has DisplayName 5; it has to be a text"),
    "property file twice": (
        definition(step(PropertyFiles=[{"PropertyFileName": "p", "OutputName": "o", "FilePath": f} for f in "ab"])),
        "two PropertyFiles with the PropertyFileName 'p'",
    ),
    "in without list": (definition(condition("c", {"Type": "In", "QueryValue": 1, "Values": 5})), "whose Values are no list"),
    "or without list": (definition(condition("c", {"Type": "Or", "Conditions": 5})), "whose Conditions are no list"),
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
        compare("Equals", "0.9", 0.9),
        compare("GreaterThanOrEqualTo", False, 0),
        {"Type": "In", "QueryValue": 1, "Values": ["1"]},
    ],
)
def test_conditions_do_not_mix_types(test: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"of one type|cannot order"):
        evaluate(test, lambda value: value)


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    "test",
    [
        compare("GreaterThanOrEqualTo", INFINITY, 0.7),
        compare("LessThan", 0.7, -INFINITY),
        compare("Equals", NAN, 1),
        {"Type": "Not", "Condition": compare("LessThan", NAN, 0.7)},
        {"Type": "In", "QueryValue": NAN, "Values": [1]},
        {"Type": "Or", "Conditions": [compare("Equals", 1, 1), compare("Equals", NAN, 1)]},
        {"Type": "In", "QueryValue": 1, "Values": [1, INFINITY]},
    ],
)
def test_what_is_no_number_is_not_compared_wherever_it_stands(test: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="is no number that can be compared"):
        evaluate(test, lambda value: value)


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [], [1]])
def test_what_is_no_plain_value_is_not_compared(value: object) -> None:
    with pytest.raises(Invalid, match="It takes numbers, texts and booleans"):
        evaluate(compare("Equals", value, value), lambda value: value)


def test_integers_are_compared_exactly() -> None:
    assert not evaluate(compare("Equals", 2**53, 2**53 + 1), lambda value: value)
    assert evaluate(compare("GreaterThan", 2**53 + 1, float(2**53)), lambda value: value)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "[1, 1e400]", '{"v": 1, "v": 2}', "01", "1.", "+1"]
)
def test_a_property_file_that_is_no_json_is_not_read(text: str) -> None:
    scope = replace(SCOPE, read=lambda _: f'{{"v": 0.9, "w": {text}}}'.encode())

    with pytest.raises(Invalid, match="which is not JSON"):
        resolve({"Std:JsonGet": {"S3Uri": "s3://bucket/m.json", "Path": "v"}}, scope)


@pytest.mark.parametrize("data", ['{"v": 1}'.encode("utf-16"), b'{"v": "\xff"}', b"", b"\xef\xbb\xbf"])
def test_a_property_file_is_utf_8(data: bytes) -> None:
    with pytest.raises(Invalid, match="which is not JSON"):
        resolve({"Std:JsonGet": {"S3Uri": "s3://bucket/m.json", "Path": "v"}}, replace(SCOPE, read=lambda _: data))


@pytest.mark.parametrize(("text", "value"), [("1e308", 1e308), ("-0", 0), ("12345678901234567890", 12345678901234567890)])
def test_a_property_file_with_large_numbers_is_read(text: str, value: float) -> None:
    scope = replace(SCOPE, read=lambda _: f'{{"v": {text}}}'.encode())

    assert resolve({"Std:JsonGet": {"S3Uri": "s3://bucket/m.json", "Path": "v"}}, scope) == value


@pytest.mark.parametrize("function", ["Get", "Std:Join"])
def test_a_metric_that_is_no_number_is_handed_on_to_nobody(function: str) -> None:
    properties = {"train": {"FinalMetricDataList": [{"MetricName": "auc", "Value": NAN}]}}
    get = {"Get": "Steps.train.FinalMetricDataList['auc'].Value"}

    with pytest.raises(Invalid, match="is nan, which is no number"):
        resolve(get if function == "Get" else {"Std:Join": {"On": "", "Values": [get]}}, replace(SCOPE, properties=properties))


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
    "text", [" 7", "7 ", "1_000", "\u0663", "1.0", "1e3", "0x10", "seven", "NaN", "--1", "+7", "007", "7\n", "9" * 5000]
)
def test_an_integer_is_written_in_digits(text: str) -> None:
    with pytest.raises(Invalid, match="of type Integer"):
        bind(PARAMETERS, given(must="m", i=text))


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "-nan",
        "inf",
        "Infinity",
        "-inf",
        "1e999",
        "-1e999",
        "1_0.5",
        " 0.5",
        "0,5",
        "1d",
        "0x1p3",
        "\u0660.\u0665",
        ".5",
        "5.",
        "+1",
    ],
)
def test_a_float_is_a_finite_number_as_json_writes_it(text: str) -> None:
    with pytest.raises(Invalid, match="of type Float"):
        bind(PARAMETERS, given(must="m", f=text))


@pytest.mark.parametrize("text", ["yes", "1", "truE", "\uff54\uff52\uff55\uff45", " true", ""])
def test_a_boolean_is_true_or_false(text: str) -> None:
    with pytest.raises(Invalid, match="Parameter 'b' is"):
        bind(PARAMETERS, given(must="m", b=text))


def test_numbers_as_python_writes_them_are_read() -> None:
    bound = bind(PARAMETERS, given(must="m", i=str(-(10**30)), f=repr(1e-05)))

    assert (bound["i"], bound["f"]) == (-(10**30), 1e-05)


@pytest.mark.parametrize(
    ("text", "seconds"), [("P30D", 2_592_000), ("PT1H30M", 5400), ("P1W", 604_800), ("PT0.5S", 0.5), ("P1DT1S", 86_401)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration("x", text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "30D", "P1H", 5, "P\u0663D", "PT1\u017f", "P1_0D", "P9999999999D"])
def test_durations_that_are_refused(text: object) -> None:
    with pytest.raises(Invalid, match="ISO 8601"):
        parse_duration("x", text)
