"""Tables as folders of Parquet."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from sagelens.data import connection, read_table, shape_of, write_table
from sagelens.errors import BadData
from sagelens.values import Column, digest_path


def arrow() -> Any:
    return pa.table({"n": list(range(1000)), "s": [f"v{n % 7}" for n in range(1000)]})


@pytest.mark.parametrize("kind", ["arrow", "pandas", "relation", "ibis"])
def test_every_kind_of_table_is_written(tmp_path: Path, kind: str) -> None:
    table = arrow()
    made = {
        "arrow": lambda: table,
        "pandas": table.to_pandas,
        "relation": lambda: connection().con.from_arrow(table),
        "ibis": lambda: _through_parquet(table, tmp_path / "first"),
    }[kind]()
    shape = write_table(made, tmp_path / "t")
    assert shape.rows == 1000
    assert shape.columns == (Column("n", "BIGINT"), Column("s", "VARCHAR"))
    assert read_table(tmp_path / "t").to_pyarrow().to_pydict() == table.to_pydict()


def _through_parquet(table: Any, folder: Path) -> Any:
    write_table(table, folder)
    return read_table(folder)


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    write_table(arrow(), tmp_path / "a")
    write_table(arrow(), tmp_path / "b")
    assert digest_path(tmp_path / "a") == digest_path(tmp_path / "b")


def test_the_shape_of_a_table_is_that_of_its_folder(tmp_path: Path) -> None:
    write_table(arrow(), tmp_path)
    assert shape_of(read_table(tmp_path)) == shape_of(tmp_path)


def test_an_empty_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="No table in"):
        read_table(tmp_path)


def test_broken_parquet_is_bad_data(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_text("not parquet, though long enough for one")
    with pytest.raises(BadData, match="not readable Parquet"):
        read_table(tmp_path)


def test_a_list_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"builtins\.list is not a table"):
        write_table([1], tmp_path)


@pytest.mark.parametrize(
    "module", ["sagelens.data", "sagelens.job.main", "steps.collection", "steps.preparation", "steps.exploration"]
)
def test_importing_loads_no_heavy_vendor(module: str) -> None:
    heavy = ["boto3", "sagemaker", "pandas", "numpy", "pyarrow", "duckdb", "ibis", "sklearn", "great_expectations", "matplotlib"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _part(folder: Path, name: str, **columns: list[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), folder / name)
    return folder


def test_a_folder_on_the_way_is_no_column(tmp_path: Path) -> None:
    folder = _part(tmp_path / "month=1" / "run=a", "part-0.parquet", month=[7, 8])

    assert read_table(folder).to_pyarrow().to_pydict() == {"month": [7, 8]}
    assert [column.name for column in shape_of(folder).columns] == ["month"]


def test_a_path_is_no_pattern(tmp_path: Path) -> None:
    _part(tmp_path / "x", "part-0.parquet", a=[1, 1])
    folder = _part(tmp_path / "[x]", "part-0.parquet", a=[7])

    assert read_table(folder).to_pyarrow().to_pydict() == {"a": [7]}
    assert shape_of(folder).rows == 1


@pytest.mark.parametrize(
    ("second", "said"),
    [({"a": [2.5]}, "'a' as DOUBLE in part-1.parquet"), ({"a": [2], "more": [1]}, "other columns: more"), ({"b": [1]}, "a, b")],
)
def test_files_of_one_table_that_differ_are_refused(tmp_path: Path, second: dict[str, list[Any]], said: str) -> None:
    _part(tmp_path, "part-0.parquet", a=[1])
    _part(tmp_path, "part-1.parquet", **second)

    with pytest.raises(BadData, match=said):
        read_table(tmp_path)


def test_a_file_whose_column_has_no_value_has_any_type(tmp_path: Path) -> None:
    _part(tmp_path, "part-0.parquet", a=[None], b=[1])
    _part(tmp_path, "part-1.parquet", b=[2], a=["x"])

    assert read_table(tmp_path).to_pyarrow().to_pydict() == {"a": [None, "x"], "b": [1, 2]}


def test_decimals_that_would_be_rounded_are_refused(tmp_path: Path) -> None:
    wide = pa.array([Decimal("1" + "0" * 49 + "1")], pa.decimal256(60, 0))
    parquet.write_table(pa.table({"a": wide}), tmp_path / "part-0.parquet")

    with pytest.raises(BadData, match="'a' as decimals of 60 digits"):
        read_table(tmp_path)


def _late(usual: Any, late: Any) -> pd.DataFrame:
    """A column of Python's objects, of which one is otherwise where no sample looks."""
    values = [usual] * 5000
    values[1501] = late
    return pd.DataFrame({"t": pd.Series(values, dtype=object)})


def test_a_late_value_of_a_frame_is_kept_as_it_is(tmp_path: Path) -> None:
    for number, (usual, late) in enumerate([(1, 2.5), (Decimal("1.10"), Decimal("0.123456789012")), (None, "x")]):
        write_table(_late(usual, late), tmp_path / str(number))

        assert read_table(tmp_path / str(number)).to_pyarrow()["t"][1501].as_py() == late


@pytest.mark.parametrize(
    ("usual", "late"),
    [
        (1, "007"),
        ("1", 7.10),
        (1, 2**70),
        (True, 5),
        (1, Decimal("0.1")),
        (dt.date(2013, 1, 1), dt.datetime(2013, 1, 1, 5, tzinfo=dt.UTC)),
    ],
)
def test_a_frame_whose_column_is_of_no_one_type_is_refused(tmp_path: Path, usual: Any, late: Any) -> None:
    with pytest.raises(BadData, match=r"pandas DataFrame .* Cast it"):
        write_table(_late(usual, late), tmp_path)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"A": [1], "a": [2]}),
        pd.DataFrame({"A": [1], "a": [2]}),
        pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)
def test_columns_that_a_table_would_rename_are_refused(tmp_path: Path, table: Any) -> None:
    with pytest.raises(BadData, match="Rename one"):
        write_table(table, tmp_path)
