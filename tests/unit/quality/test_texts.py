"""Expectations of texts: JSON, schemas, dates; and how much of long or many values a verdict holds."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import pyarrow as pa
import pytest
from dateutil.parser import UnknownTimezoneWarning

from sagelens.values import Severity

from .test_values import check


@pytest.mark.parametrize("reference", ["#/$defs/absent", "http://127.0.0.1:9/schema.json"])
def test_a_schema_that_refers_to_what_is_not_in_it_is_refused_and_asks_no_network(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *arguments, **_: asked.append(arguments))

    found = check(pa.array(["{}"]), "values_to_match_json_schema", severity="warning", json_schema={"$ref": reference})

    assert found.severity is Severity.CRITICAL
    assert "json_schema refers to" in found.observed
    assert asked == []


def test_a_schema_may_refer_to_its_own_parts() -> None:
    schema = {"$ref": "#/$defs/number", "$defs": {"number": {"type": "number"}}}

    assert check(pa.array(["1", None]), "values_to_match_json_schema", json_schema=schema).passed
    assert check(pa.array(["1", "{}"]), "values_to_match_json_schema", json_schema=schema).unexpected_count == 1


def test_a_schema_without_end_is_refused() -> None:
    found = check(pa.array(["1"]), "values_to_match_json_schema", json_schema={"$ref": "#"})

    assert "refers to itself without end" in found.observed


def test_a_number_of_any_length_is_json() -> None:
    assert check(pa.array(["1" * 5000]), "values_to_be_json_parseable").passed


def test_a_date_is_read_the_same_on_every_day_and_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownTimezoneWarning)
        found = check(
            pa.array(["29 Feb", "31", "10:00 XYZ", "2013-01-01T10:00+02:00", "30 Feb"]), "values_to_be_dateutil_parseable"
        )

    assert found.sample == ({"x": "30 Feb"},)


def test_a_map_has_a_length() -> None:
    maps = pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32()))

    assert check(maps, "value_lengths_to_equal", value=1).unexpected_count == 1


@pytest.mark.parametrize("value", ["x" * 9000, b"x" * 9000, ["x"] * 9000])
def test_a_long_value_is_shown_by_its_beginning(value: Any) -> None:
    found = check(pa.array([value, value]), "values_to_be_unique")

    assert len(str(found.sample)) < 3000
    assert str(len(value)) in str(found.sample) or str(2 * len(value)) in str(found.sample)


MANY = pa.array([f"text {number}" for number in range(20_000)])


@pytest.mark.parametrize(
    ("type_", "more", "said"),
    [
        ("distinct_values_to_be_in_set", {"value_set": ["text 0"]}, "19999 other values: text 1, text 10, "),
        ("distinct_values_to_equal_set", {"value_set": ["text 0"]}, "19999 other values: text 1, text 10, "),
        ("most_common_value_to_be_in_set", {"value_set": ["text"], "ties_okay": True}, "text 0, text 1, "),
    ],
)
def test_of_many_values_the_first_are_shown_and_the_others_counted(type_: str, more: dict[str, Any], said: str) -> None:
    tracemalloc.start()
    found = check(MANY, type_, **more)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.observed.startswith(said)
    assert found.observed.endswith(" more")
    assert peak < 2_000_000  # bytes: 20,000 values of Python's take more


def test_texts_that_are_otherwise_are_not_held_by_python() -> None:
    column = pa.array([f"text {number}" for number in range(300_000)])
    tracemalloc.start()
    found = check(column, "values_to_match_regex", regex="^[0-9]+$", mostly=0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.unexpected_count == 300_000
    assert peak < 15_000_000  # bytes: one batch of 100,000; all of them take 20 MB


def test_figures_of_floating_point_numbers_hold_no_list_of_them() -> None:
    column = pa.array([float(number) for number in range(300_000)])
    tracemalloc.start()
    found = check(column, "stdev_to_be_between", min_value=86602.6, max_value=86602.7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.passed
    assert peak < 8_000_000  # bytes: one batch; 300,000 numbers take 9.6 MB
