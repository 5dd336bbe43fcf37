"""The memory of digests: never older than the file, and of use where nothing has changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from sagelens.cli import sources
from sagelens.cli.sources import _Digests
from sagelens.values import digest_bytes

LATER = 10_000_000_000  # ns


def later() -> int:
    return time.time_ns() + LATER


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"a,1")
    return file


def remembered(data: Path) -> Path:
    """A memory of this file, made when it had long been as it is."""
    memory = data.parent / "sources.json"
    digests = _Digests(memory, later)
    digests.digest(data)
    digests.save()
    return memory


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read from now on."""
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return digest_bytes(path.read_bytes())

    monkeypatch.setattr(sources, "digest_file", digest)
    return read


def test_a_file_that_has_not_changed_is_not_read_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, read = remembered(data), hashed(monkeypatch)

    assert _Digests(memory).digest(data) == digest_bytes(b"a,1")
    assert read == []


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_time_is_read(data: Path) -> None:
    memory, stat = remembered(data), data.stat()
    other = data.with_suffix(".new")
    other.write_bytes(b"b,2")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(data)

    assert _Digests(memory).digest(data) == digest_bytes(b"b,2")


def test_a_file_that_was_written_over_with_its_time_put_back_is_read(data: Path) -> None:
    memory, stat = remembered(data), data.stat()
    data.write_bytes(b"b,2")
    os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert _Digests(memory).digest(data) == digest_bytes(b"b,2")


def test_what_changed_just_now_is_not_remembered(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could change again within the same moment of the file system's clock, with the same size."""
    stat, memory = data.stat(), data.parent / "sources.json"
    changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
    digests = _Digests(memory, lambda: changed + 1_999_999_999)
    read = hashed(monkeypatch)

    for _ in range(2):
        assert digests.digest(data) == digest_bytes(b"a,1")
    digests.save()

    assert read == [data, data]
    assert not memory.exists()


def test_a_digest_that_is_no_more_to_be_trusted_is_forgotten(data: Path) -> None:
    memory = remembered(data)
    data.write_bytes(b"b,2")

    digests = _Digests(memory)
    digests.digest(data)
    digests.save()

    assert json.loads(memory.read_text()) == {}


def test_a_file_that_changes_while_it_is_read_is_not_remembered(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(path: Path) -> str:
        found = digest_bytes(path.read_bytes())
        path.write_bytes(b"changed meanwhile")
        return found

    monkeypatch.setattr(sources, "digest_file", digest)
    digests = _Digests(data.parent / "sources.json", later)
    digests.digest(data)
    monkeypatch.undo()

    assert digests.digest(data) == digest_bytes(b"changed meanwhile")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rows.csv": 5}', '{"/rows.csv": [3, 5, "0123"]}'])
def test_a_memory_of_another_form_is_no_memory(data: Path, text: str) -> None:
    memory = data.parent / "sources.json"
    memory.write_text(text)

    assert _Digests(memory).digest(data) == digest_bytes(b"a,1")
