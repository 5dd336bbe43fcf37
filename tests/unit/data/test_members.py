"""Files beside the data, archives, and their bounds."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.data import read_source, resolve
from sagelens.data.members import is_foreign
from sagelens.errors import BadData
from sagelens.values import LocalSource, SourceFormat
from tests.unit.data.conftest import declare

Make = Callable[..., LocalSource]


def archive(members: dict[str, Any], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def values(local: LocalSource) -> list[Any]:
    return sorted(read_source(local).to_pyarrow().column("a").to_pylist())


@pytest.mark.parametrize(
    ("path", "foreign"),
    [
        ("_SUCCESS", True),
        (".part-0.csv.crc", True),
        (".DS_Store", True),
        ("__MACOSX/._a.csv", True),
        ("_temporary/0/part.csv", True),
        ("Thumbs.db", True),
        ("~$a.xlsx", True),
        ("@eaDir/a.csv", True),
        ("./a.csv", False),
        ("a.csv", False),
        ("2013/a.csv", False),
        ("month=1/a_b.csv", False),
    ],
)
def test_what_is_none_of_the_data(path: str, foreign: bool) -> None:
    assert is_foreign(path) is foreign


def test_files_that_other_programs_left_are_no_part_of_a_source(tmp_path: Path) -> None:
    for name in ("a.csv", "_SUCCESS", ".a.csv.crc"):
        (tmp_path / name).write_text("x")

    assert [file.name for file in resolve(declare(str(tmp_path)), tmp_path)] == ["a.csv"]


def test_members_and_archives_of_one_name_are_all_read(tmp_path: Path, local: Make) -> None:
    one, two = archive({"x/p.csv": "a\n1\n", "y/p.csv": "a\n2\n"}), archive({"x/p.csv": "a\n3\n", "__MACOSX/x/._p.csv": b"\0"})
    source = local({"z.zip": one, "z.ZIP": two}, SourceFormat.CSV_ZIP)

    assert values(source) == [1, 2, 3]


def test_gzip_is_unpacked(local: Make) -> None:
    assert values(local({"a.csv.gz": gzip.compress(b"a\n1\n"), "b.csv.gz": gzip.compress(b"a\n2\n")})) == [1, 2]


def a_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        entry = zipfile.ZipInfo("a.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def twice(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "a\n1\n")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr(name, "a\n2\n")
    return buffer.getvalue()


def many_small_bombs() -> bytes:
    return archive({f"{number}.csv": b"a\n" + b"0" * (20 << 20) for number in range(4)})


@pytest.mark.parametrize(
    ("files", "form", "message"),
    [
        ({"a.zip": archive({"a.csv": b"a\n" + b"0" * (80 << 20)})}, SourceFormat.CSV_ZIP, "unpacks to more than"),
        ({"a.csv.gz": gzip.compress(b"a\n" + b"0" * (80 << 20))}, SourceFormat.CSV, "unpacks to more than"),
        ({"a.zip": archive({"../a.csv": "a\n1\n"})}, SourceFormat.CSV_ZIP, r"member '\.\./a\.csv', whose name leads out"),
        ({"a.zip": archive({"/a.csv": "a\n1\n"})}, SourceFormat.CSV_ZIP, "whose name leads out of it"),
        ({"a.zip": twice("a.csv")}, SourceFormat.CSV_ZIP, r"a\.zip has 'a\.csv' 2 times"),
        (
            {"a.zip": archive({"a.csv": "a\n1\n", "README.txt": "x"})},
            SourceFormat.CSV_ZIP,
            r"files of several kinds: a\.csv, README\.txt",
        ),
        ({"a.zip": many_small_bombs()}, SourceFormat.CSV_ZIP, "unpacks to more than"),
        ({"a.zip": a_link()}, SourceFormat.CSV_ZIP, "is a link, not data"),
        ({"a.zip": b"nonsense"}, SourceFormat.CSV_ZIP, "not a readable zip archive"),
        ({"a.csv.gz": b"\x1f\x8bnonsense"}, SourceFormat.CSV, "not readable gzip"),
        ({".DS_Store": b"\0", "_SUCCESS": b""}, SourceFormat.CSV, "no files but what other programs left"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(local: Make, files: dict[str, bytes], form: SourceFormat, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_source(local(files, form))


def test_an_encrypted_member_is_told(local: Make) -> None:
    packed = bytearray(archive({"a.csv": "a\n1\n"}, zipfile.ZIP_STORED))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + offset] |= 1

    with pytest.raises(BadData, match="a member is encrypted"):
        read_source(local({"a.zip": bytes(packed)}, SourceFormat.CSV_ZIP))


def test_gzip_is_known_by_its_content(local: Make) -> None:
    assert values(local({"a.csv": gzip.compress(b"a\n1\n"), "b.csv": "a\n2\n"})) == [1, 2]


def test_gzip_within_an_archive_is_unpacked(local: Make) -> None:
    assert values(local({"a.zip": archive({"a.csv.gz": gzip.compress(b"a\n3\n")})}, SourceFormat.CSV_ZIP)) == [3]


def test_a_member_in_the_folder_itself_is_read(local: Make) -> None:
    assert values(local({"a.zip": archive({"./a.csv": "a\n1\n", "b/./c.csv": "a\n2\n"})}, SourceFormat.CSV_ZIP)) == [1, 2]


def test_files_that_may_be_data_are_named_when_they_are_passed_over(local: Make) -> None:
    with pytest.warns(UserWarning, match=r"_b\.csv passed over, since names that begin with \. or _"):
        assert values(local({"a.csv": "a\n1\n", "_b.csv": "a\n2\n", "_SUCCESS": "", ".a.csv.crc": "x"})) == [1]


def test_folders_named_after_values_are_told_of_csv_too(local: Make) -> None:
    with pytest.warns(UserWarning, match="named after month, which become no columns"):
        assert values(local({"month=1/a.csv": "a\n1\n"})) == [1]
