"""Which data a run reads of what lies in S3: a word that changes with them, found when the run starts.

Whoever starts a pipeline lists its sources and gives the word as a parameter: the command, the local service for its rules, and
on AWS a function that has this file beside it. So it imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["EVENT", "PREFIX", "data_version", "declares", "parameter_of", "sources_in", "variable_of"]

PREFIX = "DataVersion-"
"""How the parameters begin that hold these words; then comes the source's name."""
EVENT = "EventId"
"""The parameter that takes the id of the event that a run was started by, where the pipeline has one."""
_INPUT = "source-"  # as inputs of a collection step begin that hold a source


def parameter_of(source: str) -> str:
    """The pipeline's parameter for the version of a source."""
    return f"{PREFIX}{source}"


def variable_of(source: str) -> str:
    """The variable in which the job finds it. No two sources have the same."""
    return "SAGELENS_DATA_VERSION_" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):02X}" for c in source)


def data_version(objects: Iterable[tuple[str, int, str]]) -> str:
    """The version of a source: of the key, size in bytes and ETag of each of its objects, in any order.

    Raises LookupError without an object: a run on nothing would say that there is nothing new.
    """
    seen = sorted((key, size, etag.strip('"')) for key, size, etag in objects)
    if not seen:
        raise LookupError("there is no object below that prefix")
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def declares(definition: str) -> set[str]:
    """The names of the parameters that a pipeline's definition declares."""
    return {given["Name"] for given in json.loads(definition).get("Parameters") or ()}


def sources_in(definition: str) -> dict[str, str]:
    """The S3 URI of each source whose version a pipeline's definition asks for, by the name of that parameter."""
    parsed = json.loads(definition)
    wanted = {given["Name"] for given in parsed.get("Parameters") or () if given["Name"].startswith(PREFIX)}
    found = {parameter_of(name): uri for name, uri in _inputs(parsed.get("Steps") or ())}
    return {name: found[name] for name in sorted(wanted) if name in found}


def _inputs(steps: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in steps:
        arguments = step.get("Arguments") or {}
        for given in arguments.get("ProcessingInputs") or ():
            name, uri = given.get("InputName", ""), (given.get("S3Input") or {}).get("S3Uri")
            if name.startswith(_INPUT) and isinstance(uri, str):
                yield name.removeprefix(_INPUT), uri
        for branch in ("IfSteps", "ElseSteps"):
            yield from _inputs(arguments.get(branch) or ())
