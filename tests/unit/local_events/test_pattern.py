"""Which events a pattern is for."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.local.events.pattern import BadPattern, parse_pattern

EVENT: dict[str, Any] = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": "arrivals"},
        "object": {"key": "raw/2026/_SUCCESS", "size": 300, "version-id": None},
        "tags": ["a", "b"],
        "parts": [{"n": 1, "kind": "x"}, {"n": 2, "kind": "y"}],
        "address": "10.1.2.3",
        "ok": True,
        "none": [],
        "rows": [[1, 2], [3, 4]],
        "cells": [[{"n": 1}], [{"n": 2}]],
        "star": "a*b\\c",
        "street": "Straße",
        "far": 6_000_000_000,
        "$or": {"a": "b"},
    },
}


def fits(detail: Any) -> bool:
    return parse_pattern(json.dumps({"detail": detail})).matches(EVENT)


@pytest.mark.parametrize(
    "detail",
    [
        {"bucket": {"name": ["other", "arrivals"]}},
        {"object": {"key": [{"prefix": "raw/"}]}},
        {"object": {"key": [{"suffix": "_SUCCESS"}]}},
        {"object": {"key": [{"suffix": {"equals-ignore-case": "_success"}}]}},
        {"object": {"key": [{"equals-ignore-case": "RAW/2026/_success"}]}},
        {"object": {"key": [{"wildcard": "raw/*/_SUCCESS"}]}},
        {"object": {"key": [{"wildcard": "*2026*"}]}},
        {"object": {"key": [{"anything-but": ["a", "3"]}]}},
        {"object": {"key": [{"anything-but": {"prefix": "old/"}}]}},
        {"object": {"key": [{"anything-but": {"wildcard": ["*.csv", "*.txt"]}}]}},
        {"object": {"size": [300]}},
        {"object": {"size": [3.0e2]}},
        {"object": {"size": [{"numeric": [">", 0, "<=", 300]}]}},
        {"object": {"version-id": [None]}},
        {"object": {"version-id": [{"exists": True}]}},
        {"object": {"etag": [{"exists": False}]}},
        {"nothing": {"inside": [{"exists": False}]}},
        {"tags": ["b"]},
        {"parts": {"n": [2], "kind": ["y"]}},
        {"address": [{"cidr": "10.0.0.0/8"}]},
        {"ok": [True]},
        {"$or": [{"ok": [False]}, {"tags": ["a"]}]},
        {"tags": ["c", {"exists": True}]},
        {"parts": [{"exists": False}]},  # an object is no value, nor is a list of them
        {"none": [{"exists": False}]},
        {"none": {"inside": [{"exists": False}]}},
        {"rows": [3]},
        {"cells": {"n": [2]}},
        {"star": [{"wildcard": "a\\*b\\\\*"}]},
        {"object": {"key": [{"prefix": ""}]}},
        {"$or": {"a": ["b"]}},  # a field that is called so
    ],
)
def test_an_event_fits(detail: Any) -> None:
    assert fits(detail)


@pytest.mark.parametrize(
    "detail",
    [
        {"bucket": {"name": ["Arrivals"]}},
        {"object": {"key": [{"prefix": "2026"}]}},
        {"object": {"key": [{"wildcard": "raw/*/_FAILED"}]}},
        {"object": {"key": [{"anything-but": "raw/2026/_SUCCESS"}]}},
        {"object": {"key": [{"anything-but": {"suffix": ["_DONE", "_SUCCESS"]}}]}},
        {"object": {"size": ["300"]}},
        {"object": {"size": [{"numeric": [">", 300]}]}},
        {"object": {"etag": ["x"]}},
        {"object": {"etag": [{"anything-but": "x"}]}},
        {"object": {"key": [{"exists": False}]}},
        {"nothing": {"inside": [{"exists": True}]}},
        {"parts": {"n": [1], "kind": ["y"]}},
        {"parts": [{"exists": True}]},
        {"none": [{"exists": True}]},
        {"star": [{"wildcard": "a\\*b"}]},
        {"street": [{"equals-ignore-case": "STRASSE"}]},
        {"street": [{"prefix": {"equals-ignore-case": "STRASS"}}]},
        {"far": [{"numeric": [">", 0]}]},
        {"bucket": [{"exists": True}]},
        {"address": [{"cidr": "192.168.0.0/16"}]},
        {"ok": [1]},
        {"ok": ["true"]},
        {"tags": ["a"], "$or": [{"ok": [False]}, {"tags": ["c"]}]},
    ],
)
def test_an_event_does_not_fit(detail: Any) -> None:
    assert not fits(detail)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "no JSON object"),
        ("{}", "at least one field"),
        ('{"source": "aws.s3"}', 'at source: "aws.s3" is no pattern'),
        ('{"source": []}', "at source"),
        ('{"source": [["a"]]}', "a list in a list"),
        ('{"detail": {"a": [{"prefx": "b"}]}}', "at detail.a: unrecognized match type prefx"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "one key"),
        ('{"a": [{"numeric": [">"]}]}', "numeric takes one comparison or two"),
        ('{"a": [{"numeric": ["~", 1]}]}', "knows no comparison"),
        ('{"a": [{"numeric": [">", 6e9]}]}', "compares with numbers"),
        ('{"a": [{"numeric": ["!=", 1]}]}', "knows no comparison"),
        ('{"a": [{"numeric": [[], 1]}]}', "knows no comparison"),
        ('{"a": [{"numeric": ["<", 1, ">", 5]}]}', "first > or >="),
        ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "a larger number"),
        ('{"a": [{"exists": []}]}', "exists takes true or false"),
        ('{"a": [{"exists": true}, {"exists": 1}]}', "exists takes true or false"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "before an asterisk or another backslash"),
        ('{"a": [{"anything-but": ["b", 3]}]}', "texts alone, or numbers alone"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "not empty"),
        ('{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "b"}}}]}', "takes with prefix a text"),
        ('{"a": [1e999]}', "larger than any number"),
        ('{"a": ["\\ud800"]}', "half a sign"),
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "range of addresses"),
        ('{"a": [{"exists": "yes"}]}', "exists takes true or false"),
        ('{"a": [{"anything-but": []}]}', "not empty"),
        ('{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "or one of prefix"),
        ('{"a": [{"wildcard": "a**b"}]}', "two asterisks"),
        ('{"$or": [{"a": ["b"]}]}', "two patterns at least"),
        ('{"a": ["b"], "a": ["c"]}', "the key 'a' stands there twice"),
        ('{"a": [NaN]}', "NaN is no number"),
        ('{"a":' * 200 + '["b"]' + "}" * 200, "nested deeper than 100 levels"),
        ('{"a":' * 100_000, "nested deeper than 100 levels"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(BadPattern, match=r"Event pattern is not valid\. Reason: ") as refused:
        parse_pattern(text)
    assert said in str(refused.value)


@given(st.text("ab*", max_size=12).filter(lambda text: text and "**" not in text), st.text("ab", max_size=12))
def test_a_wildcard_is_what_a_regular_expression_says(pattern: str, value: str) -> None:
    import re

    wanted = re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), value) is not None

    found = parse_pattern(json.dumps({"a": [{"wildcard": pattern}]})).matches({"a": value})
    assert found is wanted


def test_many_values_are_looked_up_in_many_without_a_test_of_each_pair() -> None:
    pattern = parse_pattern(json.dumps({"a": list(range(1_000)), "b": [{"anything-but": list(range(600))}]}))
    began = time.thread_time()

    assert not pattern.matches({"a": [5_000] * 100_000})
    assert not pattern.matches({"a": [5], "b": [3] * 100_000})

    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [(r"a\**", "a*bc", True), (r"a\**", "abc", False), (r"\\*", r"\x", True), (r"*\*", "x*", True), (r"*\*", "xy", False)],
)
def test_a_backslash_takes_an_asterisk_as_it_is(pattern: str, value: str, fits: bool) -> None:
    assert parse_pattern(json.dumps({"a": [{"wildcard": pattern}]})).matches({"a": value}) is fits


def test_each_value_is_read_once_for_all_tests_of_a_field() -> None:
    pattern = parse_pattern(json.dumps({"a": [{"cidr": f"10.0.{number}.0/24"} for number in range(150)]}))
    began = time.thread_time()

    assert not pattern.matches({"a": [f"{number:x}-" + "b" * 20 for number in range(8_000)]})

    assert time.thread_time() - began < 2
