"""Tiny real models: servable folders that load in a moment, say which of them answered, and go wrong on demand.

    maker = ModelMaker(work)
    good = maker.make(1)
    bad = maker.make(2, fault=Fault.RAISES)

A raw row is `{"request": 17}`; the score names the model: `number_of(score)`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagelens.testing.served import BEHAVIOUR, NOTES, Behaviour, Fault, derive
from sagelens.values import Folder

__all__ = ["Fault", "MadeModel", "ModelMaker", "notes_below", "number_of", "received"]

MOST = 2048
"""Models that can be told apart: their scores are multiples of 1/4096 below a half, which float32 holds exactly."""
_STEP = 1 / 4096
_NONSENSE = 0.5
"""Added to the score of a model that answers rubbish: a score like any other, and a wrong one. Only the golden set tells."""
_FEATURE = "feature"
_LABEL = "label"


@dataclass(frozen=True)
class MadeModel:
    number: int
    fault: Fault
    folder: Path
    digest: str


class ModelMaker:
    """Packages one model as a pipeline does, and makes all others from it. `work` takes the folders; with `notes` each server
    notes the requests that reached it, in its own folder (see `received`)."""

    def __init__(self, work: Path, *, notes: bool = False) -> None:
        self._work = work
        self._notes = notes
        self._base: Path | None = None

    def make(self, number: int, *, fault: Fault = Fault.NONE, **more: Any) -> MadeModel:
        """`number` is from 1 to 2047; `more` are fields of `Behaviour`: delay, lifetime."""
        from sagelens.serving.manifest import write_manifest

        if not 0 < number < MOST:
            raise ValueError(f"a model's number is {number}; 1 to {MOST - 1} are allowed")
        folder = self._work / f"model-{number}"
        shutil.copytree(self._packaged(), folder, ignore=shutil.ignore_patterns("manifest.json"))
        behaviour = Behaviour(number=number, fault=fault, notes=self._notes, **more)
        right = number * _STEP
        _save(folder / "model", right + (_NONSENSE if fault is Fault.RUBBISH else 0.0))
        (folder / "golden.jsonl").write_text(json.dumps({"row": {"request": 0}, "score": right}) + "\n", encoding="utf-8")
        (folder / BEHAVIOUR).write_text(json.dumps(asdict(behaviour)) + "\n", encoding="utf-8")
        return MadeModel(number, fault, folder, write_manifest(folder))

    def _packaged(self) -> Path:
        if self._base is None:
            self._base = _package(self._work)
        return self._base


def number_of(score: float) -> tuple[int, bool]:
    """Which model gave this score, and whether it is nonsense."""
    return round(score % _NONSENSE / _STEP), score >= _NONSENSE


def notes_below(servers: Path) -> list[Path]:
    """The notes of every server whose folder lies in `servers`, named after the model's number and the server's process:
    `7-4711`. They outlive the server, but not the service: the next one clears the folders of the servers before it."""
    return sorted(servers.glob(f"*/{NOTES}/*-*"))


def received(servers: Path) -> Iterator[tuple[int, int]]:
    """Each request that reached a model, from the notes below this folder: the model's number, the request's."""
    for file in notes_below(servers):
        model = int(file.name.partition("-")[0])
        content = file.read_bytes()
        yield from ((model, int.from_bytes(content[at : at + 8], "little")) for at in range(0, len(content), 8))


def _package(work: Path) -> Path:
    import pyarrow as pa

    from sagelens.features import Batch, Derived, FittedTransform
    from sagelens.serving import package_model

    train = pa.table({"request": [0.0, 0.0], _LABEL: [0, 1]})
    transform = FittedTransform.fit(Batch.of_arrow(train), categorical=(), numeric=(_FEATURE,), derived=Derived(derive))
    with tempfile.TemporaryDirectory(dir=work) as parts:
        model, fitted = Path(parts, "model"), Path(parts, "transform")
        model.mkdir()
        _save(model, 0.5)
        transform.save(fitted)
        packaged = package_model(Folder(model), Folder(fitted), train, label=_LABEL)
        return Path(shutil.move(packaged.path, work / "base"))


def _save(folder: Path, score: float) -> None:
    """A booster without trees, which gives every row this score."""
    import xgboost

    from sagelens.training import BoostedModel, save_model

    matrix = xgboost.DMatrix([[0.0], [0.0]], [0.0, 1.0], feature_names=[_FEATURE])
    settings = {"objective": "reg:squarederror", "base_score": score, "nthread": 1}
    card = BoostedModel(
        label=_LABEL, features=(_FEATURE,), threshold=0.5, best_iteration=0, settings=settings, importances={}, evals={}
    )
    save_model(xgboost.train(settings, matrix, 0), card, folder)
