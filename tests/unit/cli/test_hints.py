"""Every command that a message offers works as it is printed."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from sagelens.cli.app import command
from sagelens.cli.hints import HINT, complete, hinted, remember_environment
from sagelens.text.hint import hint

LIBRARY = Path(__file__).resolve().parents[3] / "sagelens"


def parsed(line: str) -> dict[str, Any]:
    """The parameters of a command line by the real parser; raises for what it refuses."""
    found: Any = command()
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(found, "commands", {}):
        found, words = found.commands[words[0]], words[1:]
    assert not getattr(found, "commands", None), f"{line} names no command"
    return dict(found.make_context("sagelens", words).params)


def text_of(node: ast.AST) -> str | None:
    """A string as it is printed, with `1` for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "1" for part in node.values)
    return None


def hints_of(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {id(_first(node)) for node in ast.walk(tree) if isinstance(node, documented)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"hint", "hinted", "command_line"}:
            if not any(isinstance(word, ast.Starred) for word in node.args):
                yield shlex.join(["sagelens", *(text_of(word) or "1" for word in node.args)])
        elif id(node) not in docstrings and (text := text_of(node)) is not None:
            yield from HINT.findall(text)


def _first(node: Any) -> object:
    return node.body[0].value if node.body and isinstance(node.body[0], ast.Expr) else None


HINTS = sorted({(str(path.relative_to(LIBRARY)), line) for path in LIBRARY.rglob("*.py") for line in hints_of(path)})


@pytest.mark.parametrize(("path", "line"), HINTS)
def test_a_hint_parses(path: str, line: str) -> None:
    parsed(line)


def test_the_hints_are_found() -> None:
    offered = {shlex.split(line)[1] for _, line in HINTS}

    assert {"follow", "stop", "runs", "endpoints", "models", "local", "run", "deploy"} <= offered


@pytest.mark.parametrize(
    "line", ["sagelens models approve 1", "sagelens rollback flights", "sagelens follw x", "sagelens models"]
)
def test_one_that_would_not_work_is_seen(line: str) -> None:
    with pytest.raises((Exception, AssertionError)):
        parsed(line)


@pytest.mark.parametrize(
    ("given", "text", "printed"),
    [
        (["show", "x", "--env", "staging"], "Try `sagelens runs`.", "Try `sagelens runs --env staging`."),
        (["show", "x", "--env=staging"], "`sagelens models list`", "`sagelens models list --env staging`"),
        (["show", "x", "--env", "local"], "`sagelens runs`", "`sagelens runs --env local`"),
        (["show", "x"], "`sagelens runs`", "`sagelens runs`"),
        (["show", "--env", "staging"], "`sagelens local status`", "`sagelens local status`"),
        (["show", "--env", "staging"], "`sagelens runs --env other`", "`sagelens runs --env other`"),
        (["show", "--env", "staging"], hint("logs", "a", "my step"), "`sagelens logs a 'my step' --env staging`"),
    ],
)
def test_a_hint_repeats_the_environment(given: list[str], text: str, printed: str) -> None:
    context = copy_context()
    context.run(remember_environment, given)

    assert context.run(complete, text) == printed


def test_an_environment_of_the_shell_is_repeated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGELENS_ENV", "staging")
    context = copy_context()
    context.run(remember_environment, ["show"])

    assert context.run(hinted, "runs") == "sagelens runs --env staging"


def test_what_follows_a_command_stays_with_it() -> None:
    assert parsed(hint("models", "approve", "3", "--reason", "it is good").strip("`"))["reason"] == "it is good"
