"""A YAML file as it is written. What YAML 1.1, which PyYAML speaks, reads as something else is refused: `NO` (false), `012`
(ten), `1:30` (ninety), and the first of two equal keys.

`sagelens.project` reads a project's files as strictly; infra/ has an environment of its own, without what sagelens needs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BadYaml", "read"]

_AMBIGUOUS = re.compile(
    r"(?:y|n|yes|no|on|off)|[-+]?0[0-9_]+|[-+]?0[bo][0-9_]+|[-+]?[0-9][0-9_]*_[0-9_.]*|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?",
    re.IGNORECASE,
)


class BadYaml(ValueError):
    """What is wrong in a file, with its line."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise _refusal(key, "keys are text; put this one in quotes")
            if key.value in first:
                raise _refusal(key, f"key '{key.value}' stands here and in line {first[key.value]}; keep one of them")
            first[key.value] = key.start_mark.line + 1
        return dict(super().construct_mapping(node, deep=deep))

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if isinstance(node, yaml.ScalarNode) and node.style is None and _AMBIGUOUS.fullmatch(node.value):
            raise _refusal(node, f"'{node.value}' may mean several things; put it in quotes if it is text, write true or false")
        return super().construct_object(node, deep=deep)


def read(file: Path) -> Any:
    """Raises BadYaml."""
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BadYaml(f"{file.name}, line {mark.line + 1 if mark else 1}: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadYaml(f"{file.name} is not YAML: {error}.") from error


def _refusal(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
