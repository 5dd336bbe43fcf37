"""References inside a definition: `{"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}` and the functions around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.invalid import Invalid

__all__ = ["FUNCTIONS", "Reference", "parse_path", "references"]

FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")

_PART = re.compile(r"\.?([A-Za-z0-9_\-]+)|\[([0-9]{1,9})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


@dataclass(frozen=True)
class Reference:
    """What a Get names: `root` is Parameters, Execution or Steps, `name` the first word after it, `path` the rest."""

    root: str
    name: str
    path: tuple[str | int, ...]
    text: str


def parse_path(text: str) -> tuple[str | int, ...]:
    """`a.b[0]['c d']` as its parts; a number in brackets is an index of a list."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None or (position == 0 and text.startswith(".")):
            raise Invalid(
                f"The path '{text}' cannot be read from '{text[position:]}' on. Write names with dots, [0] or ['name']."
            )
        word, index, single, double = match.groups()
        parts.append(int(index) if index is not None else next(p for p in (word, single, double) if p is not None))
        position = match.end()
    return tuple(parts)


def parse_reference(text: object) -> Reference:
    parts = parse_path(text) if isinstance(text, str) else ()
    if len(parts) < 2 or parts[0] not in {"Parameters", "Execution", "Steps"} or not isinstance(parts[1], str):
        raise Invalid(f"The reference {text!r} is not known. It starts with Parameters., Execution. or Steps. and a name.")
    return Reference(root=str(parts[0]), name=parts[1], path=parts[2:], text=str(text))


def function_of(value: object) -> tuple[str, Any] | None:
    """The function that a value calls, with its argument; None for plain data."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name in FUNCTIONS or name.startswith("Std:"):
            return name, argument
    return None


def references(value: object) -> Iterator[Reference]:
    """Every reference in a value, those inside functions included."""
    called = function_of(value)
    if called and called[0] == "Get":
        yield parse_reference(called[1])
        return
    if called:
        _check_function(*called)
    if isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _check_function(name: str, argument: Any) -> None:
    given = argument if isinstance(argument, dict) else {}
    if name not in FUNCTIONS:
        raise Invalid(f"The function {name} is not known. Known: {', '.join(FUNCTIONS)}.")
    if name == "Std:Join" and not isinstance(given.get("Values"), list):
        raise Invalid(f"Std:Join has {argument!r}; give On, a text, and Values, a list.")
    if name == "Std:JsonGet":
        file = given.get("PropertyFile")
        if not isinstance(given.get("Path"), str) or (file is None) == (given.get("S3Uri") is None):
            raise Invalid(f"Std:JsonGet has {argument!r}; give Path, and one of PropertyFile and S3Uri.")
        parse_path(given["Path"])
        if file is not None and parse_reference(file.get("Get") if isinstance(file, dict) else file).path[:1] != (
            "PropertyFiles",
        ):
            raise Invalid(f"Std:JsonGet has the PropertyFile {file!r}; write {{'Get': 'Steps.<step>.PropertyFiles.<name>'}}.")
