"""Whatever stands in a CSV file comes out as it is written, or is refused: a value is never bent to a type."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelens.data import collect_sources
from sagelens.data.inference import infer
from sagelens.errors import BadConfig, BadData
from sagelens.values import Classification, LocalSource, Source, SourceFormat

Make = Callable[..., LocalSource]
ODD = [
    *(
        "0",
        "-0",
        "7",
        "-7",
        "+5",
        "00501",
        "1_000",
        "1,000",
        " 7",
        "7 ",
        "0x1F",
        "1e5",
        "1e+05",
        "1.5",
        "1.50",
        ".5",
        "5.",
        "-.5",
    ),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "12345678901234567890", "0.1", "0.30000000000000004"),
    *(
        "0.1234567890123456789",
        "9007199254740993.0",
        "1e999",
        "1e-400",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "NA",
        "null",
        "None",
        "-",
        "",
    ),
    *(
        "true",
        "false",
        "True",
        "FALSE",
        "t",
        "f",
        "yes",
        "no",
        "Y",
        "N",
        "8:30",
        "08:30:00",
        "24:00:00",
        "2013-01-01",
        "2013-1-1",
    ),
    *("2013-02-30", "01/02/2013", "2013-01-01 10:00:00", "2013-01-01T10:00:00Z", "2013-01-01T10:00:00+01:00", "2013", "201301"),
    *('say "no"', "a\nb", "a\r\nb", "é", "#x", "'", '"', ",", ";", "\t"),
]


def source_of(folder: Path, *, form: SourceFormat = SourceFormat.CSV, **more: Any) -> LocalSource:
    source = Source(uri="x", format=form, licence="x", classification=Classification.PUBLIC, owner="me", **more)
    return LocalSource(name="s", source=source, path=folder, digest="d")


def read(local: LocalSource) -> tuple[list[dict[str, Any]], dict[str, str], dict[str, dict[str, int]]]:
    """Rows, types, and what was read as missing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Source 's': column")
        found = collect_sources({"s": local})["s"]
    rows: list[dict[str, Any]] = found.table.to_pyarrow().to_pylist()
    return rows, {column.name: column.type for column in found.columns}, {c.name: c.missing for c in found.columns if c.missing}


def same(text: str, value: Any, kind: str) -> bool:
    """Whether a value of a table is what the text says, to the last digit."""
    match kind:
        case "VARCHAR":
            return bool(value == text)
        case "BOOLEAN":
            return str(value).lower() == text.lower()
        case "BIGINT":
            return str(value) == text
        case "DOUBLE":
            return Decimal(text) in {Decimal(repr(value)), Decimal(f"{value:.17g}")}
        case "DATE":
            return bool(value.isoformat() == text)
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE":
            return bool(dt.datetime.fromisoformat(text) == value)
    raise AssertionError(kind)


