"""What passes between the service and the process that runs a job in a container: an order, and a record of the end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["Ended", "Order"]

_ORDER = "order.json"
_ENDED = "ended.json"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job to run. `noun` is Processing or Training, `request` its Create request, `root` its folder, which holds the
    configuration that its container finds below /opt/ml. `secrets` are variables that the container takes from the process that
    starts it. `kept` names the outputs that are stored even when the job fails. `memory` is in bytes."""

    noun: str
    name: str
    request: dict[str, Any]
    root: str
    container: str
    user: str
    network: str
    environment: Mapping[str, str]
    secrets: Sequence[str]
    labels: Mapping[str, str]
    cpus: float
    memory: int
    kept: Sequence[str] = ()

    def write(self) -> Path:
        return _write(Path(self.root) / _ORDER, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_bytes()))


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it went. `trouble` is why the container could not be run, or what it made not stored; empty when its code tells all."""

    code: int = 1
    out_of_memory: bool = False
    trouble: str = ""

    def write(self, root: Path) -> None:
        _write(root / _ENDED, asdict(self))

    @classmethod
    def read(cls, root: Path) -> Self:
        """What was recorded; no trouble and no particulars if nothing was, since the process was killed."""
        try:
            return cls(**json.loads((root / _ENDED).read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls()


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    partial = path.with_suffix(".new")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  a mode
        json.dump(content, file, default=str)
    partial.replace(path)
    return path
