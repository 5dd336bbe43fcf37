"""A project of three small steps, in a package of its own, for composing and compiling."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from sagelens.project import Project, load_project
from tests.unit.pipeline.toys import MEMORY

ROOT = Path(__file__).resolve().parents[3]

STEPS = {
    "toy/__init__.py": "",
    "toy/shared.py": "SCALE = 3\n",
    "toy/collection.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import pandas
        from sagelens.data import Table

        def gather(*, sources: dict) -> Table:
            return sources
    """,
    "toy/preparation.py": """
        import numpy
        from sagelens.data import Table
        from toy.shared import SCALE

        def tidy(raw: Table, *, factor: int = SCALE) -> Table:
            import duckdb
            return raw
    """,
    "toy/training.py": """
        from sagelens.data import Table
        from sagelens.values import Folder

        def fit(tidied: Table, *, depth: int, target: str) -> Folder:
            return Folder(None)
    """,
    "toy/evaluation.py": """
        from sagelens.values import Folder, Verdict

        def judge(model: Folder) -> Verdict:
            return None
    """,
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that holds the package `toy`; it can be imported while the test runs."""
    for name, text in STEPS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def imports_memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where parsed imports of the library are kept between tests."""
    return tmp_path_factory.mktemp("imports") / "memory.json"


@pytest.fixture
def project() -> Project:
    return load_project(ROOT)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, imports_memory: Path) -> None:
    MEMORY[:] = [imports_memory]
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }.items():
        monkeypatch.setenv(name, value)
