"""Gradient-boosted trees with XGBoost's `hist` method."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.errors import BadConfig
from sagelens.project.model import XGBoostSettings
from sagelens.training.checkpoint import Checkpoint, History
from sagelens.training.dataset import Dataset
from sagelens.training.names import refuse_names
from sagelens.training.progress import metric_line
from sagelens.values import digest_bytes

__all__ = ["Boosted", "fit_boosted", "gain_importances"]

_KEPT_EVERY = 10
"""Rounds between two checkpoints."""


@dataclass(frozen=True, eq=False)
class Boosted:
    """A booster trimmed to its best iteration; `history` is data set -> metric -> value after each round, also those trimmed."""

    booster: Any
    best_iteration: int
    history: History


def fit_boosted(
    train: Dataset, validation: Dataset, *, settings: XGBoostSettings, seed: int, checkpoints: Path | None = None
) -> Boosted:
    """Trees until the validation metric has not improved for `early_stopping_rounds`. Same data and seed, same bytes.

    With a folder for `checkpoints`, every tenth round is kept there, and a run that was interrupted goes on from the last.
    """
    import xgboost

    refuse_names(train.features)
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
    checkpoint = Checkpoint(checkpoints, _fingerprint(train, validation, settings, seed)) if checkpoints else None
    try:
        booster, history = _boost(rows, held_out, settings=settings, seed=seed, checkpoint=checkpoint)
    except xgboost.core.XGBoostError as error:
        reason = str(error).splitlines()[0].rpartition(".cc:")[2]
        raise BadConfig(f"XGBoost refused to train with `training.xgboost` as it is: {reason}") from error
    best = int(booster.best_iteration)
    return Boosted(booster=booster[: best + 1], best_iteration=best, history=history)


def _boost(
    rows: Any, held_out: Any, *, settings: XGBoostSettings, seed: int, checkpoint: Checkpoint | None
) -> tuple[Any, History]:
    """As `xgboost.train` does it, whose rounds cannot begin at another number than 0, on which the random numbers depend."""
    import xgboost
    from xgboost.callback import CallbackContainer, EarlyStopping

    parameters = _parameters(settings, seed)
    booster = xgboost.Booster(parameters, [rows, held_out])
    stopping = EarlyStopping(rounds=settings.early_stopping_rounds)
    course = CallbackContainer([stopping])
    start = 0
    if checkpoint is not None and (history := checkpoint.restore(booster)) is not None:
        start = booster.num_boosted_rounds()
        print(f"Training goes on from round {start}, which a checkpoint kept.")
        _replay(stopping, booster, history)
        course.history = history
    booster = course.before_training(booster)
    for iteration in range(start, settings.num_boost_round):
        booster.update(rows, iteration=iteration)
        # Measuring the training rows too after each round would take a fifth longer.
        done = course.after_iteration(booster, iteration - start, rows, [(held_out, "validation")])
        _tell(iteration, course.history)
        if done:
            break
        if (iteration + 1) % _KEPT_EVERY == 0:
            if checkpoint is not None:
                checkpoint.keep(booster, course.history)
            if settings.samples:
                booster = _reloaded(booster, parameters, [rows, held_out])
    if checkpoint is not None:
        checkpoint.remove()
    return booster, course.history


def _tell(iteration: int, history: History) -> None:
    """A line a figure as soon as there is one, so that the curve in the log has the time of each."""
    for data, of in history.items():
        for metric, values in of.items():
            print(metric_line(f"{data}-{metric}", values[-1], round_=iteration), flush=True)


def _reloaded(booster: Any, parameters: dict[str, Any], data: list[Any]) -> Any:
    """The same trees, with nothing of what XGBoost remembers of drawing samples: that is where a resumed run begins too."""
    import xgboost

    fresh = xgboost.Booster(parameters, data)
    fresh.load_model(booster.save_raw("ubj"))
    return fresh


def _replay(stopping: Any, booster: Any, history: History) -> None:
    """Show the rounds that are behind to early stopping, which then knows the best one and how long ago it was."""
    rounds = booster.num_boosted_rounds()
    for epoch in range(rounds):
        seen = {data: {name: values[: epoch + 1] for name, values in of.items()} for data, of in history.items()}
        stopping.after_iteration(booster, epoch, seen)


def _fingerprint(train: Dataset, validation: Dataset, settings: XGBoostSettings, seed: int) -> str:
    """Of all that the model depends on: rows, settings, seed, and what may add up numbers in another order."""
    import xgboost

    read = [(data.features, digest_bytes(data.x.tobytes()), digest_bytes(data.y.tobytes())) for data in (train, validation)]
    made_from = [read, settings.model_dump(mode="json"), seed, xgboost.__version__, _cores()]
    return digest_bytes(json.dumps(made_from, sort_keys=True).encode())


def gain_importances(booster: Any, features: tuple[str, ...]) -> dict[str, float]:
    """Each feature's share of the loss removed by its splits; highest first, they add up to 1 (to 0 without any split)."""
    gain = booster.get_score(importance_type="total_gain")
    total = sum(gain.values()) or 1.0
    shares = {feature: float(gain.get(feature, 0.0)) / total for feature in features}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _parameters(settings: XGBoostSettings, seed: int) -> dict[str, Any]:
    chosen = settings.model_dump(exclude={"num_boost_round", "early_stopping_rounds"})
    return {**chosen, "tree_method": "hist", "nthread": _cores(), "seed": seed, "seed_per_iteration": True}


def _cores() -> int:
    """Those that this process may use; macOS does not say and has no such limits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
