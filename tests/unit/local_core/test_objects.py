"""URIs and the files that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagelens.local.objects import ObjectStore
from sagelens.local.ports import ApiError


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/a", "s3://bucket/a/b.parquet", "s3://bucket/with space/ä=1"])
def test_a_uri_and_its_path_name_each_other(objects: ObjectStore, uri: str) -> None:
    path = objects.path(uri)
    assert path.is_relative_to(objects.root)
    assert objects.uri(path) == uri


def test_a_trailing_slash_names_the_same_folder(objects: ObjectStore) -> None:
    assert objects.path("s3://bucket/a/") == objects.path("s3://bucket/a")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bucket/a",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://",
        "s3://../a",
        "s3://bucket/../other",
        "s3://bucket/a/../../../x",
        "s3://bucket/./a",
        "s3://bucket//a",
        "s3://bucket/a\\..\\b",
        "s3://bucket/\0",
        "s3://Bucket/a",
    ],
)
def test_nothing_else_is_a_uri(objects: ObjectStore, uri: str) -> None:
    with pytest.raises(ApiError) as error:
        objects.path(uri)
    assert error.value.code == "ValidationException"


@pytest.mark.parametrize(
    "key",
    ["a" * 256, "ä" * 128, "/".join(["a" * 200] * 6), "a/" * 513 + "b", "b/\ud800"],
    ids=["name", "bytes", "key", "parts", "half"],
)
def test_a_key_that_no_file_can_have_is_refused(objects: ObjectStore, key: str) -> None:
    with pytest.raises(ApiError, match=r"is too long: 1024 bytes are allowed, and here 255|no text in UTF-8") as error:
        objects.path(f"s3://bucket/{key}")
    assert error.value.code == "ValidationException"
    error.value.message.encode()


def test_the_longest_keys_are_taken(objects: ObjectStore) -> None:
    for key in ("a" * 255, "ä" * 127, "/".join(["a" * 204] * 5)):
        path = objects.path(f"s3://bucket/{key}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_link_leads_nowhere_else(objects: ObjectStore, tmp_path: Path) -> None:
    (objects.root / "bucket").mkdir()
    (objects.root / "bucket" / "out").symlink_to(tmp_path)
    (objects.root / "bucket" / "in").symlink_to(objects.root / "bucket")

    assert objects.path("s3://bucket/in/a").name == "a"
    with pytest.raises(ApiError, match="symbolic link"):
        objects.path("s3://bucket/out/a")


@pytest.mark.parametrize("path", ["/", "..", "."])
def test_a_path_outside_has_no_uri(objects: ObjectStore, path: str) -> None:
    with pytest.raises(ApiError, match="not in the object store"):
        objects.uri(objects.root / path)
