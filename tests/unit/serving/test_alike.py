"""A row has the same features in training, alone, in a batch, and in any order; else it is not packaged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sagelens.errors import BadConfig
from sagelens.features import Batch, Derived, FittedTransform
from sagelens.serving import Servable
from sagelens.serving.alike import check_alike, golden_rows
from sagelens.serving.booster import Booster
from sagelens.serving.schema import schema_of_table

Columns = Mapping[str, np.ndarray[Any, Any]]
_calls = itertools.count()
TABLE = pa.table({"x": pa.array([3.0, 1.0, None, 2.0, 8.0, 5.0, 7.0]), "n": pa.array([1, 2, 3, 4, 5, 6, None])})


def own(columns: Columns) -> Columns:
    return {"made": columns["x"] * 2}


def mean(columns: Columns) -> Columns:
    return {"made": columns["x"] - np.nanmean(columns["x"])}


def rank(columns: Columns) -> Columns:
    return {"made": columns["x"].argsort().argsort().astype(float)}


def shift(columns: Columns) -> Columns:
    return {"made": np.concatenate([[0.0], columns["n"][:-1]])}


def count(columns: Columns) -> Columns:
    return {"made": np.full(len(columns["x"]), float(len(columns["x"])))}


def number(columns: Columns) -> Columns:
    return {"made": np.full(len(columns["x"]), float(next(_calls)))}


class _Adds(Booster):
    """A model that answers with the sum of a row's features."""

    def __init__(self) -> None:
        pass

    def predict(self, features: Any) -> Any:
        return np.nansum(features, axis=1).astype(np.float32)


def servable_with(function: Callable[[Columns], Columns]) -> Servable:
    transform = FittedTransform.fit(Batch.of_arrow(TABLE), categorical=(), numeric=("x", "n", "made"), derived=Derived(function))
    schema = schema_of_table(TABLE, without=(), needed=("x", "n"))
    return Servable(_Adds(), transform, schema, {}, 0.5, "digest")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_a_column_of_the_row_alone_passes() -> None:
    servable = servable_with(own)

    check_alike(servable, rows_of(TABLE), servable.transform.transform(Batch.of_arrow(TABLE)))


@pytest.mark.parametrize("function", [mean, rank, shift, count, number])
def test_a_column_that_looks_at_others_or_changes_is_named(function: Callable[[Columns], Columns]) -> None:
    servable = servable_with(function)
    trained = servable.transform.transform(Batch.of_arrow(TABLE))

    with pytest.raises(BadConfig, match=r"Feature 'made' is not the same in training and when served: in row \d.*test_alike:"):
        check_alike(servable, rows_of(TABLE), trained)


def test_a_model_whose_answers_depend_on_the_batch_is_refused() -> None:
    class Shares(_Adds):
        def predict(self, features: Any) -> Any:
            return super().predict(features) / len(features)

    servable = replace(servable_with(own), booster=Shares())

    with pytest.raises(BadConfig, match="must not depend on those beside it"):
        check_alike(servable, rows_of(TABLE), servable.transform.transform(Batch.of_arrow(TABLE)))


def test_golden_rows_hold_the_head_the_ends_and_what_is_missing() -> None:
    table = pa.table({"a": pa.array([*range(5, 30), None, 900, -7]), "b": ["m"] * 26 + ["z", "a"], "unused": [None] * 28})

    assert golden_rows(table, ["a", "b"]) == [0, 1, 2, 3, 4, 25, 26, 27]


def test_golden_rows_of_booleans_dictionaries_and_empty_columns() -> None:
    table = pa.table(
        {
            "flag": pa.array([True] * 8 + [False]),
            "coded": pa.array(["x"] * 7 + ["a", None]).dictionary_encode(),
            "none": pa.array([None] * 9, pa.float64()),
        }
    )

    assert golden_rows(table, ["flag", "coded", "none"]) == [0, 1, 2, 3, 4, 8, 7]