texts = st.one_of(
    st.sampled_from(ODD),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.dates().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=5),
)
columns = st.one_of(
    st.lists(texts, min_size=4, max_size=4),
    *(
        st.lists(kind, min_size=4, max_size=4)
        for kind in (st.integers().map(str), st.floats(-1e6, 1e6).map(repr), st.dates().map(str))
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(columns, min_size=2, max_size=3), st.integers(1, 3))
def test_random_tables_in_several_files(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], files: int) -> None:
    folder = tmp_path_factory.mktemp("source")
    names = [f"c{number}" for number in range(len(table))]
    rows = list(zip(*table, strict=True))
    for number in range(files):
        with (folder / f"{number}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(names)
            writer.writerows(rows[number::files])
    expected = [row for number in range(files) for row in rows[number::files]]

    got, types, missing = read(source_of(folder))

    assert len(got) == len(expected)
    for given_row, row in zip(expected, got, strict=True):
        for name, text in zip(names, given_row, strict=True):
            assert (row[name] is None) if text == "" else same(text, row[name], types[name]), (text, row[name], types[name])
    empty = {name: sum(row[number] == "" for row in expected) for number, name in enumerate(names)}
    assert {name: words.get("", 0) for name, words in missing.items()} == {name: count for name, count in empty.items() if count}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-7", "0"], "BIGINT"),
        (["00501", "10001"], "VARCHAR"),
        (["1", "12345678901234567890"], "VARCHAR"),
        (["1", "9223372036854775807"], "BIGINT"),
        (["1.5", "2", "1e3"], "DOUBLE"),
        (["10", "1e3"], "VARCHAR"),
        (["39.020000000000003"], "DOUBLE"),
        (["1.90", "1.10"], "DOUBLE"),
        (["1.0", "2"], "DOUBLE"),
        (["1.9", "1.10"], "VARCHAR"),
        (["1.1", "1.10"], "VARCHAR"),
        (["0000-01-01"], "VARCHAR"),
        (["0001-01-01T00:00:00+01:00"], "VARCHAR"),
        (["0.1234567890123456789"], "VARCHAR"),
        (["true", "false"], "BOOLEAN"),
        (["True", "false"], "VARCHAR"),
        (["yes", "no"], "VARCHAR"),
        (["2013-01-01"], "DATE"),
        (["2013-02-30"], "VARCHAR"),
        (["2013-01-01 10:00", "2013-01-01T10:00:00.25"], "TIMESTAMP"),
        (["2013-01-01T10:00:00Z", "2013-01-01 10:00:00+01:00"], "TIMESTAMP WITH TIME ZONE"),
        (["2013-01-01T10:00:00Z", "2013-01-01 10:00:00"], "VARCHAR"),
        (["08:30:00"], "VARCHAR"),
        (["1.5", "NaN"], "VARCHAR"),
        ([], "VARCHAR"),
    ],
)
def test_the_narrowest_type_that_keeps_every_value(values: list[str], kind: str) -> None:
    import pyarrow as pa

    assert infer(pa.array(values, pa.string())).type == kind


def test_the_last_of_many_rows_decides_as_the_first_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,z\n" + "1,10001\n" * 300_000 + "1.7,00501\n")

    rows, types, _ = read(source_of(tmp_path))

    assert types == {"n": "DOUBLE", "z": "VARCHAR"}
    assert rows[-1] == {"n": 1.7, "z": "00501"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("BIGINT", value) for value in ("1.7", "1_000", "0x1F", "yes", "9223372036854775808", "")),
        *(("DOUBLE", value) for value in ("inf", "NaN", "1e999", "9007199254740993", "1,5", "x")),
        *(("DECIMAL(10,2)", value) for value in ("1.234", "123456789012", "NaN", "1,5")),
        *(("DATE", value) for value in ("2013-02-30", "2013-01-01 10:00:00", "01/02/2013")),
        *(("FLOAT", value) for value in ("16777217", "inf", "1e39")),
        *(("DEC(10,1)", value) for value in ("1.25", "x")),
        ("DOUBLE PRECISION", "9007199254740993"),
        *(("TIMESTAMP", value) for value in ("2013-01-01T10:00:00+01:00", "2013-01-01 10:00:00.1234567", "epoch")),
        ("TIMESTAMP WITHOUT TIME ZONE", "2013-01-01T10:00:00+01:00"),
        ("TIMESTAMP_S", "2013-01-01 10:00:00.5"),
        *(("TIME", value) for value in ("2013-01-01 08:30:00", "08:30:00.1234567")),
        ("INTEGER[]", "[1.7]"),
        ("BOOLEAN", "maybe"),
    ],
)
def test_a_declared_type_takes_no_value_that_it_would_change(local: Make, kind: str, value: str) -> None:
    source = local({"a.csv": f'c,d\n"{value}",x\n'}, columns={"c": kind}, null=["NA"])
    with pytest.raises(BadData, match=r"a\.csv, line 2\): column 'c' is declared"):
        collect_sources({"s": source})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BIGINT", "007", 7),
        ("BIGINT", "7.0", 7),
        ("DOUBLE", "1e5", 100_000.0),
        ("DOUBLE", "0.1234567890123456789", 0.12345678901234568),
        ("DECIMAL(10,2)", "1.50", Decimal("1.50")),
        ("DATE", "2013-1-2", dt.date(2013, 1, 2)),
        ("TIMESTAMP", "2013-01-01T10:00:00Z", dt.datetime(2013, 1, 1, 10)),  # noqa: DTZ001 - a TIMESTAMP has no zone
        ("BOOLEAN", "yes", True),
        ("VARCHAR", "1_000", "1_000"),
    ],
)
def test_a_declared_type_holds(tmp_path: Path, kind: str, text: str, value: Any) -> None:
    (tmp_path / "a.csv").write_text(f"c\n{text}\n")

    assert read(source_of(tmp_path, columns={"c": kind}))[0] == [{"c": value}]


