"""Text from data reaches a terminal and a log as text."""

from __future__ import annotations

import io
import logging
import os
import pty
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.cli.guard import guarded_output, unguarded
from sagelens.errors import BadInput
from sagelens.text.plain import PlainFormatter, plain

TITLE = "\x1b]0;owned\x07"
RED = "\x1b[31m"
CLEAR = "\x1b[2J"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a{RED}b\x1b[0;1m", "ab"),
        ("a\x1b[2Jb\x1b[31", r"a\x1b[2Jb\x1b[31"),
        ("50 %\r100 %", r"50 %\r100 %"),
        ("\x9b2J", r"\x9b2J"),
        ("evil\u202egnp.exe", r"evil\u202egnp.exe"),
        ("one\u2028two", r"one\u2028two"),
        ("half \udc80", r"half \udc80"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("Größe 漢字 ● … 👩‍🚀", "Größe 漢字 ● … 👩‍🚀"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_what_is_plain_can_be_written_anywhere_and_stays(text: str) -> None:
    shown = plain(text)

    shown.encode()
    assert plain(shown) == shown
    assert all(sign in "\n\t" or sign.isprintable() or sign > "\x9f" for sign in shown)


def test_both_streams_are_guarded_and_left_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with guarded_output():
        print(TITLE, "for people")
        sys.stderr.writelines([CLEAR, "x\n"])
        unguarded(sys.stderr).write("\x1b[2K")
        assert sys.stdout.encoding == before[0].encoding

    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("\\x1b]0;owned\\x07 for people\n", "\\x1b[2Jx\n\x1b[2K")


def test_a_log_line_is_one_line_whatever_it_tells_of() -> None:
    written = io.StringIO()
    log = logging.Logger("of a test")
    handler = logging.StreamHandler(written)
    handler.setFormatter(PlainFormatter("%(levelname)s: %(message)s"))
    log.addHandler(handler)

    log.warning("key '%s' is unknown", f"x\nERROR: forged{TITLE}")
    log.error("a traceback", exc_info=BadInput(f"bad {CLEAR}"))

    lines = written.getvalue().splitlines()
    assert lines[0] == r"WARNING: key 'x\nERROR: forged\x1b]0;owned\x07' is unknown"
    assert lines[1] == "ERROR: a traceback"
    assert lines[-1].endswith(r"bad \x1b[2J")


def test_the_command_line_prints_a_name_that_nobody_has_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sagelens.cli.app import run_app

    monkeypatch.chdir(tmp_path)

    assert run_app(["run", f"{TITLE}training"]) != 0
    assert run_app([f"{CLEAR}unknown"]) != 0
    assert run_app(["validate", "--set", f"{CLEAR}=1", "--json"]) != 0

    said = "".join(capsys.readouterr())
    assert "\x1b" not in said
    assert r"\x1b[2Junknown" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_an_answer_is_text_on_a_terminal_and_itself_in_a_pipe(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    from sagelens.cli.commands.endpoints import _show_answer

    ours, theirs = pty.openpty() if terminal else os.pipe()
    with open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", stream)
        with guarded_output():
            _show_answer(b"a\x1b[2J\xff")
            sys.stdout.flush()
        read = os.read(ours, 100)
    os.close(ours)

    assert read == (b"a\\x1b[2J\\xff\r\n" if terminal else b"a\x1b[2J\xff\n")
