"""The code that a served model needs, copied from where it was imported."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from sagelens.errors import BadConfig
from sagelens.project.code import MANIFEST, CodeReader

__all__ = ["copy_code"]


def copy_code(modules: tuple[str, ...], folder: Path) -> None:
    """Copy these modules, and what they import from the same top-level packages, with a manifest like that of a job's code."""
    packages = {name.partition(".")[0] for name in modules}
    code = CodeReader({package: _root(package) for package in sorted(packages)}).closure(*modules)
    for relative, source in code.files.items():
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (folder / MANIFEST).write_text(code.manifest(), encoding="utf-8")


def _root(package: str) -> Path:
    """The folder that holds a top-level package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or not spec.origin.endswith("__init__.py"):
        raise BadConfig(f"Package '{package}' is needed to serve the model, but its source was not found. Put it on PYTHONPATH.")
    return Path(spec.origin).parents[1]