def test_a_type_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("c\n1\n")
    for kind in ("BIGGINT", "INT); DROP TABLE x; --"):
        with pytest.raises(BadConfig, match="declares"):
            read(source_of(tmp_path, columns={"c": kind}))


def test_what_was_read_as_missing_is_counted_by_its_word(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\nNA,1\n,2\nx,NA\nNA,\n")

    assert read(source_of(tmp_path, null=("", "NA")))[2] == {"a": {"NA": 2, "": 1}, "b": {"NA": 1, "": 1}}
    assert read(source_of(tmp_path))[0][0] == {"a": "NA", "b": "1"}


def test_a_column_that_would_be_numbers_but_for_a_few_is_said_to_be_text(local: Make) -> None:
    rows = "\n".join(["1"] * 50 + ["n/a"])
    with pytest.warns(
        UserWarning, match=r"'a' is read as text, since 1 of its 51 rows hold no number \('n/a'; .*a\.csv, line 52\)"
    ):
        collect_sources({"s": local({"a.csv": f"a\n{rows}\n"})})


@pytest.mark.parametrize(
    ("values", "shown"), [(("1.9", "1.10"), "1.10"), (("7", "12345678901234567890"), "12345678901234567890")]
)
def test_numbers_that_no_type_keeps_are_said_to_be_text(local: Make, values: tuple[str, ...], shown: str) -> None:
    with pytest.warns(UserWarning, match=rf"'a' is read as text, since its numbers \({re.escape(shown)}\)"):
        collect_sources({"s": local({"a.csv": "\n".join(["a", *values])})})


def test_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a;b;c;d\n1,5;1.000,5;1.5;x,1\n2;2;3;y\n")
    options = {"delim": ";", "decimal_separator": ","}

    plain = read(source_of(tmp_path, options=options))
    grouped = read(source_of(tmp_path, options=options | {"thousands": "."}))

    assert plain[0][0] == {"a": 1.5, "b": "1.000,5", "c": "1.5", "d": "x,1"}
    assert grouped[0][0]["b"] == 1000.5
    assert grouped[1]["c"] == "VARCHAR"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": "a,b,a\n1,2,3\n"}, "column 'a' stands 2 times"),
        ({"a.csv": "a,A\n1,2\n"}, "columns 'a' and 'A' differ in letter case only"),
        ({"a.csv": "a,,b\n1,2,3\n"}, "column 2 has no name"),
        ({"a.csv": "a\n1\n", "b.csv": "a,b\n1,2\n"}, r"b\.csv has 'b' besides, unlike a\.csv"),
        ({"a.csv": "a,b\n1,2\n", "b.csv": "a\n1\n"}, r"b\.csv lacks 'b', unlike a\.csv"),
        ({"a.csv": "a\n1\n", "README.md": "x"}, r"files of several kinds: a\.csv, README\.md"),
        ({"a.csv": "a;b\n1;2\n"}, "separator looks like ';'"),
        ({"a.csv": b"a,b\n1,2\n1,\xe9\n"}, r"a\.csv, line 3\) is not utf-8: byte 3 of the line is 0xe9"),
        ({"a.csv": "a\nx\n".encode("utf-16")}, "is UTF-16"),
        ({"a.csv": b"PK\x03\x04...."}, "this is a zip archive or an Excel file"),
        ({"a.csv": b"PAR1...."}, "this is Parquet"),
        ({"a.csv": 'a,b\n1,"x\n2,3\n'}, "begins in line 2.*A quote may be open"),
        ({"a.csv": 'a,b\n1,2\n1,"x\n2,"y\n3,z\n'}, "begins in line 3.*A quote may be open"),
        ({"a.csv": 'a,b\n1,"x"y\n'}, "stand within a value"),
        ({"a.csv": "5.1,3.5,x\n4.9,3.0,y\n"}, r"seems to have no header: '5\.1' stands in its first line"),
        ({"a.csv": "1,2\n3,4\n"}, "seems to have no header"),
        ({"a.csv": "x,2013-01-01\ny,2013-01-02\n"}, "seems to have no header"),
        ({"a.csv": "sep=;\na;b\n1;2\n"}, "begins with a line for Excel"),
        ({"a.csv": b"a,b\n1,x\0\n"}, r"line 2\) holds a zero byte"),
        ({"a.csv": b"a,b\n" + b"1,x\n" * 5000 + b"1,\0\n"}, r"line 5002\) holds a zero byte"),
        ({"a.csv": "a,b\n1,x\n".encode("utf-16-le")}, "encoding: utf-16-le"),
        ({"a.csv": "\u00e9\n1\n", "b.csv": "e\u0301\n1\n"}, r"lacks '\\xe9' and has 'e\\u0301' besides"),
        ({"a.csv": "a,b\n1,2\n3\n"}, "line 3.*1 values where the header has 2 columns"),
    ],
)
def test_what_would_lose_a_row_or_a_column_is_refused(local: Make, files: dict[str, Any], message: str) -> None:
    with pytest.raises(BadData, match=message):
        collect_sources({"s": local(files)})


