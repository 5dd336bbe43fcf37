"""What a suite compares with, beside columns of each type: taken exactly, or refused by name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sagelens.errors import BadConfig
from sagelens.quality import rows, validate_suite, wholes
from sagelens.quality.arguments import accepts, argument_problem, reason_against
from sagelens.quality.context import quietly
from sagelens.quality.suite import known_types
from sagelens.values import Check, Severity

from .test_exact import run

INT = pa.array([1, None], pa.int64())
FLOAT = pa.array([1.0, None], pa.float64())
DECIMAL = pa.array([Decimal("1.10"), None], pa.decimal128(10, 2))
BOOLEAN = pa.array([True, None])
DATE = pa.array([dt.date(2013, 1, 1), None])
NAIVE = pa.array([1_357_052_400_000_000_000, None], pa.timestamp("ns"))
INSTANT = pa.array([1_357_052_400_000_000, None], pa.timestamp("us", "UTC"))
TIME = pa.array([dt.time(15), None], pa.time64("us"))
TEXT = pa.array(["2013-01-01", None])
BINARY = pa.array([b"a", None])
LISTS = pa.array([[1], None])
STRUCTS = pa.array([{"x": 1}, None])
SPANS = pa.array([1, None], pa.duration("us"))
NOTHING = pa.array([None, None], pa.null())


def check(column: Any, type_: str, /, severity: str = "critical", **kwargs: Any) -> Check:
    expectation = {"type": f"expect_column_{type_}", "severity": severity, "kwargs": {"column": "x", **kwargs}}
    return run(pa.table({"x": column}), [expectation])[0]


REFUSED = [
    *((INT, value) for value in ("1", True, "2013-01-01", "a")),
    *((FLOAT, value) for value in ("1.0", False, "nan")),
    *((DECIMAL, value) for value in ("1,10", True, "NaN", "")),
    *((BOOLEAN, value) for value in (1, 0, "true", "yes")),
    *((DATE, value) for value in (20130101, "01.01.2013", "2013-13-01", "2013-01-01T15:00:00", "today", True)),
    *((NAIVE, value) for value in (2013, "15:00:00", "2013-01-01T25:00:00", "noon")),
    *((NAIVE, value) for value in ("9999-12-31T23:00:00-05:00", "0001-01-01T00:00:00+05:00")),
    *((INSTANT, value) for value in (1357052400, "15:00:00", True)),
    *((TIME, value) for value in (54000, "2013-01-01", "25:00:00", "3pm")),
    *((TEXT, value) for value in (1, 1.5, True)),
    *((BINARY, "a"), (LISTS, 1), (STRUCTS, 1), (SPANS, 1), (SPANS, "1 day")),
]


@pytest.mark.parametrize("type_", ["values_to_be_in_set", "values_to_not_be_in_set", "distinct_values_to_contain_set"])
@pytest.mark.parametrize(("column", "value"), REFUSED)
def test_a_value_of_another_kind_is_refused_by_name(column: Any, value: Any, type_: str) -> None:
    found = check(column, type_, severity="warning", value_set=[value])

    assert not found.passed
    assert found.severity is Severity.CRITICAL
    assert found.observed.startswith(f"could not be evaluated: suite 's', expect_column_{type_}")
    assert repr(value) in found.observed
    assert "column 'x'" in found.observed


TAKEN = [
    *((INT, value) for value in (1, 1.0)),
    *((FLOAT, value) for value in (1, 1.0)),
    *((DECIMAL, value) for value in ("1.1", "1.100", 1.1)),
    (BOOLEAN, True),
    *((DATE, value) for value in ("2013-01-01", "2013-01-01T00:00:00", "2013-01-01T00:00:00Z", "2013-01-01T02:00:00+02:00")),
    *(
        (NAIVE, value)
        for value in ("2013-01-01T15:00:00", "2013-01-01 15:00", "2013-01-01T15:00:00Z", "2013-01-01T16:00:00+01:00")
    ),
    *((INSTANT, value) for value in ("2013-01-01T15:00:00", "2013-01-01 15:00:00.000", "2013-01-01T10:00:00-05:00")),
    *((TIME, value) for value in ("15:00", "15:00:00", "15:00:00.000")),
    (TEXT, "2013-01-01"),
]


@pytest.mark.parametrize(("column", "value"), TAKEN)
def test_a_value_means_itself_however_it_is_written(column: Any, value: Any) -> None:
    assert not check(column, "values_to_not_be_in_set", value_set=[value]).passed
    assert check(column, "values_to_be_in_set", value_set=[value]).passed
    assert check(column, "values_to_be_between", min_value=value, max_value=value).passed
    assert check(column, "max_to_be_between", min_value=value, max_value=value).passed


@pytest.mark.parametrize("column", [BINARY, LISTS, STRUCTS, SPANS])
def test_what_has_no_values_to_compare_is_counted(column: Any) -> None:
    assert not check(column, "values_to_not_be_null").passed
    assert check(column, "values_to_be_unique").passed
    assert check(column, "unique_value_count_to_be_between", min_value=1, max_value=1).passed
    twice = pa.chunked_array([column, column])
    assert check(twice, "values_to_be_unique").unexpected_count == 2


def test_a_column_without_any_value_has_none_that_is_otherwise() -> None:
    assert check(NOTHING, "values_to_be_in_set", value_set=["a"]).passed
    assert check(NOTHING, "values_to_be_between", min_value=1).passed
    assert check(NOTHING, "values_to_match_regex", regex="a").passed
    assert check(NOTHING, "values_to_be_increasing").passed
    assert check(NOTHING, "values_to_not_be_null").unexpected_count == 2
    assert not check(NOTHING, "mean_to_be_between", min_value=0).passed
    assert not check(NOTHING, "max_to_be_between", min_value=0).passed


def test_integers_with_a_missing_value_stay_integers() -> None:
    big = pa.array([2**53, 2**53 + 1, None], pa.int64())

    assert check(big, "values_to_be_unique").passed
    assert check(big, "values_to_match_regex", regex=r"^\d+$").passed
    assert check(big, "value_lengths_to_equal", value=16).passed
    found = check(big, "values_to_be_between", max_value=2**53)
    assert found.sample == ({"x": 2**53 + 1},)
    assert found.observed == "1 rows otherwise (50 %), such as 9007199254740993"


def test_sample_rows_show_the_values_that_are_there() -> None:
    columns = {
        "n": pa.array([float("nan")]),
        "i": pa.array([float("-inf")]),
        "d": pa.array([Decimal("0.10")], pa.decimal128(5, 2)),
        "t": pa.array([1_357_052_400_000_000_001], pa.timestamp("ns", "Europe/Berlin")),
        "b": pa.array([b"\x00a"]),
        "s": pa.array([None], pa.string()),
    }

    (found,) = run(
        pa.table(columns),
        [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "s"}}],
        meta={"key": list(columns)},
    )

    assert found.sample == (
        {"s": None, "n": "nan", "i": "-inf", "d": "0.10", "t": "2013-01-01 15:00:00.000000001+00", "b": "0061"},
    )


NAN = pa.array([1.0, float("nan"), float("nan")])


def test_nan_is_no_missing_value_and_in_no_range() -> None:
    assert check(NAN, "values_to_not_be_null").passed
    assert check(NAN, "values_to_be_between", min_value=0).unexpected_count == 2
    assert check(NAN, "values_to_be_unique").unexpected_count == 2
    assert not check(NAN, "mean_to_be_between", min_value=0).passed
    assert not check(NAN, "max_to_be_between", min_value=0).passed
    assert not check(NAN, "stdev_to_be_between", min_value=0).passed


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("median_to_be_between", {"min_value": 0}),
        ("value_z_scores_to_be_less_than", {"threshold": 3}),
        ("values_to_not_be_outliers", {}),
        ("quantile_values_to_be_between", {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9]]}}),
    ],
)
def test_what_nan_makes_undefined_is_refused(type_: str, kwargs: dict[str, Any]) -> None:
    assert "NaN" in check(NAN, type_, **kwargs).observed


def test_outliers_and_scores_are_measured_from_the_exact_mean() -> None:
    far = pa.array([2**60, 2**60 + 1, 2**60 + 2, 2**60 + 100, None], pa.int64())

    assert check(far, "values_to_not_be_outliers").unexpected_count == 1
    assert check(far, "value_z_scores_to_be_less_than", threshold=1.2, double_sided=True).unexpected_count == 1
    assert check(far, "stdev_to_be_between", min_value=49.4, max_value=49.6).passed
    alike = pa.array([2**60] * 3, pa.int64())
    assert check(alike, "value_z_scores_to_be_less_than", threshold=1, double_sided=True).passed
    assert check(alike, "stdev_to_be_between", max_value=0).passed


def test_quantiles_have_no_tolerance() -> None:
    column = pa.array([10_000, 10_001, 10_002], pa.int64())
    for low, passed in ((10_001, True), (10_001.5, False)):
        ranges = {"quantiles": [0.5], "value_ranges": [[low, None]]}
        assert check(column, "quantile_values_to_be_between", quantile_ranges=ranges).passed is passed


@pytest.mark.parametrize(
    ("column", "name", "passed"),
    [
        (INT, "int64", True),
        (INT, "int", True),
        (INT, "BIGINT", True),
        (INT, "int32", False),
        (INT, "INTEGER", False),
        (INT, "float64", False),
        (FLOAT, "float64", True),
        (DECIMAL, "decimal", True),
        (DECIMAL, "DECIMAL(10,2)", True),
        (DECIMAL, "DECIMAL(10,3)", False),
        (DATE, "date", True),
        (DATE, "datetime", False),
        (NAIVE, "datetime64[ns]", True),
        (NAIVE, "datetime64[us]", False),
        (INSTANT, "TIMESTAMP WITH TIME ZONE", True),
        (INSTANT, "TIMESTAMP", False),
        (TEXT, "str", True),
        (BOOLEAN, "bool", True),
        (BOOLEAN, "int", False),
    ],
)
def test_a_type_is_that_of_the_column_whatever_is_missing(column: Any, name: str, passed: bool) -> None:
    assert check(column, "values_to_be_of_type", type_=name).passed is passed
    assert check(column, "type_to_be", type_=name).passed is passed
    assert check(column, "values_to_be_in_type_list", type_list=["bytes", name]).passed is passed


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("values_to_match_like_pattern", {"like_pattern": "1%"}),
        ("values_to_be_json_parseable", {}),
        ("values_to_match_strftime_format", {"strftime_format": "%Y"}),
    ],
)
def test_what_must_be_text_is_refused_of_numbers(type_: str, kwargs: dict[str, Any]) -> None:
    assert check(INT, type_, **kwargs).observed.startswith("could not be evaluated")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("values_to_be_in_set", {}, "lacks value_set"),
    ("values_to_be_in_set", {"value_set": []}, "at least one"),
    ("values_to_not_be_in_set", {"value_set": [None]}, "A missing value is in no set"),
    ("values_to_be_in_set", {"value_set": {"$PARAMETER": "v"}}, "Suite parameters"),
    ("values_to_be_in_set", {"value_set": ["a"], "parse_strings_as_datetimes": True}, "does not take parse_strings_as_datetimes"),
    ("values_to_be_between", {"min_value": 3, "max_value": 2}, "lets nothing through"),
    ("values_to_be_between", {"min_value": 2, "max_value": 2, "strict_min": True}, "lets nothing through"),
    ("values_to_be_between", {"min_value": float("nan")}, "NaN"),
    ("values_to_be_between", {"min_value": 1, "strict_min": "yes"}, "true or false"),
    ("values_to_be_between", {"min_value": 1, "mostly": 95}, "from 0 to 1"),
    ("values_to_be_between", {"min_value": 1, "mostly": True}, "from 0 to 1"),
    ("values_to_match_regex", {"regex": "("}, "no regular expression"),
    ("values_to_match_regex", {"regex": "a{99999999999}"}, "no regular expression"),
    ("values_to_match_regex_list", {"regex_list": ["a", "(" * 9000 + ")" * 9000]}, "no regular expression"),
    ("values_to_match_strftime_format", {"strftime_format": "%Q"}, "Python reads no time by it"),
    ("values_to_match_strftime_format", {"strftime_format": "%Y %Y"}, "Python reads no time by it"),
    ("values_to_be_of_type", {"type_": "object"}, "Write a type"),
    ("mean_to_be_between", {"min_value": "1"}, "a bound that is no number"),
    ("values_to_be_between", {"min_value": 1, "row_condition": "x.str.len() > 2"}, "Allowed: comparisons"),
    ("values_to_be_between", {"min_value": 1, "row_condition": "@limit > 2"}, "cannot be read"),
    ("values_to_be_between", {"min_value": 1, "row_condition": "x + 1 > 2"}, "Allowed: comparisons"),
    ("values_to_be_between", {"min_value": 1, "row_condition": "x > 1 # and x < 9"}, "what follows # would not be read"),
    ("values_to_be_between", {"min_value": 1, "row_condition": "\ufb01 > 1"}, "between backticks"),
    ("values_to_be_between", {"min_value": 1, "condition_parser": "spark"}, "Allowed: pandas"),
    ("value_lengths_to_equal", {"value": 1.5}, "whole number"),
    (
        "quantile_values_to_be_between",
        {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, None]]}},
        "one bound at least",
    ),
    (
        "quantile_values_to_be_between",
        {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[9, 0]]}},
        "No value is from 9 to 0",
    ),
    (
        "quantile_values_to_be_between",
        {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [["a", 0]]}},
        "no range of numbers",
    ),
    ("pair_values_to_be_equal", {"column": "x"}, "does not take column"),
    ("values_to_match_json_schema", {"json_schema": {"type": "nonsense"}}, "no JSON schema"),
]


@pytest.mark.parametrize(("type_", "kwargs", "said"), WRONG)
def test_an_argument_that_would_be_overlooked_is_refused(type_: str, kwargs: dict[str, Any], said: str) -> None:
    own = {} if "pair" in type_ else {"column": "x"}
    suite = {"name": "s", "expectations": [{"type": f"expect_column_{type_}", "kwargs": {**own, **kwargs}}]}

    with pytest.raises(BadConfig) as caught:
        validate_suite(suite)

    assert said in caught.value.message
    assert f"Suite 's' gives expect_column_{type_}" in caught.value.message


@pytest.mark.parametrize(
    "more", [{"type": "expect_multicolumn_sum_to_equal", "sum_total": 2}, {"type": "expect_compound_columns_to_be_unique"}]
)
def test_a_column_that_is_named_twice_is_refused(more: dict[str, Any]) -> None:
    kwargs = {"column_list": ["x", "x"], **more}

    with pytest.raises(BadConfig, match="'x' stands twice"):
        validate_suite({"name": "s", "expectations": [{"type": kwargs.pop("type"), "kwargs": kwargs}]})


def test_every_expectation_is_decided_or_refused_with_its_reason() -> None:
    decided = {*rows._PREDICATES, *rows._SPECIAL, *wholes._JUDGES}

    assert {type_ for type_ in known_types() if accepts(type_)} == decided
    for type_ in known_types() - decided:
        assert reason_against(type_)
        with pytest.raises(BadConfig, match=f"uses {type_}, which a gate does not run"):
            validate_suite({"name": "s", "expectations": [{"type": type_, "kwargs": {}}]})


def test_arguments_are_those_of_great_expectations() -> None:
    with quietly():
        import great_expectations.expectations.core  # noqa: F401 - registers them
        from great_expectations.expectations.expectation import Expectation
        from great_expectations.expectations.registry import get_expectation_impl

    common = {*Expectation.__fields__, "batch_id", "library_metadata"}
    refused = {
        (type_, name)
        for type_ in filter(accepts, known_types())
        for name in get_expectation_impl(type_).__fields__.keys() - common
        if "does not take" in (argument_problem(type_, {name: None}) or "")
    }
    assert refused == set()
