"""Which steps `--from`, `--to` and `--only` select, for SageMaker's selective execution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sagelens.errors import BadInput
from sagelens.values.suggestion import suggestion

__all__ = ["dependencies", "select"]

_REFERENCE = re.compile(r"^Steps\.([A-Za-z0-9\-_]+)")


def dependencies(definition: Mapping[str, Any]) -> dict[str, set[str]]:
    """For each step of a definition, the steps that it waits for. A step inside a branch waits for the condition too."""
    found: dict[str, set[str]] = {}
    _walk(definition["Steps"], None, found)
    return found


def select(definition: Mapping[str, Any], *, first: str | None, last: str | None, only: str | None) -> list[str]:
    """The names of the selected steps, in the order of the definition.

    `first` selects a step and all that depends on it, `last` a step and all that it depends on, both what lies on a path
    between them, `only` a single step. Raises BadInput for a name that the pipeline does not have, or an empty selection.
    """
    upstream = dependencies(definition)
    for name in (first, last, only):
        if name is not None and name not in upstream:
            raise BadInput(f"The pipeline has no step '{name}'. {suggestion(name, upstream)}")
    if only is not None:
        return [only]
    chosen = set(upstream)
    if first is not None:
        chosen &= {first, *(name for name in upstream if first in _reach(upstream, name))}
    if last is not None:
        chosen &= {last, *_reach(upstream, last)}
    if not chosen:
        raise BadInput(f"No step lies between '{first}' and '{last}': '{last}' does not depend on '{first}'. Swap them?")
    return [name for name in upstream if name in chosen]


def _reach(upstream: Mapping[str, set[str]], name: str) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for other in upstream[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    return reached


def _walk(steps: Iterable[Mapping[str, Any]], condition: str | None, found: dict[str, set[str]]) -> None:
    for step in steps:
        arguments = dict(step.get("Arguments", {}))
        branches = [arguments.pop(name, []) for name in ("IfSteps", "ElseSteps")]
        waits = set(_references(arguments))
        waits |= {name if isinstance(name, str) else name["Step"] for name in step.get("DependsOn", [])}
        if condition is not None:
            waits.add(condition)
        found[step["Name"]] = waits
        for branch in branches:
            _walk(branch, step["Name"], found)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        target = value.get("Get")
        match = _REFERENCE.match(target) if isinstance(target, str) else None
        if match:
            yield match.group(1)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