def test_a_row_that_is_no_header_by_its_options_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("5.1,x\n4.9,y\n")

    assert len(read(source_of(tmp_path, options={"header": False, "names": ["a", "b"]}))[0]) == 2
    assert read(source_of(tmp_path, options={"header": True}))[0] == [{"5.1": 4.9, "x": "y"}]
    with pytest.raises(BadData, match="2 columns stand in the header, 1 in the source's option `names`"):
        read(source_of(tmp_path, options={"header": True, "names": ["a"]}))


def test_empty_lines_before_the_header_and_lines_in_it_take_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\n\n"a\nx",b\n1,2\n')
    (tmp_path / "b.csv").write_text('"a\nx",b\n3,4\n')

    assert read(source_of(tmp_path))[0] == [{"a\nx": 1, "b": 2}, {"a\nx": 3, "b": 4}]


def test_quotes_within_values_that_need_none_are_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,5" pipe\n2,"say ""no"""\n3,x""y\n')

    assert [row["b"] for row in read(source_of(tmp_path))[0]] == ['5" pipe', 'say "no"', 'x""y']


def test_quotes_are_looked_at_beyond_the_first_piece_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n" + '1,"x,y"\n' * 700_000 + '1,"x\n2,"y\n')
    with pytest.raises(BadData, match="begins in line 700002"):
        read(source_of(tmp_path))


def test_lines_are_counted_from_the_start_of_the_file_and_of_the_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('made by us\n\na,b\n1,"x\ny"\nq,"1\n2"\n')
    with pytest.raises(BadData, match=r"a\.csv, line 6\): column 'a' is declared BIGINT, but holds 'q'"):
        read(source_of(tmp_path, options={"skip": 1}, columns={"a": "BIGINT"}))


@pytest.mark.parametrize("kind", ["HUGEINT", "TIMETZ", "INTERVAL", "BIT", "BIGNUM", "HUGEINT[]"])
def test_types_that_tables_would_not_keep_are_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.csv").write_text("c\n1\n")
    with pytest.raises(BadConfig, match="Declare"):
        read(source_of(tmp_path, columns={"c": kind}))


def test_columns_in_another_order_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    (tmp_path / "b.csv").write_text("b,a\ny,2\n")
    (tmp_path / "c.csv").write_text("")

    assert read(source_of(tmp_path))[0] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_files_of_one_name_in_several_folders_are_all_read(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "part.csv").write_text(f"a\n{number}\n")

    assert [row["a"] for row in read(source_of(tmp_path))[0]] == [1, 2]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.csv").write_bytes(end.join(["a,b", "1,x", "", "2,y"]).encode())

    assert read(source_of(tmp_path))[0] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_an_empty_line_of_one_column_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n\n3\n")

    assert [row["a"] for row in read(source_of(tmp_path))[0]] == [1, None, 3]


@pytest.mark.parametrize(
    ("kind", "option", "form", "message"),
    [
        ("DATE", "dateformat", "%Q", "none of DuckDB's"),
        ("TIMESTAMP", "timestampformat", "%d/%m/%Y %H:%M %z", "has a zone, which 'c' would lose"),
        ("DATE", "timestampformat", "%d/%m/%Y", "no column is declared as TIMESTAMP"),
    ],
)
def test_forms_of_dates_that_lose_something_are_refused(tmp_path: Path, kind: str, option: str, form: str, message: str) -> None:
    (tmp_path / "a.csv").write_text("c\n01/02/2013 10:00 +0100\n")
    with pytest.raises(BadConfig, match=message):
        read(source_of(tmp_path, columns={"c": kind}, options={option: form}))


@pytest.mark.parametrize(
    ("kind", "options", "text", "value"),
    [
        ("DATE", {"dateformat": "%d/%m/%Y"}, "01/02/2013", dt.date(2013, 2, 1)),
        (
            "TIMESTAMPTZ",
            {"timestampformat": "%d/%m/%Y %H:%M %z"},
            "01/02/2013 10:00 +0100",
            dt.datetime(2013, 2, 1, 9, tzinfo=dt.UTC),
        ),
    ],
)
def test_dates_in_a_form_that_is_told(tmp_path: Path, kind: str, options: dict[str, str], text: str, value: Any) -> None:
    (tmp_path / "a.csv").write_text(f"c\n{text}\n")

    assert read(source_of(tmp_path, columns={"c": kind}, options=options))[0] == [{"c": value}]


@pytest.mark.parametrize("text", ["13/13/2013", "01/02/2013 10:00"])
def test_a_date_in_another_form_than_told_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(f"c\n{text}\n")
    with pytest.raises(BadData, match=r"a\.csv, line 2\): column 'c' is declared DATE"):
        read(source_of(tmp_path, columns={"c": "DATE"}, options={"dateformat": "%d/%m/%Y"}))


def test_a_value_may_be_longer_than_a_block(tmp_path: Path) -> None:
    text = "x" * (9 << 20)
    (tmp_path / "a.csv").write_text(f'a,b\n1,"{text}"\n2,y\n')

    assert [row["b"] for row in read(source_of(tmp_path))[0]] == [text, "y"]


def test_a_declared_column_of_another_name_is_suggested(local: Make) -> None:
    with pytest.warns(UserWarning, match="has no column Age, for which a type is declared. Did you mean age?"):
        collect_sources({"s": local({"a.csv": "age,x\n1,1\n"}, columns={"Age": "VARCHAR"})})


odd_bytes = st.lists(st.sampled_from('aA10.-#é,,""\n\r '), max_size=14).map("".join)
odd_fields = st.lists(
    st.lists(st.sampled_from(["1", '"x"', '""', '"a,b"', '"q""r"', '"l\nm"', "", 'z"z', '"', '"x"y', ' "x"', "007"]), max_size=3),
    max_size=4,
).map(lambda rows: "\n".join(",".join(row) for row in rows))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["a", "a,b", "a,b,c"]), odd_bytes | odd_fields)
def test_a_file_of_any_signs_is_what_a_strict_reader_says_or_refused(tmp_path: Path, header: str, body: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{body}", newline="", encoding="utf-8")
    try:
        got, types, _ = read(source_of(tmp_path, null=()))
    except BadData:
        return

    records = list(csv.reader(io.StringIO(body, newline=""), strict=True))
    expected = [row for row in records if row] if "," in header else [row or [""] for row in records]
    assert len(got) == len(expected)
    for row, texts_of_row in zip(got, expected, strict=True):
        assert all(same(text, row[name], types[name]) for name, text in zip(header.split(","), texts_of_row, strict=True))


def test_an_encoding_that_is_declared(tmp_path: Path) -> None:
    buffer = io.BytesIO("a,b\né,1\n".encode("utf-16"))
    (tmp_path / "a.csv").write_bytes(buffer.getvalue())

    assert read(source_of(tmp_path, options={"encoding": "utf-16"}))[0] == [{"a": "é", "b": 1}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_errors": True}, "not the name of an option"),
        ({"delm": ";"}, "Did you mean delim?"),
        ({"delim": ";;"}, "one character is allowed"),
        ({"delim": ";", "sep": ";"}, "say the same"),
        ({"header": False}, "needs the names of its columns"),
        ({"encoding": "klingon"}, "which is not known"),
        ({"thousands": "."}, "decimal and thousands of CSV are the same sign, '.'"),
        ({"decimal_separator": ","}, "delimiter and decimal of CSV are the same sign"),
        ({"dateformat": "%d/%m/%Y"}, "dateformat, '%d/%m/%Y', is of no use: no column is declared as DATE"),
    ],
)
def test_options_that_decide_nothing_are_refused(local: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        collect_sources({"s": local({"a.csv": "a\n1\n"}, options=options)})
