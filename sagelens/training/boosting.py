"""Gradient-boosted trees with XGBoost's `hist` method."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from sagelens.errors import BadConfig
from sagelens.project.model import XGBoostSettings
from sagelens.training.dataset import Dataset

__all__ = ["Boosted", "fit_boosted", "gain_importances"]


@dataclass(frozen=True, eq=False)
class Boosted:
    """A booster trimmed to its best iteration; `history` is data set -> metric -> value after each round, also those trimmed."""

    booster: Any
    best_iteration: int
    history: dict[str, dict[str, list[float]]]


def fit_boosted(train: Dataset, validation: Dataset, *, settings: XGBoostSettings, seed: int) -> Boosted:
    """Trees until the validation metric has not improved for `early_stopping_rounds`. Same data and seed, same bytes."""
    import xgboost

    train.require_both_classes()
    rows = xgboost.QuantileDMatrix(
        train.x, train.y, feature_names=list(train.features), max_bin=settings.max_bin, nthread=_cores()
    )
    held_out = xgboost.QuantileDMatrix(
        validation.columns(train.features),
        validation.y,
        feature_names=list(train.features),
        max_bin=settings.max_bin,
        nthread=_cores(),
        ref=rows,
    )
    history: dict[str, dict[str, list[float]]] = {}
    try:
        booster = xgboost.train(
            _parameters(settings, seed),
            rows,
            num_boost_round=settings.num_boost_round,
            # Measuring the training rows too after each round would take a fifth longer.
            evals=[(held_out, "validation")],
            early_stopping_rounds=settings.early_stopping_rounds,
            evals_result=history,
            verbose_eval=False,
        )
    except xgboost.core.XGBoostError as error:
        reason = str(error).splitlines()[0].rpartition(".cc:")[2]
        raise BadConfig(f"XGBoost refused to train with `training.xgboost` as it is: {reason}") from error
    best = int(booster.best_iteration)
    return Boosted(booster=booster[: best + 1], best_iteration=best, history=history)


def gain_importances(booster: Any, features: tuple[str, ...]) -> dict[str, float]:
    """Each feature's share of the loss removed by its splits; highest first, they add up to 1 (to 0 without any split)."""
    gain = booster.get_score(importance_type="total_gain")
    total = sum(gain.values()) or 1.0
    shares = {feature: float(gain.get(feature, 0.0)) / total for feature in features}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _parameters(settings: XGBoostSettings, seed: int) -> dict[str, Any]:
    chosen = settings.model_dump(exclude={"num_boost_round", "early_stopping_rounds"})
    return {**chosen, "tree_method": "hist", "nthread": _cores(), "seed": seed}


def _cores() -> int:
    """Those that this process may use; macOS does not say and has no such limits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
