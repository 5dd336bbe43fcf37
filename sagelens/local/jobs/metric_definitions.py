"""The metric definitions of a training job: a name, and a regular expression that finds the metric in the job's log.

Anybody may write an expression that takes for ever, so they are tried in a process of its own (`metric_scan.py`) and given up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagelens.local.ports import ApiError, Document, Request

__all__ = ["check_definitions", "final_metrics"]

_log = logging.getLogger(__name__)

_SECONDS = 2.0
"""For one expression; an honest one reads a gigabyte of log in that time."""
_SECONDS_IN_ALL = 10.0
"""For those of one job."""
_SECONDS_TO_START = 10.0
"""More than the program ever takes, even on a machine that is busy."""
_PROGRAM = str(Path(__file__).with_name("metric_scan.py"))

Found = Mapping[str, Any]


async def check_definitions(request: Request) -> None:
    """Refuse definitions that cannot be read as regular expressions; ApiError ValidationException."""
    definitions = _definitions(request)
    for definition, found in zip(definitions, await _tried(definitions, None), strict=True):
        name = definition["Name"]
        if "error" in found:
            raise _refused(f"the Regex of metric '{name}' is invalid: {found['error']}")
        if "given_up" in found:
            raise _refused(f"the Regex of metric '{name}' takes longer than {_SECONDS:g} seconds to compile; simplify it")


async def final_metrics(request: Request, log: Path, now: float) -> list[Document]:
    """The last value that each metric definition finds in the log. Of one that is given up the log says so."""
    definitions = _definitions(request)
    results = await _tried(definitions, log)
    given_up = [each for each, found in zip(definitions, results, strict=True) if "value" not in found]
    if given_up:
        _tell(log, [_told(definition) for definition in given_up])
    return [
        {"MetricName": definition["Name"], "Value": found["value"], "Timestamp": now}
        for definition, found in zip(definitions, results, strict=True)
        if found.get("value") is not None
    ]


async def _tried(definitions: Sequence[Document], log: Path | None) -> list[Found]:
    """What the program says of each; what it had no time for is given up."""
    if not definitions:
        return []
    asked = {
        "log": log and str(log),
        "regexes": [each["Regex"] for each in definitions],
        "seconds": _SECONDS,
        "seconds_in_all": _SECONDS_IN_ALL,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    found: list[Found] = []
    try:
        async with asyncio.timeout(_SECONDS_TO_START + _SECONDS_IN_ALL):
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
            while line := await process.stdout.readline():
                found.append(json.loads(line))
    except (TimeoutError, ConnectionError):
        pass
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return [*found, *[{"given_up": True}] * (len(definitions) - len(found))]


def _definitions(request: Request) -> Sequence[Document]:
    definitions: Sequence[Document] = request.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    return definitions


def _told(definition: Document) -> str:
    return (
        f"The metric '{definition['Name']}' is not known: its Regex '{definition['Regex']}' was given up, since it had not read "
        f"the log after {_SECONDS:g} seconds, or all of them together after {_SECONDS_IN_ALL:g}. Write it so that it cannot "
        "match the same text in many ways."
    )


def _tell(log: Path, told: Sequence[str]) -> None:
    for line in told:
        _log.warning("%s: %s", log, line)
    with suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.writelines(f"sagelens: {line}\n" for line in told)


def _refused(what: str) -> ApiError:
    return ApiError("ValidationException", f"The local SageMaker cannot run this training job: {what}.")
