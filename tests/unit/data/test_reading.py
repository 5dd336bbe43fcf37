"""Sources become tables; what cannot be read says where and why."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from sagelens.data import read_source, read_sources
from sagelens.errors import BadConfig, BadData
from sagelens.values import LocalSource, SourceFormat

Make = Callable[..., LocalSource]


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return found


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return buffer.getvalue()


def test_csv_with_missing_values(local: Make) -> None:
    assert rows(read_source(local({"a.csv": "carrier,delay\nAA,NA\nUA,5\n"}, null=["NA"]))) == [
        {"carrier": "AA", "delay": None},
        {"carrier": "UA", "delay": 5},
    ]


def test_declared_types_are_kept(local: Make) -> None:
    assert rows(read_source(local({"a.csv": "flight\n0012\n"}, columns={"flight": "VARCHAR"}))) == [{"flight": "0012"}]


def test_all_members_of_a_zip_archive(local: Make) -> None:
    table = read_source(local({"a.zip": zipped(one="n\n1\n", two="n\n2\n")}, SourceFormat.CSV_ZIP))
    assert sorted(row["n"] for row in rows(table)) == [1, 2]


def test_json_lines(local: Make) -> None:
    lines = "\n".join(json.dumps({"n": n, "s": "x"}) for n in range(3))
    assert len(rows(read_source(local({"a.jsonl": lines}, SourceFormat.JSON_LINES, columns={"n": "DOUBLE"})))) == 3


def test_parquet(local: Make, tmp_path: object) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2]}), buffer)
    assert rows(read_source(local({"a.parquet": buffer.getvalue()}, SourceFormat.PARQUET))) == [{"n": 1}, {"n": 2}]


def test_several_sources_keep_their_order(local: Make) -> None:
    source = local({"a.csv": "n\n1\n"})
    assert list(read_sources({"z": source, "a": source, "m": source})) == ["z", "a", "m"]


def test_a_wrong_type_names_column_value_and_line(local: Make) -> None:
    with pytest.raises(BadData, match=r"a\.csv, line 3\): column 'distance' is declared BIGINT, but holds 'far'"):
        read_source(local({"a.csv": "distance\n1\nfar\n"}, columns={"distance": "BIGINT"}))


def test_a_ragged_line_is_named(local: Make) -> None:
    with pytest.raises(BadData, match=r"line 3\).*3 values where the header has 2 columns"):
        read_source(local({"a.csv": "a,b\n1,2\n3,4,5\n6,7\n"}))


@pytest.mark.parametrize("content", ["", "a,b\n"])
def test_a_source_without_rows_is_refused(local: Make, content: str) -> None:
    with pytest.raises(BadData, match="has no rows"):
        read_source(local({"a.csv": content}))


def test_a_source_without_files_is_refused(local: Make) -> None:
    with pytest.raises(BadData, match="has no files"):
        read_source(local({}))


def test_a_broken_archive_is_refused(local: Make) -> None:
    with pytest.raises(BadData, match="not a readable zip archive"):
        read_source(local({"a.zip": b"nonsense"}, SourceFormat.CSV_ZIP))


def test_broken_parquet_is_refused(local: Make) -> None:
    with pytest.raises(BadData, match="cannot be read as parquet"):
        read_source(local({"a.parquet": b"nonsense, but long enough"}, SourceFormat.PARQUET))


def test_a_declared_column_that_is_absent_is_left_to_the_gate(local: Make) -> None:
    source = local({"a.csv": "a\n1\n"}, columns={"a": "DOUBLE", "b": "BIGINT"})
    with pytest.warns(UserWarning, match="no column b"):
        table = read_source(source)
    assert rows(table) == [{"a": 1.0}]


def test_an_option_that_is_no_identifier_is_refused(local: Make) -> None:
    with pytest.raises(BadConfig, match="not the name of an option"):
        read_source(local({"a.csv": "a\n1\n"}, options={"x); DROP": 1}))
