"""YAML read strictly: each value as written, or a refusal that says where."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.project.document import parse_value, read_mapping


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1e-3", 0.001),
        ("1e5", 100_000.0),
        ("+7", 7),
        ("0x1F", 31),
        ("true", True),
        ("y", "y"),
        ("'NO'", "NO"),
        ("'00501'", "00501"),
        ("1.0.0", "1.0.0"),
        ("~", None),
        ("2013-02-28", dt.date(2013, 2, 28)),
        ("{<<: {a: 1, b: 2}, a: 3}", {"a": 3, "b": 2}),
        ("{null: [NA]}", {"null": ["NA"]}),
    ],
)
def test_what_can_mean_one_thing_only_is_that(text: str, wanted: Any) -> None:
    assert parse_value(text, "x") == wanted
    assert type(parse_value(text, "x")) is type(wanted)


@pytest.mark.parametrize(
    "word", ["NO", "yes", "On", "off", "00501", "012", "0o17", "0b11", "1_000", "1:30", "10:30:00", "-1_0.5"]
)
def test_what_two_versions_of_yaml_read_differently_is_refused(word: str) -> None:
    with pytest.raises(BadConfig, match=r"file, line 2, column 4: '.*' may mean several things; put it in quotes"):
        parse_value(f"a: 1\nb: {word}", "file")


@pytest.mark.parametrize("word", [".nan", "-.inf", "1e999", "-1e400"])
def test_no_number_is_infinite_or_none(word: str) -> None:
    with pytest.raises(BadConfig, match=r"line 1, column 2"):
        parse_value(f"[{word}]", "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"line 3, column 1: key 'a' stands here and in line 1"),
        ("a: {b: 1, b: 2}", r"line 1, column 11: key 'b' stands here and in line 1"),
        ("- a: 1\n  a: 1", r"line 2, column 3: key 'a' stands here"),
        ('a: 1\n"a": 2', r"line 2, column 1: key 'a'"),
        ("on: 1", r"keys are text, and 'on' is read as something else"),
        ("2013: 1", r"keys are text, and '2013'"),
        ("? [a]\n: 1", r"keys are text"),
        ("&a [*a]", r"an alias \(\*\) refers to what it stands in"),
        ("a: 2013-02-30", r"'2013-02-30' looks like a date and is none"),
        ("a: !!python/name:os.system", r"is not YAML: could not determine a constructor"),
        ("[" * 5000, r"is not YAML|nested too deeply"),
    ],
)
def test_each_refusal_names_the_place(text: str, message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        parse_value(text, "file")


def test_aliases_cannot_blow_a_file_up() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    with pytest.raises(BadConfig, match="aliases written out"):
        parse_value("\n".join(lines), "file")


def test_a_file_with_a_byte_order_mark_is_read_and_one_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: \xc3\xa9t\xc3\xa9\n")
    assert read_mapping(file) == {"name": "été"}

    file.write_bytes(b"name: \xe9t\xe9\n")
    with pytest.raises(BadConfig, match=r"x\.yaml is not UTF-8 text: byte 6 is 0xe9"):
        read_mapping(file)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)

    with pytest.raises(BadConfig, match="not keys and values"):
        read_mapping(file)
