"""skops archives whose bytes depend on the content alone.

skops names the members of its zip file, and the objects in `schema.json`, after memory addresses, and zip files carry times: the
same model saved twice gives different bytes. Here addresses become 0, 1, 2, … in order of appearance, and times a constant.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

__all__ = ["stable_archive"]

_EPOCH = (1980, 1, 1, 0, 0, 0)


def stable_archive(archive: bytes) -> bytes:
    """The same skops archive, byte for byte the same for the same model."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        numbers: dict[str, str] = {}
        schema = _renumber(json.loads(source.read("schema.json")), numbers)
        members = {name: source.read(name) for name in source.namelist() if name != "schema.json"}
    renamed = {_member(name, numbers): content for name, content in members.items()}
    renamed["schema.json"] = json.dumps(schema, indent=2).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name in sorted(renamed):
            file.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), renamed[name])
    return target.getvalue()


def _renumber(node: Any, numbers: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumber(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    changed: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            changed[key] = int(_number(str(value), numbers))
        elif key == "file":
            changed[key] = _member(value, numbers)
        else:
            changed[key] = _renumber(value, numbers)
    return changed


def _member(name: str, numbers: dict[str, str]) -> str:
    stem, dot, suffix = name.partition(".")
    return _number(stem, numbers) + dot + suffix


def _number(address: str, numbers: dict[str, str]) -> str:
    return numbers.setdefault(address, str(len(numbers)))
