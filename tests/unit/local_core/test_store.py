"""The store: what was written is found again, whatever happens to the process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.errors import ServiceUnavailable
from sagelens.local.ports import ApiError, Resource
from sagelens.local.store import AlreadyStored, NotStored, Store, page


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.db")
    yield opened
    opened.close()


def model(name: str, *, created: float = 1.0, parent: str = "", status: str = "", **body: object) -> Resource:
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:model/{parent}/{name}"
    return Resource(kind="Model", arn=arn, name=name, parent=parent, status=status, created=created, modified=created, body=body)


def names(found: list[Resource]) -> list[str]:
    return [resource.name for resource in found]


def test_what_was_inserted_is_found_by_name_and_arn(store: Store) -> None:
    resource = model("a", Containers=[{"Image": "ä"}])
    store.insert(resource)

    assert store.get("Model", "a") == resource
    assert store.find(resource.arn) == resource
    assert store.get("Model", "a", parent="other") is None
    assert store.get("Endpoint", "a") is None


def test_a_name_is_taken_once_for_each_kind_and_parent(store: Store) -> None:
    store.insert(model("a"))
    store.insert(model("a", parent="group"))

    with pytest.raises(AlreadyStored, match="Model 'a'"):
        store.insert(model("a"))


def test_an_update_merges_the_body_or_replaces_it(store: Store) -> None:
    resource = model("a", x=1, y=1)
    store.insert(resource)

    merged = store.update(resource.arn, status="Done", body={"y": 2}, modified=5.0)
    assert (merged.status, merged.body, merged.modified, merged.created) == ("Done", {"x": 1, "y": 2}, 5.0, 1.0)
    assert store.find(resource.arn) == merged

    replaced = store.update(resource.arn, body={"z": 3}, replace=True, modified=6.0)
    assert (replaced.status, replaced.body) == ("Done", {"z": 3})


def test_what_is_not_there_cannot_be_changed(store: Store) -> None:
    with pytest.raises(NotStored, match="arn:nothing"):
        store.update("arn:nothing", status="Done", modified=1.0)
    assert store.delete("arn:nothing") is False


def test_what_was_deleted_is_gone_and_its_name_free(store: Store) -> None:
    store.insert(model("a"))
    assert store.delete(model("a").arn) is True
    assert store.get("Model", "a") is None
    store.insert(model("a"))


def test_queries_filter_and_sort(store: Store) -> None:
    store.insert(model("beta", created=1.0, status="A"))
    store.insert(model("Alpha", created=2.0, status="B"))
    store.insert(model("gamma", created=3.0, status="A", parent="group"))

    assert names(store.query("Model")) == ["gamma", "Alpha", "beta"]
    assert names(store.query("Model", descending=False)) == ["beta", "Alpha", "gamma"]
    assert names(store.query("Model", order_by="name", descending=False)) == ["Alpha", "beta", "gamma"]
    assert names(store.query("Model", status="A")) == ["gamma", "beta"]
    assert names(store.query("Model", parent="")) == ["Alpha", "beta"]
    assert names(store.query("Model", name_contains="ALPH")) == ["Alpha"]
    assert names(store.query("Model", created_after=1.0, created_before=3.0)) == ["Alpha"]
    assert names(store.query("Model", limit=1, offset=1)) == ["Alpha"]
    assert store.query("Endpoint") == []


def test_equal_times_keep_the_order_of_insertion(store: Store) -> None:
    for name in "cab":
        store.insert(model(name))

    assert names(store.query("Model", descending=False)) == ["c", "a", "b"]
    assert names(store.query("Model")) == ["b", "a", "c"]


def test_a_transaction_keeps_all_or_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            store.insert(model("a"))
            with store.transaction():
                store.insert(model("b"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert store.query("Model") == []

    with store.transaction():
        store.insert(model("a"))
    assert names(store.query("Model")) == ["a"]


def test_a_refused_insert_leaves_the_rest_of_a_transaction_alone(store: Store) -> None:
    with store.transaction():
        store.insert(model("a"))
        with pytest.raises(AlreadyStored):
            store.insert(model("a"))
        store.insert(model("b"))

    assert names(store.query("Model")) == ["b", "a"]


_WRITER = """
import os, signal, sys
from pathlib import Path
from sagelens.local.ports import Resource
from sagelens.local.store import Store

store = Store(Path(sys.argv[1]))
store.insert(Resource(kind="Model", arn="kept", name="kept"))
with store.transaction():
    store.insert(Resource(kind="Model", arn="lost", name="lost"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_only_what_was_not_committed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    done = subprocess.run(
        [sys.executable, "-c", _WRITER, path], check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == -signal.SIGKILL

    store = Store(path)
    assert names(store.query("Model")) == ["kept"]
    store.close()


def test_a_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(ServiceUnavailable, match="schema version 99"):
        Store(path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"something else " * 100)
    with pytest.raises(ServiceUnavailable, match=r"state\.db cannot be used: file is not a database"):
        Store(path)


def test_pages_lead_from_one_to_the_next() -> None:
    first, more = page(range(5), {"MaxResults": 2})
    second, more = page(range(5), {"MaxResults": 2, **more})
    third, last = page(range(5), {"MaxResults": 2, **more})

    assert (first, second, third, last) == ([0, 1], [2, 3], [4], {})


@pytest.mark.parametrize("token", ["nonsense", "b2Zmc2V0Oi01", "b2Zmc2V0Ong=", "é"])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="NextToken") as refused:
        page(range(5), {"NextToken": token})
    assert refused.value.code == "ValidationException"


def test_text_that_is_no_unicode_is_kept_as_it_is(store: Store) -> None:
    """A job may end with any bytes as its last words."""
    store.insert(model("a", FailureReason="last words \udcff"))
    store.update(model("a").arn, modified=2.0, body={"More": "\ud800ü"})

    assert store.query("Model")[0].body == {"FailureReason": "last words \udcff", "More": "\ud800ü"}
