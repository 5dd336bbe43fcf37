from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sagelens.errors import BadData
from sagelens.training import Dataset


def dataset(**columns: Any) -> Dataset:
    return Dataset.of(pa.table(columns), name="train_features", label="late", keep=("carrier",))


def test_features_are_all_columns_but_the_label_and_those_to_keep(train_features: pa.Table) -> None:
    rows = Dataset.of(train_features, name="train_features", label="late", keep=("carrier",))

    assert rows.features == ("near", "far", "noise")
    assert rows.x.dtype == np.float32
    assert rows.x[:, 1].tolist() == train_features["far"].to_pylist()
    assert rows.y.tolist() == train_features["late"].to_pylist()


def test_a_null_feature_becomes_nan() -> None:
    rows = dataset(near=[1.5, None], late=[0, 1])

    assert np.isnan(rows.x[1, 0])
    with pytest.raises(BadData, match=r"near \(1\)"):
        rows.require_complete()


def test_columns_follow_the_order_of_the_model(train_features: pa.Table) -> None:
    rows = Dataset.of(train_features, name="test_features", label="late", keep=("carrier",))

    assert rows.columns(("noise", "near")).tolist() == rows.x[:, [2, 0]].tolist()
    with pytest.raises(BadData, match="lacks features of the model: speed"):
        rows.columns(("near", "speed"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"near": [1.0, 2.0]}, "no label column 'late'"),
        ({"late": [0, 1], "carrier": ["AA", "UA"]}, "no feature columns"),
        ({"near": [1.0, 2.0], "late": [0.0, float("nan")]}, "missing in 1 of 2 rows"),
        ({"near": [1.0, 2.0], "late": [0, None]}, "missing in 1 of 2 rows"),
        ({"near": [1.0, 2.0], "late": [0, 2]}, "must be 0 or 1; found also 2"),
        ({"near": [1.0, 2.0], "late": ["no", "yes"]}, "of type string; it must be 0 or 1"),
        ({"near": ["a", "b"], "late": [0, 1]}, "'near' of table 'train_features' is of type string"),
        ({"near": [1.0, float("inf")], "late": [0, 1]}, "infinite values in: near"),
        ({"near": pa.array([], pa.float32()), "late": pa.array([], pa.int8())}, "has no rows"),
    ],
)
def test_a_table_that_cannot_train_says_why(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(BadData, match=message):
        dataset(**columns)


def test_one_class_only_is_refused() -> None:
    with pytest.raises(BadData, match="one class only: all of its 2 rows have the label 1"):
        dataset(near=[1.0, 2.0], late=[1, 1]).require_both_classes()
