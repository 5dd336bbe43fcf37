"""The objects behind a URI that SageMaker takes for a prefix."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagelens.local.objects import ObjectStore
from sagelens.local.objects.listing import begins_only, objects_under
from sagelens.local.ports import ApiError


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


def put(objects: ObjectStore, *keys: str) -> None:
    for key in keys:
        path = objects.path(f"s3://bucket/{key}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)


@pytest.mark.parametrize(
    ("keys", "prefix", "names"),
    [
        (["data/a", "data/deep/b"], "data", ["a", "deep/b"]),
        (["data/a", "data/deep/b"], "data/", ["a", "deep/b"]),
        (["data/a", "other"], "", ["data/a", "other"]),
        (["data/train-a", "data/train-b", "data/raw"], "data/train", ["train-a", "train-b"]),
        (["day1/a", "day10/b"], "day1", ["a", "day10/b"]),
        (["day1/a", "day10/b"], "day1/", ["a"]),
        (["in.csv", "in.csv.bak", "in"], "in.csv", ["in.csv", "in.csv.bak"]),
        (["in.csv"], "in.csv/", []),
        (["a[1]*?/x", "a1/x"], "a[1]*", ["a[1]*?/x"]),
        (["deep/er/part-1/x", "deep/er/part-2"], "deep/er/part-", ["part-1/x", "part-2"]),
        (["bucket/aqbkc2defghi/execution.json", "bucket/x"], "bucket", ["x"]),
        (["bucket/aqbkc2defghi/execution.json"], "bucket/aqbkc2defghi/execution.json", ["execution.json"]),
        (["data/a", "data/.sagelens-1", "data/.rclone_temp_put_1"], "data", ["a"]),
        ([], "nothing", []),
    ],
)
def test_a_prefix_is_every_key_that_begins_so(objects: ObjectStore, keys: list[str], prefix: str, names: list[str]) -> None:
    put(objects, *keys)

    assert list(objects_under(objects, f"s3://bucket/{prefix}")) == names


def test_two_objects_of_one_name_are_refused_and_named(objects: ObjectStore) -> None:
    put(objects, "day1/day10/a", "day10/a")

    with pytest.raises(ApiError, match="s3://bucket/day1/day10/a and s3://bucket/day10/a") as error:
        objects_under(objects, "s3://bucket/day1")
    assert error.value.code == "ValidationException"


def test_a_folder_beside_which_nothing_begins_so_is_all_there_is(objects: ObjectStore) -> None:
    put(objects, "day1/a", "day10/b", "data/a")

    found = {uri: begins_only(objects, f"s3://bucket/{uri}") for uri in ("day1", "day1/", "data", "", "data/a", "nothing")}
    assert found == {"day1": False, "day1/": True, "data": True, "": True, "data/a": False, "nothing": False}
