"""Trainers: a logistic baseline on scikit-learn, gradient-boosted trees on XGBoost, and the folders they are kept in."""

from sagelens.training.baseline import fit_baseline, load_baseline, save_baseline
from sagelens.training.boosting import Boosted, fit_boosted, gain_importances
from sagelens.training.checkpoint import checkpoint_folder
from sagelens.training.dataset import Dataset, labels_of
from sagelens.training.model import BoostedModel, load_model, save_model
from sagelens.training.progress import metric_line, metric_patterns

__all__ = [
    "Boosted",
    "BoostedModel",
    "Dataset",
    "checkpoint_folder",
    "fit_baseline",
    "fit_boosted",
    "gain_importances",
    "labels_of",
    "load_baseline",
    "load_model",
    "metric_line",
    "metric_patterns",
    "save_baseline",
    "save_model",
]
