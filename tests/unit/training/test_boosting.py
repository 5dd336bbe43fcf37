from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sagelens.errors import BadConfig, BadData
from sagelens.project.model import XGBoostSettings
from sagelens.training import (
    Boosted,
    BoostedModel,
    Dataset,
    fit_boosted,
    gain_importances,
    load_model,
    save_model,
)

SETTINGS = XGBoostSettings(num_boost_round=60, early_stopping_rounds=5, max_depth=3)


@pytest.fixture(scope="module")
def rows(train_features: pa.Table) -> Dataset:
    return Dataset.of(train_features, name="train_features", label="late", keep=("carrier",))


@pytest.fixture(scope="module")
def held_out(validation_features: pa.Table) -> Dataset:
    return Dataset.of(validation_features, name="validation_features", label="late", keep=("carrier",))


@pytest.fixture(scope="module")
def boosted(rows: Dataset, held_out: Dataset) -> Boosted:
    return fit_boosted(rows, held_out, settings=SETTINGS, seed=1)


def test_it_stops_early_and_keeps_the_best_trees_only(boosted: Boosted) -> None:
    losses = boosted.history["validation"]["logloss"]

    assert boosted.best_iteration == int(np.argmin(losses))
    assert len(losses) == boosted.best_iteration + 1 + SETTINGS.early_stopping_rounds
    assert boosted.booster.num_boosted_rounds() == boosted.best_iteration + 1


def test_importances_add_up_and_the_nearest_feature_leads(boosted: Boosted, rows: Dataset) -> None:
    importances = gain_importances(boosted.booster, rows.features)

    assert next(iter(importances)) == "near"
    assert sum(importances.values()) == pytest.approx(1)
    assert set(importances) == set(rows.features)


def test_a_kept_model_scores_the_same(boosted: Boosted, rows: Dataset, tmp_path: Path) -> None:
    model = BoostedModel(
        label="late",
        features=rows.features,
        threshold=0.3,
        best_iteration=boosted.best_iteration,
        settings=SETTINGS.model_dump(),
        importances=gain_importances(boosted.booster, rows.features),
        evals=boosted.history,
    )
    save_model(boosted.booster, model, tmp_path)

    kept, booster = load_model(tmp_path)

    assert kept == model
    assert booster.inplace_predict(rows.x).tolist() == boosted.booster.inplace_predict(rows.x).tolist()


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"there is no model\.ubj"):
        load_model(tmp_path)


def test_settings_that_xgboost_refuses_are_a_fault_of_the_config(rows: Dataset, held_out: Dataset) -> None:
    with pytest.raises(BadConfig, match=r"`training\.xgboost`.*binary:nonsense"):
        fit_boosted(rows, held_out, settings=XGBoostSettings(objective="binary:nonsense"), seed=1)


def test_one_class_only_is_refused(rows: Dataset, held_out: Dataset) -> None:
    late = Dataset(name="train_features", features=rows.features, x=rows.x[rows.y == 1], y=rows.y[rows.y == 1])

    with pytest.raises(BadData, match="one class only"):
        fit_boosted(late, held_out, settings=SETTINGS, seed=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("objective", "reg:logistic"),
        ("max_depth", 2),
        ("learning_rate", 0.4),
        ("subsample", 0.5),
        ("colsample_bytree", 0.5),
        ("min_child_weight", 60.0),
        ("reg_lambda", 90.0),
        ("max_bin", 3),
        ("eval_metric", "auc"),
    ],
)
def test_every_setting_makes_another_training(
    boosted: Boosted, rows: Dataset, held_out: Dataset, name: str, value: object
) -> None:
    other = fit_boosted(rows, held_out, settings=SETTINGS.model_copy(update={name: value}), seed=1)

    assert (bytes(other.booster.save_raw()), other.history) != (bytes(boosted.booster.save_raw()), boosted.history)


def test_those_are_all_settings() -> None:
    tried = {mark.args[1][i][0] for mark in test_every_setting_makes_another_training.pytestmark for i in range(9)}

    assert set(XGBoostSettings.model_fields) == tried | {"num_boost_round", "early_stopping_rounds"}
