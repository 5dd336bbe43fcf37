from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sagelens.local.jobs.outputs import publish


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("new")
    (folder / "deep" / "b.txt").write_text("new")
    return folder


def test_a_new_target_is_the_folder_that_was_made(made: Path, tmp_path: Path) -> None:
    inode = (made / "a.txt").stat().st_ino

    publish(made, tmp_path / "bucket" / "x" / "y")

    assert (tmp_path / "bucket/x/y/a.txt").stat().st_ino == inode
    assert not made.exists()


def test_other_objects_stay_and_equal_keys_are_replaced(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "deep").mkdir(parents=True)
    (target / "a.txt").write_text("old")
    (target / "deep" / "c.txt").write_text("kept")

    publish(made, target)

    found = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*.txt")}
    assert found == {"a.txt": "new", "deep/b.txt": "new", "deep/c.txt": "kept"}


def test_a_target_with_the_same_content_is_not_touched(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "deep").mkdir(parents=True)
    for name in ("a.txt", "deep/b.txt"):
        (target / name).write_text("new")
    before = (target / "a.txt").stat().st_ino

    publish(made, target)

    assert (target / "a.txt").stat().st_ino == before


def test_links_become_copies(made: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("content")
    (made / "link").symlink_to(tmp_path / "elsewhere")
    (made / "dangling").symlink_to(tmp_path / "nothing")

    publish(made, tmp_path / "target")

    assert not (tmp_path / "target/link").is_symlink()
    assert (tmp_path / "target/link").read_text() == "content"
    assert not (tmp_path / "target/dangling").is_symlink()


def test_a_reader_never_finds_the_target_missing(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "n").write_text("0")
    missing: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                (target / "n").read_text()
            except FileNotFoundError:
                missing.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        made = tmp_path / f"made-{number}"
        made.mkdir()
        (made / "n").write_text(f"{number} {'x' * number}")
        publish(made, target)
    done.set()
    reader.join()

    assert missing == []
    assert (target / "n").read_text().startswith("49")
