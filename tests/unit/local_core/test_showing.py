"""Values in messages: cut, and never rendered whole."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sagelens.local.api.showing import presentable, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a'b", "a'b"),
        ([], "[]"),
        ({"a": [1, "b", None, True]}, "{'a': [1, 'b', None, True]}"),
        (list(range(100)), "[0, 1, 2, 3, …]"),
        ([[[[["deep"]]]]], "[[[[…]]]]"),
        (10**4000, "an integer of 13288 bits"),
        (b"x" * 1000, "b'" + "x" * 198),
        ("\ud800", "\\ud800"),
        (float("nan"), "nan"),
    ],
)
def test_a_value_is_shown_as_far_as_anybody_reads(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_value_of_millions_of_parts_is_shown_at_once() -> None:
    value = [[] for _ in range(2_000_000)]
    began = time.thread_time()
    shown(value)

    assert time.thread_time() - began < 0.1


def test_a_message_is_cut_and_can_be_written() -> None:
    assert len(presentable("x" * 100_000)) < 5000
    assert presentable("a\udfffü") == "a\\udfffü"
