from __future__ import annotations

from pathlib import Path

import ibis
import pytest

from sagelens.quality import check_tables, data_docs

NOT_NULL = {"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}]}


def test_data_docs_show_every_table_of_a_gate(tmp_path: Path) -> None:
    tables = {"good": ibis.memtable({"x": [1]}), "bad": ibis.memtable({"x": [None, 1]})}

    page = data_docs(tables, gate="raw", suites=dict.fromkeys(tables, NOT_NULL), folder=tmp_path / "docs")

    assert page.is_file()
    names = {path.name for path in (tmp_path / "docs").rglob("*.html")}
    assert len(names) >= 3
    text = "".join(path.read_text() for path in (tmp_path / "docs").rglob("*.html"))
    assert "good (s)" in text
    assert "bad (s)" in text


def test_a_gate_writes_nothing_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    check_tables(ibis.memtable({"x": [None, 1]}), gate="g", tables=("t",), suites={"t": NOT_NULL})

    assert list(tmp_path.rglob("*")) == []
    assert capfd.readouterr() == ("", "")
