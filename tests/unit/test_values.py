"""Digests, verdicts and splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagelens.values import Check, GateKind, Severity, TimeSplit, Verdict, digest_files, digest_listing, digest_path


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_folder_s_digest_is_that_of_its_content_and_its_names(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a.txt": "A", "below/b.txt": "B"})
    same = write(tmp_path / "same", {"below/b.txt": "B", "a.txt": "A"})
    renamed = write(tmp_path / "renamed", {"a.txt": "A", "below/c.txt": "B"})

    assert digest_path(one) == digest_path(same) == digest_listing(digest_files(one))
    assert digest_path(one) != digest_path(renamed)


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a.txt": "A"})
    (tmp_path / "link").symlink_to(one, target_is_directory=True)

    assert digest_path(tmp_path / "link") == digest_path(one)


def check(name: str, *, passed: bool, severity: Severity) -> Check:
    return Check(name=name, subject="t.c", passed=passed, observed="1", expected="2", severity=severity)


def test_only_a_failed_critical_check_stops() -> None:
    warned = Verdict.of("g", GateKind.DATA, (check("w", passed=False, severity=Severity.WARNING),))
    stopped = Verdict.of("g", GateKind.DATA, (*warned.checks, check("c", passed=False, severity=Severity.CRITICAL)))

    assert warned.passed
    assert not stopped.passed
    assert stopped.summary == "Gate 'g': 0 of 2 checks passed. c on t.c: observed 1, expected 2"


@pytest.mark.parametrize("test", [(), (3,), (2,)])
def test_a_split_that_is_empty_or_goes_back_in_time_is_refused(test: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"empty|overlap"):
        TimeSplit(column="month", train=(1, 2), validation=(3,), test=test)
