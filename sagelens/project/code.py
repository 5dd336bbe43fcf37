"""Which modules a step needs, found by reading its imports, and their digest.

The closure covers the project's own packages and the library, directly or not, so that editing one step changes the digest of
that step alone. Imports made only for type checkers do not count. Modules named by a string at run time are not seen: the
module that does so must import them as well.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagelens.errors import BadConfig
from sagelens.values import digest_bytes, digest_listing
from sagelens.values.stamp import is_settled, stamp_of

__all__ = ["MANIFEST", "Code", "CodeReader"]

MANIFEST = "sagelens-code.json"


@dataclass(frozen=True)
class Code:
    """Files by relative path, with their digests; `imports` are the top-level third-party modules that they import."""

    files: Mapping[str, Path]
    digests: Mapping[str, str]
    imports: tuple[str, ...]

    @property
    def digest(self) -> str:
        return digest_listing(self.digests)

    def manifest(self) -> str:
        """What `sagelens-code.json` holds."""
        content = {"digest": self.digest, "files": dict(self.digests), "imports": list(self.imports)}
        return json.dumps(content, indent=1, sort_keys=True)


@dataclass(frozen=True)
class _Module:
    digest: str
    imports: tuple[str, ...]


@dataclass
class CodeReader:
    """Finds closures below `roots` (top-level package -> the folder that holds it).

    Parsed imports are kept in `memory`, a JSON file, by path and stamp, since parsing is what takes the time. What changed just
    now is parsed anew the next time.
    """

    roots: Mapping[str, Path]
    memory: Path | None = None
    _known: dict[str, list[Any]] = field(default_factory=dict)
    _files: dict[str, Path | None] = field(default_factory=dict)
    _listings: dict[str, frozenset[str]] = field(default_factory=dict)
    _unsettled: set[str] = field(default_factory=set)
    _dirty: bool = False

    def __post_init__(self) -> None:
        if self.memory is not None and self.memory.is_file():
            try:
                self._known = json.loads(self.memory.read_text())
            except ValueError:
                self._known = {}

    def closure(self, *modules: str) -> Code:
        """The code of these modules and of all that they import below the roots."""
        found: dict[str, _Module] = {}
        outside: set[str] = set()
        waiting = list(modules)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            path = self._path(name)
            if path is None:
                raise BadConfig(f"Module '{name}' was not found in {', '.join(sorted(self.roots))}. Check its name.")
            found[name] = self._read(path)
            for imported in (*_parents(name), *found[name].imports):
                inside = self._inside(imported)
                waiting += [module for module in inside if module not in found]
                if not inside:
                    outside.add(imported.partition(".")[0])
        files = {self._relative(name): self._existing(name) for name in found}
        digests = {self._relative(name): module.digest for name, module in found.items()}
        third_party = sorted(outside - sys.stdlib_module_names - set(self.roots))
        return Code(files=files, digests=digests, imports=tuple(third_party))

    def save(self) -> None:
        """Keep what was parsed for the next time."""
        if self.memory is not None and self._dirty:
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            draft = self.memory.with_suffix(".draft")
            draft.write_text(json.dumps({path: kept for path, kept in self._known.items() if path not in self._unsettled}))
            draft.replace(self.memory)
            self._dirty = False

    def _inside(self, name: str) -> list[str]:
        """The modules below the roots that importing `a.b.c` runs; `c` may be a name in `a.b` rather than a module."""
        if name.partition(".")[0] not in self.roots:
            return []
        return [module for module in (*_parents(name), name) if self._path(module) is not None]

    def _path(self, name: str) -> Path | None:
        if name not in self._files:
            root = self.roots.get(name.partition(".")[0])
            self._files[name] = self._module_file(root, name) if root is not None else None
        return self._files[name]

    def _module_file(self, root: Path, name: str) -> Path | None:
        """Folders are listed once: most names that are looked for are those of functions, and no files."""
        package, _, last = name.rpartition(".")
        folder = f"{root}/{package.replace('.', '/')}" if package else str(root)
        names = self._names_in(folder)
        if last in names and "__init__.py" in self._names_in(f"{folder}/{last}"):
            return Path(folder, last, "__init__.py")
        return Path(folder, f"{last}.py") if f"{last}.py" in names else None

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(os.listdir(folder))  # noqa: PTH208  strings are what is wanted
            except (FileNotFoundError, NotADirectoryError):
                self._listings[folder] = frozenset()
        return self._listings[folder]

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        assert path is not None
        return path

    def _relative(self, name: str) -> str:
        return self._existing(name).relative_to(self.roots[name.partition(".")[0]]).as_posix()

    def _read(self, path: Path) -> _Module:
        stamp = stamp_of(path)
        known = self._known.get(str(path))
        if known is not None and known[:-2] == stamp:
            return _Module(known[-2], tuple(known[-1]))
        if is_settled(stamp):
            self._unsettled.discard(str(path))
        else:
            self._unsettled.add(str(path))
        source = path.read_bytes()
        try:
            tree = ast.parse(source, filename=str(path))
        except SyntaxError as error:
            raise BadConfig(
                f"{_shown(path, self.roots)}:{error.lineno}: SyntaxError: {error.msg}. Correct it and run again."
            ) from error
        package = _package_of(path, self.roots)
        module = _Module(digest_bytes(source), tuple(sorted(set(_imports(tree, package)))))
        self._known[str(path)] = [*stamp, module.digest, list(module.imports)]
        self._dirty = True
        return module


def _shown(path: Path, roots: Mapping[str, Path]) -> str:
    """A module's path as people call it: from the root that it lies below."""
    return next((path.relative_to(root).as_posix() for root in roots.values() if path.is_relative_to(root)), str(path))


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _package_of(path: Path, roots: Mapping[str, Path]) -> str:
    for root in roots.values():
        if path.is_relative_to(root):
            return ".".join(path.relative_to(root).parent.parts)
    return ""


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            for branch in node.orelse:
                yield from _imports(ast.Module(body=[branch], type_ignores=[]), package)
        else:
            yield from _imports(node, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
