"""Suites are refused before Great Expectations is ever imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.quality import parse_suite, validate_suite

NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}


def suite_of(*expectations: Any, **more: Any) -> dict[str, Any]:
    return {"name": "s", "expectations": list(expectations), **more}


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ({"expectations": [NOT_NULL]}, "has no name"),
        ({"name": "s"}, "lists no expectations"),
        (suite_of("expect"), "expectation 1 that is not a mapping"),
        (suite_of({"kwargs": {}}), "expectation 1 without a type"),
        (suite_of(NOT_NULL, colour="red"), "unknown key colour"),
        (suite_of({**NOT_NULL, "args": {}}), "unknown key args"),
        (suite_of({**NOT_NULL, "severity": "fatal"}), "severity 'fatal'. Allowed: critical, warning, info"),
        (suite_of({**NOT_NULL, "kwargs": ["x"]}), "`kwargs` is not a mapping"),
        (suite_of(NOT_NULL, meta="m"), "`meta` that is not a mapping"),
        (suite_of(NOT_NULL, meta={"key": "flight"}), "meta.key 'flight', which is no list of columns"),
    ],
)
def test_a_malformed_suite_is_refused(suite: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        validate_suite(suite)


def test_an_expectation_that_does_not_exist_is_named_with_close_ones() -> None:
    with pytest.raises(BadConfig) as caught:
        validate_suite(suite_of({"type": "expect_column_values_to_not_be_nul", "kwargs": {"column": "x"}}))

    assert "Suite 's' uses the expectation 'expect_column_values_to_not_be_nul', which does not exist" in caught.value.message
    assert "expect_column_values_to_not_be_null" in caught.value.message


def test_severity_is_critical_unless_said_otherwise() -> None:
    assert parse_suite(suite_of(NOT_NULL)).expectations[0].severity == "critical"


def test_the_projects_suites_are_well_formed(suites: dict[str, dict[str, Any]]) -> None:
    assert {"raw_flights", "raw_weather", "raw_planes", "prepared", "features", "predictions"} <= set(suites)
    for suite in suites.values():
        validate_suite(suite)


def test_validating_imports_no_heavy_vendor() -> None:
    program = (
        "import sys; from sagelens.quality import validate_suite;"
        "validate_suite({'name': 's', 'expectations': [{'type': 'expect_column_to_exist', 'kwargs': {'column': 'x'}}]});"
        "print(sorted({'great_expectations', 'pandas', 'ibis', 'duckdb', 'boto3'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
