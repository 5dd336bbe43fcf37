"""Parquet and JSON lines: types are the files' own, and files of one source agree."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelens.data import collect_sources, read_source
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource, SourceFormat
from tests.unit.data.conftest import declare

Make = Callable[..., LocalSource]


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def rows(local: LocalSource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_source(local).to_pyarrow().to_pylist()
    return found


def old_times(nanoseconds: int) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"a": pa.array([nanoseconds], pa.timestamp("ns"))})
    pq.write_table(table, buffer, use_deprecated_int96_timestamps=True)
    return buffer.getvalue()


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
        ({"a": [1]}, {"a": ["x"]}, "has 'a' as VARCHAR, not BIGINT"),
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


@pytest.mark.parametrize(
    ("values", "kind", "wrong"), [([1.0, 2.0, 2.5, 2.5], "BIGINT", "holds 2.5"), (["1", "2", "x"], "BIGINT", "holds 'x'")]
)
def test_a_refusal_names_file_and_row(local: Make, values: list[Any], kind: str, wrong: str) -> None:
    files = {"1.parquet": parquet(a=values[:1]), "2.parquet": parquet(a=values[1:])}

    with pytest.raises(BadData, match=r"\(2\.parquet, row 2\): column 'a'") as refused:
        read_source(local(files, SourceFormat.PARQUET, columns={"a": kind}))
    assert wrong.replace("'", "") in str(refused.value).replace("'", "")


def test_a_column_that_is_named_as_the_count_of_rows_costs_the_row_only(local: Make) -> None:
    files = {"1.parquet": parquet(file_row_number=[7], a=[1.0]), "2.parquet": parquet(file_row_number=[8], a=[1.5])}

    with pytest.raises(BadData, match=r"\(2\.parquet\): column 'a' is declared BIGINT, but holds 1\.5"):
        read_source(local(files, SourceFormat.PARQUET, columns={"a": "BIGINT"}))


def test_a_time_that_would_be_cut_is_told_with_its_row(local: Make) -> None:
    buffer = io.BytesIO()
    times = pa.array([1000, 2000, None, 3001], pa.timestamp("ns"))
    pq.write_table(pa.table({"a": times}), buffer, use_deprecated_int96_timestamps=True)

    with pytest.raises(BadData, match=r"a\.parquet, row 4\): 'a' holds times in nanoseconds"):
        read_source(local({"a.parquet": buffer.getvalue()}, SourceFormat.PARQUET))


def test_a_type_that_keeps_all_values_is_taken(local: Make) -> None:
    assert rows(local({"a.parquet": parquet(a=[1.0])}, SourceFormat.PARQUET, columns={"a": "BIGINT"})) == [{"a": 1}]


def test_a_type_that_does_not_exist_is_told(local: Make) -> None:
    with pytest.raises(BadConfig, match="is no type of DuckDB's"):
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
        ('{"a": 1}\n\n{"a": "x"}', r"a\.jsonl, line 3\): 'a' holds a text here, and a number before"),
        ('{"a": 1}\n{"a": 1, "a": 2}', r"a\.jsonl, line 2\): the key 'a' stands more than once"),
        ('{"a": {"b": 1, "b": 2}}', r"line 1\): 'a': keys 'b' and 'b' of one object are the same"),
        ('{"a": {"b": 1, "B": 2}}', r"line 1\): 'a': keys 'b' and 'B' of one object are the same"),
        ('{"a": {"b": 18446744073709551615}}\n{"a": {"b": -1}}', r"line 1\): 'a' holds 18446744073709551615.*would round"),
        ('{"a": [9007199254740993]}\n{"a": [0.5]}', r"line 1\): 'a' holds 9007199254740993.*would round"),
        ('{"": 1}', "a key is empty"),
        ("{}", "has no keys"),
        ("", "has no rows"),
        ('{"a": 0.1234567890123456789}', "line 1.*'a' holds 0.1234567890123456789, which a number of this column would round"),
        ('{"a": 9007199254740993.0}', "would round"),
        ('{"a": 1e999}', "would round"),
        ('{"a": 18446744073709551615}\n{"a": -1}', "would round"),
        ('{"a": 9007199254740993}\n{"a": 0.5}', "line 1.*would round"),
        ('{"a": {"b": [12345678901234567890123]}}', "would round"),
        ('{"a": {"b": -Infinity}}', "is no number of JSON"),
        ('{"a": "\\ud800"}', r"a\.jsonl, line 1\) cannot be read"),
        ('{"a": 1, "A": 2}', "differ in letter case only"),
        ('{"a": 12345678901234567890123}', "would round"),
        ('{"a": NaN}', "is no number of JSON"),
        ('[{"a": 1}, {"a": 2}]', "holds a JSON array"),
        ('{"a": 1}\n{"a":', r"a\.jsonl, line 2\) cannot be read as jsonl: Expecting value"),
        ('{"a": 1}\n7', r"a\.jsonl, line 2\): ubigint, not an object"),
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


def test_numbers_of_json_that_are_declared_as_text_are_as_they_are_written(local: Make) -> None:
    files = {"a.jsonl": '{"a": 1.10}\n{"a": 1e5}\n{"a": 12345678901234567890123}\n{"a": "1.1"}'}

    read = rows(local(files, SourceFormat.JSON_LINES, columns={"a": "VARCHAR"}))

    assert [row["a"] for row in read] == ["1.10", "1e5", "12345678901234567890123", "1.1"]


def test_a_decimal_of_json_keeps_its_digits(local: Make) -> None:
    files = {"a.jsonl": '{"a": 0.12345678901234567890}'}

    assert rows(local(files, SourceFormat.JSON_LINES, columns={"a": "DECIMAL(38,20)"})) == [
        {"a": Decimal("0.12345678901234567890")}
    ]


def test_a_declared_type_of_json_tells_the_file_and_the_line(local: Make) -> None:
    files = {"a.jsonl": '{"a": 1}\n', "b.jsonl": '{"a": 1}\n\n{"a": "x"}\n'}
    with pytest.raises(BadData, match=r"b\.jsonl, line 3\): column 'a' is declared BIGINT, but holds 'x'"):
        read_source(local(files, SourceFormat.JSON_LINES, columns={"a": "BIGINT"}))


def test_large_floats_of_json_are_no_mistake(local: Make) -> None:
    read = rows(local({"a.jsonl": '{"a": 1e300}\n{"a": 0.30000000000000004}\n{"a": 2}'}, SourceFormat.JSON_LINES))

    assert [row["a"] for row in read] == [1e300, 0.30000000000000004, 2.0]


def test_a_long_number_in_a_text_of_json_is_none(local: Make) -> None:
    assert rows(local({"a.jsonl": '{"a": "inf, 12345678901234567890123.5"}'}, SourceFormat.JSON_LINES)) == [
        {"a": "inf, 12345678901234567890123.5"}
    ]


def test_what_json_does_not_hold_is_counted(local: Make) -> None:
    source = local({"a.jsonl": '{"a": null, "b": 1}\n{"b": 2}\n{"a": [], "b": 3}'}, SourceFormat.JSON_LINES)

    column = collect_sources({"s": source})["s"].columns[0]

    assert (column.name, column.type, column.missing) == ("a", "JSON[]", {"null": 1, "no key": 1})


def test_json_lines_have_no_options(local: Make) -> None:
    with pytest.raises(BadConfig, match="JSON lines have no options"):
        read_source(local({"a.jsonl": '{"a": 1}'}, SourceFormat.JSON_LINES, options={"delim": ";"}))


@pytest.mark.parametrize("form", [SourceFormat.PARQUET, SourceFormat.JSON_LINES])
def test_a_name_with_signs_of_a_pattern_is_one_file(local: Make, form: SourceFormat) -> None:
    content = {
        SourceFormat.PARQUET: lambda number: parquet(a=[number]),
        SourceFormat.JSON_LINES: lambda number: f'{{"a": {number}}}',
    }[form]
    files = {f"{name}.{form}": content(number) for number, name in enumerate(["a*", "ab", "c[1]", "d?"])}

    assert [row["a"] for row in rows(local(files, form))] == [0, 1, 2, 3]


def test_times_of_the_old_kind_keep_microseconds(local: Make) -> None:
    (row,) = rows(local({"a.parquet": old_times(1_356_998_400_000_001_000)}, SourceFormat.PARQUET))

    assert row["a"] == dt.datetime(2013, 1, 1, 0, 0, 0, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (old_times(1_356_998_400_000_000_001), r"a\.parquet, row 1\): 'a' holds times in nanoseconds of the old kind"),
        (parquet(a=pa.array([Decimal(10**40)], pa.decimal256(50, 1))), "'a' is a decimal of 50 digits; tables hold 38"),
        (parquet(**{"": [1], "b": [2]}), "column 1 has no name"),
    ],
)
def test_what_tables_would_round_or_rename_is_refused(local: Make, file: bytes, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_source(local({"a.parquet": file}, SourceFormat.PARQUET))


def test_a_file_without_values_in_a_column_goes_with_any_type(local: Make) -> None:
    texts = pa.array(["x"])
    files = {
        "1.parquet": parquet(a=pa.nulls(1), b=[1]),
        "2.parquet": parquet(a=texts.dictionary_encode(), b=pa.nulls(1)),
        "3.parquet": parquet(a=texts.cast(pa.large_string()), b=[3]),
    }

    assert rows(local(files, SourceFormat.PARQUET)) == [{"a": None, "b": 1}, {"a": "x", "b": None}, {"a": "x", "b": 3}]


def test_columns_of_folders_are_text_unless_they_are_declared(local: Make) -> None:
    files = {f"month={month}/a.parquet": parquet(a=[1]) for month in ("01", "02")}
    options = {"hive_partitioning": True}
    source = local(files, SourceFormat.PARQUET, options=options)

    assert [row["month"] for row in rows(source)] == ["01", "02"]

    source = replace(source, source=replace(source.source, columns={"month": "BIGINT"}))
    assert [row["month"] for row in rows(source)] == [1, 2]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"month=1/a.parquet": parquet(a=[1], Month=[7])}, "has a column 'Month', which its folder would replace"),
        ({"month=1/a.parquet": parquet(a=[1]), "b.parquet": parquet(a=[1])}, "lie in folders of the same kind"),
    ],
)
def test_a_folder_replaces_no_column(local: Make, files: dict[str, Any], message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_source(local(files, SourceFormat.PARQUET, options={"hive_partitioning": True}))


def test_few_bytes_of_parquet_that_would_fill_the_memory_are_refused(local: Make) -> None:
    indices = pa.array([0] * 40_000_000, pa.int8())
    bomb = parquet(a=pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 10_000])))
    assert len(bomb) < 10_000_000

    with pytest.raises(
        BadData, match=r"unpacks to more than [0-9,]+ bytes from [0-9,]+; this machine has [0-9,]+ bytes of memory"
    ):
        read_source(local({"a.parquet": bomb}, SourceFormat.PARQUET))


def test_a_table_of_versions_is_no_folder_of_parquet(local: Make) -> None:
    files = {"a.parquet": parquet(a=[1]), "_delta_log/0.json": "{}"}
    with pytest.raises(BadData, match="is a Delta table"):
        read_source(local(files, SourceFormat.PARQUET))


numbers = st.sampled_from(
    [
        *("0", "-7", "1.5", "1.50", "1e5", "1e-400", "1e400", "9007199254740993", "18446744073709551615", "18446744073709551616"),
        *("12345678901234567890123", "0.30000000000000004", "0.1234567890123456789", "-0.0", "NaN"),
    ]
)
words = st.sampled_from(['"x"', '"2013-01-01"', '"007"', '""', '"NA"', '"true"', '"a:nan, 12345678901234567890"', "null"])
any_value = numbers | words | st.sampled_from(["true", "false", "null"])
columns = st.sampled_from([numbers, words, numbers | st.just("null"), any_value]).flatmap(
    lambda values: st.lists(values, min_size=3, max_size=3)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns, columns)
def test_json_of_any_values_is_what_it_says_or_refused(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str]
) -> None:
    lines = [f'{{"a": {a}, "b": {b}}}' for a, b in zip(first, second, strict=True)]
    folder = tmp_path_factory.mktemp("source")
    (folder / "a.jsonl").write_text("\n".join(lines))
    try:
        got = rows(LocalSource(name="s", source=declare(form=SourceFormat.JSON_LINES), path=folder, digest="d"))
    except BadData:
        return

    expected = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    for row, said in zip(got, expected, strict=True):
        for name, value in said.items():
            if isinstance(value, Decimal):
                assert Decimal(repr(row[name])) == value or Decimal(row[name]) == value
            else:
                assert row[name] == value


@pytest.mark.parametrize("number", ["0.1234567890123456789", "1e400", "1e-400", "12345678901234567890123"])
def test_a_number_that_no_double_holds_is_refused_wherever_it_stands(local: Make, number: str) -> None:
    with pytest.raises(BadData, match="would round"):
        read_source(local({"a.jsonl": f'{{"a": {{"deep": [1, {number}]}}}}'}, SourceFormat.JSON_LINES))


def test_objects_within_records_may_lack_keys(local: Make) -> None:
    read = rows(local({"a.jsonl": '{"a": {"x": 9007199254740993}}\n{"a": {"y": [{"z": "1"}]}}\n{}'}, SourceFormat.JSON_LINES))

    assert [row["a"] for row in read] == [
        {"x": 9007199254740993, "y": None},
        {"x": None, "y": [{"z": "1"}]},
        None,
    ]
