"""The columns of a source from the head of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pytest
from pyarrow import parquet

from sagelens.data import columns_of
from sagelens.errors import BadData
from sagelens.values import Classification, Source, SourceFormat


def source(format_: SourceFormat, **options: Any) -> Source:
    return Source(uri="x", format=format_, licence="x", classification=Classification.PUBLIC, owner="x", options=options)


def file(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("a,b\n1,2\n", {}, ("a", "b")),
        ("a;b\n1;2\n", {"delim": ";"}, ("a", "b")),
        ("\ufeffa,b\r\n1,2\r\n", {}, ("a", "b")),
        ('"a, b",c\n1,2\n', {}, ("a, b", "c")),
        ("a,b", {}, ("a", "b")),
        ('"a\nb",c\n1,2\n', {}, None),
        ("1,2\n", {"header": False}, None),
        ("junk\na,b\n", {"skip": 1}, None),
    ],
)
def test_of_a_csv_file(tmp_path: Path, text: str, options: dict[str, Any], wanted: tuple[str, ...] | None) -> None:
    assert columns_of(source(SourceFormat.CSV, **options), [file(tmp_path, "x.csv", text)]) == wanted


def test_of_several_files_all_columns_that_any_has(tmp_path: Path) -> None:
    files = [file(tmp_path, "1.csv", "a,b\n"), file(tmp_path, "2.csv", "b,c\n")]

    assert columns_of(source(SourceFormat.CSV), files) == ("a", "b", "c")


def test_of_an_archive_those_of_its_members(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("one/x.csv", "a,b\n1,2\n")
        archive.writestr("__MACOSX/one/._x.csv", "\0\0")

    assert columns_of(source(SourceFormat.CSV_ZIP), [tmp_path / "x.zip"]) == ("a", "b")


def test_of_parquet_from_its_footer_and_of_json_lines_nothing(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1], "B": ["x"]}), tmp_path / "x.parquet")

    assert columns_of(source(SourceFormat.PARQUET), [tmp_path / "x.parquet"]) == ("a", "B")
    assert columns_of(source(SourceFormat.JSON_LINES), [file(tmp_path, "x.jsonl", '{"a": 1}\n')]) is None


@pytest.mark.parametrize(("format_", "name"), [(SourceFormat.PARQUET, "x.parquet"), (SourceFormat.CSV_ZIP, "x.zip")])
def test_a_file_of_another_kind_is_named(tmp_path: Path, format_: SourceFormat, name: str) -> None:
    with pytest.raises(BadData, match=name):
        columns_of(source(format_), [file(tmp_path, name, "a,b\n")])
