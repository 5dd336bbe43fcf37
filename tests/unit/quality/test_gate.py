"""The gates on real data, whole and spoilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import pytest

from sagelens.errors import BadConfig
from sagelens.quality import check_tables
from sagelens.values import GateKind, Severity, Verdict

RawGate = Callable[..., Verdict]


@pytest.fixture
def raw_gate(suites: dict[str, dict[str, Any]]) -> RawGate:
    def gate(**tables: Any) -> Verdict:
        held = {name: suites[f"raw_{name}"] for name in tables}
        return check_tables(*tables.values(), gate="raw", tables=tuple(tables), suites=held)

    return gate


def gate_of(table: Any, *expectations: dict[str, Any]) -> Verdict:
    return check_tables(table, gate="g", tables=("t",), suites={"t": {"name": "s", "expectations": list(expectations)}})


def stopping(verdict: Verdict) -> set[tuple[str, str]]:
    return {(check.name, check.subject) for check in verdict.checks if check.stops}


def test_the_real_data_pass(raw: dict[str, Any], raw_gate: RawGate) -> None:
    verdict = raw_gate(**raw)

    assert verdict.passed
    assert verdict.kind is GateKind.DATA
    assert [check for check in verdict.checks if not check.passed] == []


def test_an_unknown_carrier_in_one_row_of_a_hundred_stops(raw: dict[str, Any], raw_gate: RawGate) -> None:
    flights = raw["flights"]
    flights = flights.mutate(carrier=ibis.ifelse(flights.flight % 100 == 7, "ZZ", flights.carrier))

    verdict = raw_gate(flights=flights)

    assert stopping(verdict) == {("expect_column_values_to_be_in_set", "flights.carrier")}
    assert "ZZ" in verdict.summary


def test_negative_distances_stop_and_show_rows_with_their_key(raw: dict[str, Any], raw_gate: RawGate) -> None:
    flights = raw["flights"].mutate(distance=-raw["flights"].distance)

    verdict = raw_gate(flights=flights)

    assert stopping(verdict) == {("expect_column_values_to_be_between", "flights.distance")}
    check = next(check for check in verdict.checks if check.stops)
    assert check.unexpected_count == 336_776
    assert check.unexpected_percent == 100.0
    assert len(check.sample) == 5
    assert check.sample[0]["distance"] < 0
    assert {"carrier", "flight", "origin"} <= set(check.sample[0])
    assert check.expected == "values from 1 to 10000"


def test_a_dropped_column_stops_naming_each_expectation_that_needs_it(raw: dict[str, Any], raw_gate: RawGate) -> None:
    verdict = raw_gate(flights=raw["flights"].drop("tailnum"))

    assert not verdict.passed
    assert ("expect_table_columns_to_match_set", "flights") in stopping(verdict)
    assert ("expect_column_values_to_match_regex", "flights.tailnum") in stopping(verdict)
    assert "missing columns tailnum" in verdict.summary


def test_forty_percent_of_departure_delays_missing_stops(raw: dict[str, Any], raw_gate: RawGate) -> None:
    flights = raw["flights"]
    flights = flights.mutate(dep_delay=ibis.ifelse(flights.flight % 10 < 4, ibis.null("int64"), flights.dep_delay))

    verdict = raw_gate(flights=flights)

    assert stopping(verdict) == {("expect_column_proportion_of_non_null_values_to_be_between", "flights.dep_delay")}


def test_a_warning_is_reported_and_does_not_stop() -> None:
    table = ibis.memtable({"x": [1, 2, 30]})
    between = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 9}, "severity": "warning"}

    verdict = gate_of(table, between)

    assert verdict.passed
    assert verdict.checks[0].severity is Severity.WARNING
    assert verdict.checks[0].observed == "1 rows otherwise (33.33 %), such as 30"


def test_a_column_of_the_wrong_type_fails_its_check_and_no_other() -> None:
    table = ibis.memtable({"x": ["a", "b"], "y": [1, 2]})

    verdict = gate_of(
        table,
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 9}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "y", "max_value": 9}},
    )

    assert [check.passed for check in verdict.checks] == [False, True]
    assert verdict.checks[0].observed.startswith("could not be evaluated")


def test_equal_expectations_on_two_tables_keep_apart() -> None:
    good, bad = ibis.memtable({"x": [1]}), ibis.memtable({"x": [None, 1]})
    held = {"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}]}

    verdict = check_tables(good, bad, gate="g", tables=("good", "bad"), suites={"good": held, "bad": held})

    assert [(check.subject, check.passed) for check in verdict.checks] == [("good.x", True), ("bad.x", False)]


def test_a_condition_limits_the_rows_and_its_columns_are_read() -> None:
    table = ibis.memtable({"x": [1, 99], "kind": ["a", "b"]})
    kwargs = {"column": "x", "max_value": 9, "row_condition": 'kind=="a"', "condition_parser": "pandas"}

    verdict = gate_of(table, {"type": "expect_column_values_to_be_between", "kwargs": kwargs})

    assert verdict.passed


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [({"column": "x", "maximum": 9}, "maximum"), ({"column": "x"}, "min_value and max_value cannot both be None")],
)
def test_wrong_arguments_are_the_configs_fault(kwargs: dict[str, Any], said: str) -> None:
    table = ibis.memtable({"x": [1]})

    with pytest.raises(BadConfig, match=said):
        gate_of(table, {"type": "expect_column_values_to_be_between", "kwargs": kwargs})


def test_a_table_without_a_name_is_refused() -> None:
    with pytest.raises(BadConfig, match="given 1 tables but 2 names"):
        check_tables(ibis.memtable({"x": [1]}), gate="g", tables=("a", "b"), suites={})
