"""Metric math."""

from __future__ import annotations

import pytest

from sagelens.local.metrics.compute import Points, Scope, series_of
from sagelens.local.metrics.expression import parse
from sagelens.local.metrics.queries import queries_of
from sagelens.local.ports import ApiError, Document

WINDOWS = (0, 60, 120)
RESULTS: dict[str, Points] = {"a": {0: 4.0, 60: 6.0, 120: 0.0}, "b": {0: 2.0, 120: 5.0}, "none": {}}
SCOPE = Scope(RESULTS, ["a", "b"], WINDOWS)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("a", {0: 4.0, 60: 6.0, 120: 0.0}),
        ("a + b", {0: 6.0, 120: 5.0}),
        ("1 + a * 2 - -3", {0: 12.0, 60: 16.0, 120: 4.0}),
        ("(1 + a) * 2", {0: 10.0, 60: 14.0, 120: 2.0}),
        ("10 - a - 1", {0: 5.0, 60: 3.0, 120: 9.0}),
        ("b / a", {0: 0.5}),
        ("a / SUM(none)", {}),
        ("a >= 4", {0: 1.0, 60: 1.0, 120: 0.0}),
        ("a != b", {0: 1.0, 120: 1.0}),
        ("IF(a > 5, a, 1.5e1)", {0: 15.0, 60: 6.0, 120: 15.0}),
        ("IF(a > 0, b)", {0: 2.0}),
        ("IF(1, a, b)", {0: 4.0, 60: 6.0, 120: 0.0}),
        ("FILL(b, 7)", {0: 2.0, 60: 7.0, 120: 5.0}),
        ("FILL(b, REPEAT)", {0: 2.0, 60: 2.0, 120: 5.0}),
        ("FILL(b, a)", {0: 2.0, 60: 6.0, 120: 5.0}),
        ("FILL(none, 0)", {0: 0.0, 60: 0.0, 120: 0.0}),
        ("SUM(METRICS())", {0: 6.0, 60: 6.0, 120: 5.0}),
        ("SUM(METRICS('b'))", {0: 2.0, 120: 5.0}),
        ("AVG([a, b])", {0: 3.0, 60: 6.0, 120: 2.5}),
        ("MIN([a, b])", {0: 2.0, 60: 6.0, 120: 0.0}),
        ("MAX(METRICS() * 2)", {0: 8.0, 60: 12.0, 120: 10.0}),
        ("a - AVG(b)", {0: 0.5, 60: 2.5, 120: -3.5}),
        ("MAX(a) - b", {0: 4.0, 120: 1.0}),
    ],
)
def test_it_computes(text: str, points: Points) -> None:
    assert series_of(parse(text), SCOPE) == points


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RATE(a)", "RATE is not offered"),
        ("a && b", "&& is not offered"),
        ("a ^ 2", r"\^ is not offered"),
        ("SEARCH('{AWS}', 'Sum')", "SEARCH is not offered"),
        ("FILL(a, LINEAR)", "LINEAR is not offered"),
        ("FILL(a)", "FILL takes 2 arguments, not 1"),
        ("IF(a)", "IF takes 2 to 3 arguments, not 1"),
        ("a +", "a number, an id or a function is expected"),
        ("(a", r"'\)' is expected, not 'the end'"),
        ("a b", "an operator or the end is expected, not 'b'"),
        ("a; b", "';' is not part of metric math"),
        ("", "is expected"),
        ("(" * 200 + "a", "nested more than 50 deep"),
    ],
)
def test_what_is_no_expression_is_refused_where_it_goes_wrong(text: str, told: str) -> None:
    with pytest.raises(ApiError, match=told) as error:
        parse(text)
    assert error.value.code == "ValidationError"
    assert "at character" in error.value.message


def stat(name: str, period: int = 60) -> Document:
    return {"Id": name, "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": period, "Stat": "Sum"}}


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        ([stat("a"), {"Id": "e", "Expression": "a + c"}], "refers to c, which no query"),
        ([{"Id": "e", "Expression": "f + 1"}, {"Id": "f", "Expression": "e"}], "e, f refer to one another in a circle"),
        ([stat("a"), stat("b", 300), {"Id": "e", "Expression": "a + b"}], "mixes the periods 60, 300"),
        ([stat("a"), {"Id": "e", "Expression": "SUM(a)"}], "gives a single number"),
        ([stat("a"), {"Id": "e", "Expression": "METRICS()"}], "gives several time series"),
        ([stat("a"), {"Id": "e", "Expression": "FILL(METRICS(), 0)"}], "FILL takes series, not a list"),
        ([stat("a"), {"Id": "e", "Expression": "REPEAT + a"}], "REPEAT can only be an argument of FILL"),
        ([stat("a"), stat("a")], "must differ"),
        ([stat("A")], "small letter"),
        ([{"Id": "a"}], "either a MetricStat or an Expression"),
        ([stat("a", 7)], "period 7 is not valid"),
    ],
)
def test_queries_that_do_not_fit_together_are_refused(queries: list[Document], told: str) -> None:
    with pytest.raises(ApiError, match=told) as error:
        queries_of(queries)
    assert error.value.code == "ValidationError"


def test_expressions_may_build_on_one_another_in_any_order() -> None:
    queries = queries_of([{"Id": "e", "Expression": "f * 2"}, {"Id": "f", "Expression": "a + 1"}, stat("a", 300)])
    assert [query.id for query in queries.order] == ["a", "f", "e"]
    assert {query.period for query in queries.given} == {300}
