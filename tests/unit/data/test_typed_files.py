"""Parquet and JSON lines: types are the files' own, and files of one source agree."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sagelens.data import read_source
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource, SourceFormat

Make = Callable[..., LocalSource]


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def rows(local: LocalSource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_source(local).to_pyarrow().to_pylist()
    return found


def test_types_of_parquet_stay(local: Make) -> None:
    columns = {
        "big": pa.array([2**64 - 1], pa.uint64()),
        "exact": pa.array([Decimal("1.50")], pa.decimal128(10, 2)),
        "flag": pa.array([True]),
        "zoned": pa.array([dt.datetime(2013, 1, 1, 15, tzinfo=dt.UTC)], pa.timestamp("us", tz="UTC")),
        "nested": pa.array([{"zip": "00501"}]),
    }

    (row,) = rows(local({"a.parquet": parquet(**columns)}, SourceFormat.PARQUET))

    assert row["zoned"].utctimetuple()[:4] == (2013, 1, 1, 15)
    del row["zoned"]
    assert row == {"big": 2**64 - 1, "exact": Decimal("1.50"), "flag": True, "nested": {"zip": "00501"}}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"a": [1]}, {"a": [2], "b": [3]}, r"2\.parquet has 'b' besides, unlike 1\.parquet"),
        ({"a": [1], "b": [3]}, {"a": [2]}, "lacks 'b'"),
        ({"a": [1]}, {"a": ["x"]}, "has 'a' as string, not int64"),
        ({"a": [1], "A": [2]}, {"a": [1], "A": [2]}, "'a' and 'A' differ in letter case only"),
    ],
)
def test_files_of_parquet_agree(local: Make, first: dict[str, Any], second: dict[str, Any], message: str) -> None:
    files = {"1.parquet": parquet(**first), "2.parquet": parquet(**second)}
    with pytest.raises(BadData, match=message):
        read_source(local(files, SourceFormat.PARQUET))


def test_files_of_parquet_with_columns_in_another_order(local: Make) -> None:
    files = {"1.parquet": parquet(a=[1], b=["x"]), "2.parquet": parquet(b=["y"], a=[2])}

    assert rows(local(files, SourceFormat.PARQUET)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [([1.5], "BIGINT", "holds 1.5"), ([2**53 + 1], "DOUBLE", "holds 9007199254740993"), (["x"], "BIGINT", "no BIGINT|holds x")],
)
def test_a_declared_type_changes_no_value_of_parquet(local: Make, values: list[Any], kind: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_source(local({"a.parquet": parquet(a=values)}, SourceFormat.PARQUET, columns={"a": kind}))


def test_a_type_that_keeps_all_values_is_taken(local: Make) -> None:
    assert rows(local({"a.parquet": parquet(a=[1.0])}, SourceFormat.PARQUET, columns={"a": "BIGINT"})) == [{"a": 1}]


def test_a_type_that_does_not_exist_is_told(local: Make) -> None:
    with pytest.raises(BadConfig, match="does not have"):
        read_source(local({"a.parquet": parquet(a=[1.0])}, SourceFormat.PARQUET, columns={"a": "BIGGINT"}))


def test_folders_named_after_values_become_no_columns_unasked(local: Make) -> None:
    source = local({}, SourceFormat.PARQUET)
    (source.path / "month=1").mkdir()
    (source.path / "month=1" / "a.parquet").write_bytes(parquet(a=[1]))

    with pytest.warns(UserWarning, match="named after month, which become no columns"):
        assert rows(source) == [{"a": 1}]


def test_text_of_json_is_text_and_late_keys_are_columns(local: Make) -> None:
    text = '{"a": 1, "when": "2013-01-01", "code": "00501"}\n{"a": 2.5, "late": true, "deep": {"x": [1]}}\n'

    first, second = rows(local({"a.jsonl": text}, SourceFormat.JSON_LINES))

    assert first == {"a": 1.0, "when": "2013-01-01", "code": "00501", "late": None, "deep": None}
    assert second == {"a": 2.5, "when": None, "code": None, "late": True, "deep": {"x": [1]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 9223372036854775807}', 9223372036854775807),
        ('{"a": 18446744073709551615}', 18446744073709551615),
        ('{"a": -5}', -5),
        ('{"a": null}\n{"a": "x"}', None),
    ],
)
def test_numbers_of_json_are_exact(local: Make, text: str, value: Any) -> None:
    assert rows(local({"a.jsonl": text}, SourceFormat.JSON_LINES))[0]["a"] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": "x"}', "'a' holds numbers and text"),
        ('{"a": 1, "a": 2}', "record 1 has the key 'a' more than once"),
        ('{"a": 1, "A": 2}', "differ in letter case only"),
        ('{"a": 12345678901234567890123}', "would round"),
        ('{"a": NaN}', "is no number of JSON"),
        ('[{"a": 1}, {"a": 2}]', "holds a JSON array"),
        ('{"a": 1}\n{"a":', "cannot be read as jsonl: .*Malformed JSON"),
        ('{"a": 1}\n7', "record 2 is ubigint, not an object"),
    ],
)
def test_json_that_would_be_bent_is_refused(local: Make, text: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_source(local({"a.jsonl": text}, SourceFormat.JSON_LINES))


def test_declared_types_of_json(local: Make) -> None:
    files = {"a.jsonl": '{"a": "2013-01-01", "b": 1}\n{"a": null, "b": "x"}'}

    assert rows(local(files, SourceFormat.JSON_LINES, columns={"a": "DATE", "b": "VARCHAR"})) == [
        {"a": dt.date(2013, 1, 1), "b": "1"},
        {"a": None, "b": "x"},
    ]
