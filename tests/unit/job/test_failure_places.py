"""A failed step names the line of the project's own code, wherever the exception was raised."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from pdb import Pdb
from typing import Any

import pytest

from sagelens.errors import BadData, BadInput, StepFailed
from sagelens.job.failure import as_ours
from sagelens.job.foreground import debug
from sagelens.values.place import place_of

CALLS = """
import json
from steps import helpers

def in_a_helper() -> str:
    return helpers.second({})

def in_a_library() -> str:
    return json.loads("{")

def given_wrongly() -> str:
    from sagelens.values.s3 import split_uri
    return split_uri("no uri")

def wrapped() -> str:
    try:
        helpers.second({})
    except KeyError as error:
        raise ValueError("no second") from error

def wordy() -> str:
    raise RuntimeError("word " * 1000)
"""
FILES = {
    "steps/__init__.py": "",
    "steps/calls.py": CALLS,
    "steps/helpers.py": "def second(given):\n    return given['second']\n",
    "steps/unparsed.py": "from sagelens.values import Metrics\n\ndef f() -> Metrics:\n    return Metrics(\n",
    "steps/importing.py": "import steps.unparsed\n\ndef f() -> str: ...\n",
    "steps/lacking.py": "\nimport not_to_be_found\n\ndef f() -> str: ...\n",
    "steps/raising.py": "LIMIT = 1 / 0\n\ndef f() -> str: ...\n",
    "steps/misnamed.py": "\n\nfrom steps.helpers import third\n\ndef f() -> str: ...\n",
}


@pytest.fixture
def project_job(job: Any) -> Any:
    for name, text in FILES.items():
        job.write(job.inputs / "code" / name, text)
    return job


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("steps.calls:in_a_helper", "step-failed: steps/helpers.py:2: KeyError: 'second'"),
        ("steps.calls:in_a_library", "step-failed: steps/calls.py:9: JSONDecodeError: "),
        ("steps.calls:wrapped", "step-failed: steps/calls.py:19: ValueError: no second"),
        ("steps.unparsed:f", "step-failed: steps/unparsed.py:4: SyntaxError: '(' was never closed"),
        ("steps.importing:f", "step-failed: steps/unparsed.py:4: SyntaxError: '(' was never closed"),
        ("steps.lacking:f", "bad-input: steps/lacking.py:2: The module of steps.lacking:f imports 'not_to_be_found'"),
        ("steps.raising:f", "step-failed: steps/raising.py:1: ZeroDivisionError: division by zero"),
        ("steps.misnamed:f", "step-failed: steps/misnamed.py:3: ImportError: cannot import name 'third'"),
    ],
)
def test_the_message_begins_with_the_projects_own_line(project_job: Any, function: str, words: str) -> None:
    project_job.ask(function, gives=["a"])
    done = project_job.run()

    assert done.returncode == 1
    assert project_job.message().startswith(words)
    assert project_job.evidence()["failure"]["message"].startswith(words.partition(": ")[2])
    assert "Traceback" in done.stderr


def test_a_long_message_keeps_its_place_within_what_sagemaker_keeps(project_job: Any) -> None:
    project_job.ask("steps.calls:wordy", gives=["a"])
    project_job.run()

    assert len(project_job.message()) <= 1024
    assert project_job.message().startswith("step-failed: steps/calls.py:22: RuntimeError: word word")


def test_the_debugger_says_the_line_that_failed_too(project_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    project_job.write(project_job.inputs / "code/debugged.py", "def f() -> str:\n    return {}['second']\n")
    project_job.ask("debugged:f", gives=["a"])
    pdb = Pdb(stdin=io.StringIO("continue\n"), stdout=io.StringIO(), nosigint=True, readrc=False)

    with pytest.raises(StepFailed, match=r"^debugged\.py:2: KeyError: 'second'$"):
        debug(project_job.root, debugger=pdb)


def raised(call: Any, *arguments: Any) -> BaseException:
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 - the test's subject
        return error
    raise AssertionError


def test_frames_of_installed_packages_and_of_the_library_are_not_the_projects(tmp_path: Path) -> None:
    code = "def f(): raise KeyError(1)\n"
    for inside in ("steps/own.py", ".venv/lib/site-packages/theirs.py", "sagelens/ours.py"):
        path = tmp_path / inside
        found: dict[str, Any] = {}
        exec(compile(code, str(path), "exec"), found)

        assert place_of(raised(found["f"]), [tmp_path]) == ("steps/own.py:1" if "own" in inside else "")


def test_a_verdict_and_bad_data_speak_for_themselves(tmp_path: Path) -> None:
    assert as_ours(BadData("rotten"), [tmp_path]).message == "rotten"
    assert as_ours(BadInput("wrong"), [tmp_path]).message == "wrong"
    error = raised(json.loads, "{")
    assert as_ours(error, [Path(__file__).parent]).message.startswith("test_failure_places.py:")
