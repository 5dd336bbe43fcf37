"""A YAML file as keys and values: each value as it is written, or a refusal that says where.

YAML 1.1, which PyYAML speaks, reads `NO` as false, `012` as ten, `1:30` as ninety and the last of two equal keys as the one that
holds. Here scalars are read as YAML 1.2's core schema has it (and dates as dates), and what the two versions read differently is
refused: only whoever wrote it knows what was meant.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from sagelens.errors import BadConfig, NotFound

__all__ = ["parse_value", "read_mapping"]

# libyaml's parser, where PyYAML has it, takes a tenth of the time.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_AMBIGUOUS = "!ambiguous"
_INFINITE = "!infinite"
_MERGE = "tag:yaml.org,2002:merge"
_NULL, _NOTHING = "null", "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"
_FLOAT = "tag:yaml.org,2002:float"
_MOST_NODES = 100_000  # of a file with its aliases written out: some ten thousand lines


class _Refusal(yaml.MarkedYAMLError):
    """Of what is YAML, and not to be read in one way only."""


class _Loader(_Base):  # type: ignore[misc]
    """Safe, and strict about keys and scalars."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name and form

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        _check_keys(node)
        return dict(super().construct_mapping(node, deep=deep))


def read_mapping(file: Path) -> dict[str, Any]:
    """The keys and values of a file. Raises NotFound, or BadConfig with the file's line and column."""
    content = _parsed(_text(file), str(file))
    if not isinstance(content, dict):
        raise BadConfig(f"{file} holds {_kind(content)}, not keys and values. Start it with a key such as `name:`.")
    return content


def parse_value(text: str, what: str) -> Any:
    """One value as it would stand in a file; `what` names it in a refusal."""
    return _parsed(text, what)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist. Write it, or correct the name where it is used.") from error
    except UnicodeDecodeError as error:
        raise BadConfig(
            f"{file} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}. Save it as UTF-8."
        ) from error
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror or error}.") from error


def _parsed(text: str, what: str) -> Any:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        raise BadConfig(f"{what} is not YAML: {' '.join(str(error).split())}.") from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return loader.construct_document(node)
    except _Refusal as error:
        raise BadConfig(f"{what}, {_place(error)}: {error.problem}.") from error
    except yaml.MarkedYAMLError as error:
        raise BadConfig(f"{what} is not YAML: {' '.join(str(error.problem).split())} ({_place(error)}).") from error
    except yaml.YAMLError as error:
        raise BadConfig(f"{what} is not YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise BadConfig(f"{what} is nested too deeply to be read. Write it with fewer levels.") from error
    finally:
        loader.dispose()


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "at its end"


def _kind(content: Any) -> str:
    return "nothing" if content is None else type(content).__name__


def _refuse(node: Any, problem: str) -> _Refusal:
    return _Refusal(None, None, problem, node.start_mark)


def _check_keys(node: Any) -> None:
    """Keys are text, and each stands once. Those that a merge (`<<`) brings may be overridden: that is what it is for."""
    first: dict[str, int] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name == _NULL and key.tag == _NOTHING:  # the one word of the configuration that YAML has a meaning for
            key.tag = _TEXT
        if name is None or key.tag not in {_TEXT, _MERGE}:
            shown = f"'{name}'" if name is not None else "this one"
            raise _refuse(key, f"keys are text, and {shown} is read as something else; put it in quotes")
        if name in first:
            raise _refuse(key, f"key '{name}' stands here and in line {first[name]}; keep one of them")
        first[name] = key.start_mark.line + 1


def _check_size(root: Any) -> None:
    """Refuse an alias to what holds it, and a file that its aliases blow up."""
    sizes: dict[int, int] = {}
    within: set[int] = set()

    def size(node: Any) -> int:
        if id(node) in within:
            raise _refuse(node, "an alias (*) refers to what it stands in")
        if id(node) not in sizes:
            within.add(id(node))
            sizes[id(node)] = 1 + sum(size(part) for part in _parts(node))
            within.discard(id(node))
        if sizes[id(node)] > _MOST_NODES:
            raise _refuse(node, f"it holds more than {_MOST_NODES} values, aliases written out")
        return sizes[id(node)]

    size(root)


def _parts(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _ambiguous(loader: Any, node: Any) -> Any:  # noqa: ARG001 - PyYAML's form of a constructor
    raise _refuse(
        node,
        f"'{node.value}' may mean several things; put it in quotes if it is text, write true or false for yes or no, and a "
        "number in plain decimal digits",
    )


def _infinite(loader: Any, node: Any) -> Any:  # noqa: ARG001 - PyYAML's form of a constructor
    raise _refuse(node, f"'{node.value}' is no finite number; put it in quotes if it is text")


def _float(loader: Any, node: Any) -> float:
    value = float(loader.construct_scalar(node))
    if not math.isfinite(value):
        raise _refuse(node, f"'{node.value}' is larger than any number that can be held")
    return value


def _date(loader: Any, node: Any) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        raise _refuse(node, f"'{node.value}' looks like a date and is none ({error}); put it in quotes if it is text") from error


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(tag, re.compile(pattern), list(first))


# The first that matches holds.
_resolve("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve(_AMBIGUOUS, r"^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$", "yYnNoO")
_resolve("tag:yaml.org,2002:int", r"^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$", "-+0123456789")
_resolve(_AMBIGUOUS, r"^[-+]?(?:0[0-9_]+|0[bo][0-9_]+|[0-9]+_[0-9_]*(?:\.[0-9_]*)?)$", "-+0123456789")
_resolve(_AMBIGUOUS, r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$", "-+0123456789")
_resolve(_FLOAT, r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789")
_resolve(_INFINITE, r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+.")
_resolve("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0")
_resolve(_MERGE, r"^<<$", "<")
_resolve(
    "tag:yaml.org,2002:timestamp",
    r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$",
    "0123456789",
)
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile(r"^$")))
_Loader.add_constructor(_AMBIGUOUS, _ambiguous)
_Loader.add_constructor(_INFINITE, _infinite)
_Loader.add_constructor(_FLOAT, _float)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
