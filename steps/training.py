"""Training: a logistic baseline, and XGBoost that has to beat it. Each is a training job of its own."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from sagelens.data import Table
from sagelens.evaluation.costs import theoretical_threshold
from sagelens.project.model import ErrorCosts, XGBoostSettings
from sagelens.training import (
    BoostedModel,
    Dataset,
    checkpoint_folder,
    fit_baseline,
    fit_boosted,
    gain_importances,
    metric_line,
    save_baseline,
    save_model,
)
from sagelens.values import Folder

__all__ = ["baseline", "train"]


def baseline(train_features: Table, *, label: str, keep: tuple[str, ...], max_iter: int, seed: int) -> Folder:
    """Fit a logistic regression on standardised features: what XGBoost must be better than."""
    rows = Dataset.of(train_features.to_pyarrow(), name="train_features", label=label, keep=keep)
    pipeline = fit_baseline(rows, max_iter=max_iter, seed=seed)
    print(metric_line("train-accuracy", pipeline.score(rows.x, rows.y)))
    print(metric_line("train-iterations", pipeline[-1].n_iter_[0]))

    folder = Path(mkdtemp(prefix="baseline-"))
    save_baseline(pipeline, folder)
    return Folder(folder)


def train(
    train_features: Table,
    validation_features: Table,
    *,
    label: str,
    keep: tuple[str, ...],
    settings: XGBoostSettings,
    costs: ErrorCosts,
    seed: int,
) -> Folder:
    """Boost trees until the validation loss stops falling.

    The threshold follows from the declared costs alone, since the scores are calibrated (Elkan, 2001). One searched on the
    validation months does worse on later ones, whose share of late flights differs.
    """
    rows = Dataset.of(train_features.to_pyarrow(), name="train_features", label=label, keep=keep)
    held_out = Dataset.of(validation_features.to_pyarrow(), name="validation_features", label=label, keep=keep)
    held_out.require_both_classes()
    boosted = fit_boosted(rows, held_out, settings=settings, seed=seed, checkpoints=checkpoint_folder())
    curves = {f"{data}-{metric}": values for data, of in boosted.history.items() for metric, values in of.items()}
    for name, values in curves.items():
        print(metric_line(name, values[boosted.best_iteration]))  # the last one in the log is the job's: that of the model kept

    model = BoostedModel(
        label=label,
        features=rows.features,
        threshold=theoretical_threshold(costs),
        best_iteration=boosted.best_iteration,
        settings={**settings.model_dump(), "seed": seed},
        importances=gain_importances(boosted.booster, rows.features),
        evals=boosted.history,
    )
    folder = Path(mkdtemp(prefix="model-"))
    save_model(boosted.booster, model, folder)
    return Folder(folder, curves=curves)
