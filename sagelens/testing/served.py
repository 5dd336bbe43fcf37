"""What a model of `sagelens.testing.models` does in its server: notes each request, and goes wrong in the way it was made to."""

from __future__ import annotations

import functools
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

__all__ = ["BEHAVIOUR", "NOTES", "Behaviour", "Fault", "derive"]

BEHAVIOUR = "behaviour.json"
"""Beside the model, in the served folder."""
NOTES = "received"
"""In a server's own folder: one file, named after the model's number and the server's process."""


class Fault(StrEnum):
    NONE = "none"
    RAISES = "raises"
    """On each request: 500."""
    SLOW = "slow"
    """Answers each request `delay` seconds later."""
    RUBBISH = "rubbish"
    """Answers 200 with a wrong score."""
    UNHEALTHY = "unhealthy"
    """Its server ends before it answers /ping."""
    DIES = "dies"
    """Its server is killed by its `lifetime`-th request, which gets no answer."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """`notes`: each server notes the numbers of the requests that reached it, in its own folder, the only one it may change."""

    number: int = 0
    fault: Fault = Fault.NONE
    delay: float = 0.4
    lifetime: int = 100
    notes: bool = False

    @classmethod
    def read(cls, folder: Path) -> Behaviour:
        """That of a served folder; a sound one where it says nothing, as when the model is packaged."""
        try:
            document = json.loads((folder / BEHAVIOUR).read_bytes())
        except FileNotFoundError:
            return cls()
        return cls(**{**document, "fault": Fault(document["fault"])})


_requests = count(1)


def derive(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The model's one feature, of no influence. A row whose `request` is 0 (samples, checks) does nothing else."""
    request = columns["request"]
    behaviour = _behaviour(os.environ.get("SAGELENS_ROOT", ""))
    if behaviour.fault is Fault.UNHEALTHY:
        raise SystemExit(f"Model {behaviour.number} cannot be loaded.")
    for number in request.tolist():
        if number > 0:
            _act(behaviour, int(number))
    return {"feature": request * 0.0}


def _act(behaviour: Behaviour, request: int) -> None:
    if behaviour.notes:
        os.write(_notes(behaviour.number), request.to_bytes(8, "little"))
    match behaviour.fault:
        case Fault.RAISES:
            raise RuntimeError(f"Model {behaviour.number} fails on request {request}, as it was made to.")
        case Fault.SLOW:
            time.sleep(behaviour.delay)
        case Fault.DIES:
            if next(_requests) >= behaviour.lifetime:
                os.kill(os.getpid(), signal.SIGKILL)


@functools.cache
def _behaviour(root: str) -> Behaviour:
    return Behaviour.read(Path(f"{root}/opt/ml/model"))


@functools.cache
def _notes(model: int) -> int:
    folder = Path(os.environ.get("SAGELENS_ROOT", ""), NOTES)
    folder.mkdir(exist_ok=True)
    return os.open(folder / f"{model}-{os.getpid()}", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
