"""Which events a pattern is for."""

from __future__ import annotations

import json
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
        {"object": {"key": [{"anything-but": ["a", 3]}]}},
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
        {"parts": [{"exists": False}]},
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
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "range of addresses"),
        ('{"a": [{"exists": "yes"}]}', "exists takes true or false"),
        ('{"a": [{"anything-but": []}]}', "not empty"),
        ('{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "or one of prefix"),
        ('{"a": [{"wildcard": "a**b"}]}', "two asterisks"),
        (r'{"a": [{"wildcard": "a\\b"}]}', "a backslash before"),
        (r'{"a": [{"wildcard": "a\\"}]}', "ends with a backslash"),
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


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [(r"a\**", "a*bc", True), (r"a\**", "abc", False), (r"\\*", r"\x", True), (r"*\*", "x*", True), (r"*\*", "xy", False)],
)
def test_a_backslash_takes_an_asterisk_as_it_is(pattern: str, value: str, fits: bool) -> None:
    assert parse_pattern(json.dumps({"a": [{"wildcard": pattern}]})).matches({"a": value}) is fits
