from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.local.jobs.outputs import Occupied, archive, publish, stamps_of
from sagelens.local.objects import ObjectStore


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


def test_what_somebody_puts_there_meanwhile_is_not_lost(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    done = threading.Event()
    put: list[str] = []

    def client() -> None:
        while not done.is_set():
            put.append(f"foreign-{len(put)}")
            (target / put[-1]).write_text("foreign")

    writer = threading.Thread(target=client)
    writer.start()
    for number in range(30):
        made = tmp_path / f"made-{number}"
        made.mkdir()
        (made / f"n-{number}").write_text("ours")
        publish(made, target)
    done.set()
    writer.join()

    assert {path.name for path in target.iterdir()} == {*put, *(f"n-{number}" for number in range(30))}


@pytest.mark.parametrize(("there", "what"), [("bucket/a.txt/x", "folder of objects"), ("bucket/deep", "an object there already")])
def test_an_object_is_never_replaced_by_a_folder_nor_a_folder_by_an_object(
    made: Path, tmp_path: Path, there: str, what: str
) -> None:
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("kept")

    with pytest.raises(Occupied, match=what):
        publish(made, tmp_path / "bucket")

    assert (tmp_path / there).read_text() == "kept"
    assert {path.name for path in made.rglob("*.txt")} == {"a.txt", "b.txt"}


def test_nothing_is_stored_below_an_object(made: Path, tmp_path: Path) -> None:
    (tmp_path / "object").write_text("kept")

    with pytest.raises(Occupied, match="object is an object there already"):
        publish(made, tmp_path / "object" / "out")


def test_a_link_to_the_folder_around_it_is_refused(made: Path, tmp_path: Path) -> None:
    (made / "deep" / "loop").symlink_to(made)
    (made / "self").symlink_to("self")

    with pytest.raises(OSError, match="a link to the folder that holds it"):
        publish(made, tmp_path / "target")


def test_an_archive_that_cannot_be_written_leaves_nothing(made: Path, tmp_path: Path) -> None:
    (made / "secret").write_text("x")
    target = tmp_path / "bucket" / "model.tar.gz"
    target.mkdir(parents=True)
    (target / "x").write_text("kept")

    with pytest.raises(Occupied):
        archive(made, target)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["bucket", "made"]
    assert (target / "x").read_text() == "kept"


def test_a_stamp_changes_with_every_file_below(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path / "objects")
    folder = objects.path("s3://bucket/out")
    stamps = [stamps_of(objects, ["s3://bucket/out"])["s3://bucket/out"]]
    folder.mkdir(parents=True)
    for name in ("a", "b", "a"):
        (folder / name).write_text(f"{len(stamps)}")
        stamps.append(stamps_of(objects, ["s3://bucket/out/"])["s3://bucket/out/"])
    folder.with_name("outer").mkdir()
    (folder.with_name("outer") / "x").write_text("1")

    assert stamps[0] == ""
    assert len(set(stamps)) == 4
    assert stamps_of(objects, ["s3://bucket/out"])["s3://bucket/out"] == stamps[-1]


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system than the tests' own, where the machine has one."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("this machine has no /dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="sagelens-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def test_objects_on_another_file_system_are_whole(made: Path, elsewhere: Path) -> None:
    publish(made, elsewhere / "bucket" / "out")

    assert {path.name: path.read_text() for path in elsewhere.rglob("*") if path.is_file()} == {"a.txt": "new", "b.txt": "new"}


def test_a_file_system_that_is_full_is_left_without_a_half_object(tmp_path: Path, elsewhere: Path) -> None:
    """The limit on the size of files stands in for the disk; what was there before stays."""
    (elsewhere / "out").mkdir()
    (elsewhere / "out" / "large").write_text("before")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "large").write_bytes(b"x" * 100_000)
    program = (
        "import resource, signal, sys; from pathlib import Path; from sagelens.local.jobs.outputs import publish\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "made"), str(elsewhere / "out")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "File too large" in ended.stderr
    assert [(path.name, path.read_text()) for path in (elsewhere / "out").iterdir()] == [("large", "before")]
