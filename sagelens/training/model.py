"""A trained XGBoost model as a folder: `model.ubj`, XGBoost's own format, and `model.json`, what belongs to it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagelens.errors import BadData

__all__ = ["BoostedModel", "load_model", "save_model"]

_TREES = "model.ubj"
_CARD = "model.json"


@dataclass(frozen=True, kw_only=True)
class BoostedModel:
    """What `model.json` says. A row is predicted positive where its score is at least `threshold`."""

    label: str
    features: tuple[str, ...]
    threshold: float
    best_iteration: int
    settings: dict[str, Any]
    importances: dict[str, float]
    evals: dict[str, dict[str, list[float]]]


def save_model(booster: Any, model: BoostedModel, folder: Path) -> None:
    booster.save_model(folder / _TREES)
    (folder / _CARD).write_text(json.dumps(asdict(model), indent=1) + "\n", encoding="utf-8")


def load_model(folder: Path) -> tuple[BoostedModel, Any]:
    """What `save_model` kept: the model's description and its `xgboost.Booster`."""
    import xgboost

    for file in (_TREES, _CARD):
        if not (folder / file).is_file():
            raise BadData(f"Folder {folder.name} holds no trained model: there is no {file}. Give the folder that `train` made.")
    described = json.loads((folder / _CARD).read_text(encoding="utf-8"))
    described["features"] = tuple(described["features"])
    return BoostedModel(**described), xgboost.Booster(model_file=folder / _TREES)
