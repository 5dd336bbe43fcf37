"""Which files a step's code is made of, and when its digest changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sagelens.errors import BadConfig
from sagelens.project.code import CodeReader


def test_the_closure_follows_imports_inside_functions_and_between_modules(toy: Path) -> None:
    code = CodeReader({"toy": toy}).closure("toy.preparation")

    assert set(code.files) == {"toy/__init__.py", "toy/preparation.py", "toy/shared.py"}
    assert code.imports == ("duckdb", "numpy", "sagelens")


def test_imports_for_type_checkers_do_not_count(toy: Path) -> None:
    assert "pandas" not in CodeReader({"toy": toy}).closure("toy.collection").imports


def test_changing_a_module_changes_the_digest_of_those_that_import_it_alone(toy: Path) -> None:
    before = CodeReader({"toy": toy})
    preparation, training = before.closure("toy.preparation").digest, before.closure("toy.training").digest

    (toy / "toy" / "shared.py").write_text("SCALE = 4\n")

    after = CodeReader({"toy": toy})
    assert after.closure("toy.preparation").digest != preparation
    assert after.closure("toy.training").digest == training


def test_what_was_parsed_is_remembered_and_a_changed_file_is_parsed_again(toy: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    first = CodeReader({"toy": toy}, memory)
    digest = first.closure("toy.preparation").digest
    first.save()
    assert CodeReader({"toy": toy}, memory).closure("toy.preparation").digest == digest

    (toy / "toy" / "preparation.py").write_text("import json\n")

    assert CodeReader({"toy": toy}, memory).closure("toy.preparation").imports == ()


def aged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files below have been as they are for long."""
    now = max(path.stat().st_ctime_ns for path in root.rglob("*.py")) + 10_000_000_000
    monkeypatch.setattr("sagelens.values.stamp.time.time_ns", lambda: now)


def test_a_file_of_the_same_size_and_time_is_parsed_again(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, file = tmp_path / "memory.json", toy / "toy" / "shared.py"
    with monkeypatch.context() as long_ago:
        aged(toy, long_ago)
        first = CodeReader({"toy": toy}, memory)
        digest, stat = first.closure("toy.shared").digest, file.stat()
        first.save()

    file.write_text("SCALE = 4\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert str(file) in json.loads(memory.read_text())
    assert CodeReader({"toy": toy}, memory).closure("toy.shared").digest != digest


def test_what_changed_just_now_is_not_remembered(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may change again within the same moment of the file system's clock; what is older is remembered."""
    memory = tmp_path / "memory.json"
    now = (toy / "toy" / "shared.py").stat().st_mtime_ns + 1_000_000_000
    monkeypatch.setattr("sagelens.values.stamp.time.time_ns", lambda: now)
    reader = CodeReader({"toy": toy}, memory)
    reader.closure("toy.preparation")
    reader.save()

    assert json.loads(memory.read_text()) == {}


def test_the_manifest_names_every_file_with_its_digest(toy: Path) -> None:
    code = CodeReader({"toy": toy}).closure("toy.preparation")

    manifest = json.loads(code.manifest())

    assert manifest["digest"] == code.digest
    assert set(manifest["files"]) == set(code.files)


def test_a_syntax_error_is_named_with_file_and_line(toy: Path) -> None:
    (toy / "toy" / "training.py").write_text("def fit(:\n")

    with pytest.raises(BadConfig, match=r"training\.py:1: SyntaxError"):
        CodeReader({"toy": toy}).closure("toy.training")


def test_an_unknown_module_is_named(toy: Path) -> None:
    with pytest.raises(BadConfig, match=r"Module 'toy\.nothing' was not found"):
        CodeReader({"toy": toy}).closure("toy.nothing")
