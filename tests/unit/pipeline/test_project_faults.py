"""What a project's own modules do wrong is said with their line, before anything is sent."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.pipeline.compose import load_pipeline

FAULTS = {
    "unparsed": (
        "def unparsed(project)\n    return 1\n",
        "cannot be imported: pipelines/unparsed.py:1: SyntaxError: expected ':'",
    ),
    "importing": ("import helping\n", "cannot be imported: helping.py:2: ZeroDivisionError: division by zero"),
    "lacking": ("\nimport not_to_be_found\n", "cannot be imported: pipelines/lacking.py:2: ModuleNotFoundError: No module"),
    "composing": (
        "def composing(project):\n    return project.nothing\n",
        "could not be composed: pipelines/composing.py:2: Attr",
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "helping.py").write_text("LIMIT = 1\nLIMIT / 0\n")
    for name, (text, _) in FAULTS.items():
        (tmp_path / "pipelines" / f"{name}.py").write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipelines"]:
        monkeypatch.delitem(sys.modules, name)
    yield SimpleNamespace(root=tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"pipelines", "helping"}]:
        del sys.modules[name]


@pytest.mark.parametrize("name", FAULTS)
def test_a_module_that_fails_is_named_with_its_line(project: Any, name: str) -> None:
    with pytest.raises(BadConfig) as refused:
        load_pipeline(project, name)

    assert refused.value.message.startswith(f"pipelines/{name}.py {FAULTS[name][1]}")
