from __future__ import annotations

import json
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sagelens.errors import BadData
from sagelens.project.model import ErrorCosts, XGBoostSettings
from sagelens.training import load_baseline
from sagelens.values import digest_path
from steps.training import baseline, train

COSTS = ErrorCosts(false_negative=5, false_positive=1)
SETTINGS = XGBoostSettings(num_boost_round=30, early_stopping_rounds=5, max_depth=3)


def features(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 2)).astype(np.float32)
    late = (x[:, 0] + random.normal(size=rows) > 0.5).astype(np.int8)
    return pa.table({"near": x[:, 0], "noise": x[:, 1], "late": late, "carrier": ["AA"] * rows})


def trained(train_rows: pa.Table, validation_rows: pa.Table) -> Any:
    return train(
        ibis.memtable(train_rows),
        ibis.memtable(validation_rows),
        label="late",
        keep=("carrier",),
        settings=SETTINGS,
        costs=COSTS,
        seed=1,
    )


def test_train_gives_the_same_bytes_twice() -> None:
    first, second = (trained(features(500, 1), features(200, 2)) for _ in range(2))

    assert digest_path(first.path) == digest_path(second.path)


def test_train_describes_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    folder = trained(features(500, 1), features(200, 2))

    described = json.loads((folder.path / "model.json").read_text())
    assert described["features"] == ["near", "noise"]
    assert described["label"] == "late"
    assert 0 < described["threshold"] < 0.5
    assert described["settings"]["seed"] == 1
    losses = described["evals"]["validation"]["logloss"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"validation-logloss={losses[described['best_iteration']]:.6f}"
    assert printed[:-1] == [f"round {number}: validation-logloss={loss:.6f}" for number, loss in enumerate(losses)]
    assert folder.curves == {"validation-logloss": losses}


def test_train_refuses_one_class_on_either_side() -> None:
    rows, late = features(200, 1), features(200, 2).filter(pc.field("late") == 1)

    with pytest.raises(BadData, match="'train_features' holds one class only"):
        trained(late, rows)
    with pytest.raises(BadData, match="'validation_features' holds one class only"):
        trained(rows, late)


def test_baseline_keeps_a_pipeline_that_scores(capsys: pytest.CaptureFixture[str]) -> None:
    rows = features(500, 1)

    folder = baseline(ibis.memtable(rows), label="late", keep=("carrier",), max_iter=200, seed=1)

    x = np.column_stack([rows["near"].to_numpy(), rows["noise"].to_numpy()])
    accuracy = load_baseline(folder.path).score(x, rows["late"].to_numpy())
    assert accuracy > 0.7
    assert f"train-accuracy={accuracy:.6f}" in capsys.readouterr().out.splitlines()
