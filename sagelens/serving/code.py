"""The code that a served model needs: found by reading imports, copied from where it was imported."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sagelens.errors import BadConfig
from sagelens.values import digest_files, digest_listing

__all__ = ["copy_code"]

CODE_MANIFEST = "sagelens-code.json"


def copy_code(modules: tuple[str, ...], folder: Path) -> None:
    """Copy these modules, and what they import from the same top-level packages, with a manifest like that of a job's code."""
    found, outside = _closure(modules)
    for name, path in found.items():
        target = folder.joinpath(*name.split("."))
        target = target / path.name if path.name == "__init__.py" else target.with_suffix(".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    files = digest_files(folder)
    manifest = {"digest": digest_listing(files), "files": files, "imports": sorted(outside - sys.stdlib_module_names)}
    (folder / CODE_MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")


def _closure(modules: tuple[str, ...]) -> tuple[dict[str, Path], set[str]]:
    """The source file of each module needed, and the top-level modules that they import from elsewhere."""
    packages = {name.partition(".")[0] for name in modules}
    found: dict[str, Path] = {}
    outside: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in found else _source(name)
        if path is None:
            if name in modules and name not in found:
                raise BadConfig(
                    f"Module '{name}' is needed to serve the model, but its source was not found. Put it on PYTHONPATH."
                )
            continue
        found[name] = path
        imported = set(_imports(path, _package(name, path)))
        inside = {module for module in imported if module.partition(".")[0] in packages}
        outside |= {module.partition(".")[0] for module in imported - inside}
        waiting += [*_parents(name), *inside, *(parent for module in inside for parent in _parents(module))]
    return found, outside


def _source(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # `a.b` where `a` is a module, not a package
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None and spec.origin.endswith(".py") else None


def _package(name: str, path: Path) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _imports(path: Path, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
