"""What people see, of the real project at 80 columns: every command that is printed works, and every line fits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sagelens.cli.hints import HINT
from tests.integration.conftest import Outcome, Workspace, workspace_at
from tests.unit.cli.test_hints import parsed

Trained = tuple[Workspace, Outcome]
RUN = "the training's run"
WIDTH = 80


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A project of these tests alone, since they run it again; with what its first run printed."""
    workspace = workspace_at(tmp_path_factory.mktemp("screens"))
    yield workspace, workspace.run("run", "training")
    workspace.run("local", "stop")


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[str]:
    """A file of the project with other text; gives its text before."""
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    try:
        yield before
    finally:
        path.write_text(before)


def misfits(text: str) -> list[str]:
    """Lines that are wider than the terminal and could have been broken."""
    return [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()]


def hints(text: str) -> list[dict[str, Any]]:
    """The commands of a text, parsed as the command line parses them."""
    joined = re.sub(r"\s*\n\s*", " ", text.replace("\\\n", ""))
    return [parsed(line) for line in HINT.findall(joined)]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "words",
    [("runs",), ("show",), ("models", "list"), ("endpoints",), ("endpoints", "--history"), ("validate",), ("local", "status"),
     ("deploy", "latest", "--plan"), ("run", "training", "--dry-run"), ("models", "show", "--example")],
)  # fmt: skip
def test_a_screen_fits(trained: Trained, words: tuple[str, ...]) -> None:
    shown = trained[0].run(*words)

    assert shown.code == 0, shown.err
    assert not misfits(shown.out + shown.err)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "zzzz"), "There is no run 'zzzz'"),
        (("logs", RUN, "prepar"), "Did you mean prepare?"),
        (("endpoints", "flihgts"), "Did you mean flights?"),
        (("invoke", "flihgts", "configs/examples/request.json"), "Did you mean flights?"),
        (("traffic", "flihgts", "configs/examples/request.json"), "Did you mean flights?"),
        (("rollback", "flihgts", "--reason", "x"), "Did you mean flights?"),
        (("models", "show", "latst"), "Did you mean latest?"),
        (("run", "trainign"), "Did you mean training?"),
        (("run", "training", "--only", "trian"), "Did you mean train?"),
        (("endpoints", "flights", "--history", "--json", "--env", "locla"), "Did you mean local?"),
    ],
)
def test_a_wrong_name_gets_a_suggestion_and_its_hints_work(trained: Trained, words: tuple[str, ...], said: str) -> None:
    workspace, first = trained
    other = workspace.root / "configs" / "environments" / "other.yaml"
    other.write_text((other.parent / "local.yaml").read_text())

    run = first.json["execution_arn"].rpartition("/")[2]  # the newest may be of another pipeline
    shown = workspace.run(*(run if word == RUN else word for word in words), *(() if "--env" in words else ("--env", "other")))

    assert shown.code == 2, shown.err
    assert said in " ".join(shown.err.split())
    assert not misfits(shown.err)
    assert all(found["env"] == "other" for found in hints(shown.err) if "env" in found)


@pytest.mark.usefixtures("narrow")
def test_a_step_that_fails_names_the_line_and_the_debugger_says_the_same(own: Trained) -> None:
    workspace, _ = own
    called = "    _refuse_leaks(leaks, label)\n"
    with changed(workspace.root / "steps" / "preparation.py", called, f"{called}    {{}}['limit']\n") as before:
        line = before[: before.index(called)].count("\n") + 2
        failed = workspace.run("run", "training")
        said = " ".join(failed.err.split())
        (debug, logs) = [found for found in hints(failed.err) if "step" in found]
        shown = workspace.run("show", debug["run"])
        debugged = workspace.run("debug", debug["run"], debug["step"], stdin="continue\n")

    assert failed.code == 1
    assert f"Step 'prepare': steps/preparation.py:{line}: KeyError: 'limit'." in said
    assert not misfits(failed.err + failed.out + shown.out)
    assert debug == logs
    assert f"steps/preparation.py:{line}: KeyError: 'limit'" in " ".join(shown.out.split())
    assert "Traceback" in workspace.run("logs", logs["run"], logs["step"]).out
    assert (debugged.code, "Traceback" in debugged.err) == (1, False)
    assert f"steps/preparation.py:{line}: KeyError" in debugged.err


def test_a_module_that_cannot_be_parsed_is_named_before_anything_starts(own: Trained) -> None:
    workspace, _ = own
    with changed(workspace.root / "steps" / "preparation.py", "\ndef prepare(", "\ndef prepare(]\n"):
        failed = workspace.run("run", "training")

    assert failed.code == 2
    assert re.search(r"steps/preparation\.py:\d+: SyntaxError: ", failed.err)
    assert "Traceback" not in failed.err


def test_a_cache_reason_is_the_difference(own: Trained) -> None:
    outcome = own[0].run("run", "training", "--no-deploy", "--json", "--set", "training.xgboost.max_depth=3", "--to", "train")

    assert outcome.steps()["train"]["cache_miss_reason"] == "config changed: settings.max_depth 6 -> 3"


def test_a_run_ends_with_a_command_that_asks_the_model(own: Trained, tmp_path: Path) -> None:
    workspace, ended = own
    assert ended.code == 0, ended.err
    tried = ended.out.partition("Try it:\n")[2].strip()
    printed = workspace.run("models", "show", "--example").out.partition("To try it:\n")[2]

    for script, answers in ((tried, 1), (printed, 3)):
        done = shell(workspace, script, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('"score"') == answers, done.stdout + done.stderr


def shell(workspace: Workspace, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run what was printed as a user's shell does, with `sagelens` and `python3` on its PATH."""
    program = folder / "sagelens"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from sagelens.cli.main import main; main()" "$@"\n')
    program.chmod(0o755)
    if not (folder / "python3").exists():
        (folder / "python3").symlink_to(sys.executable)
    environment = workspace.environment() | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", script], cwd=workspace.root, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
