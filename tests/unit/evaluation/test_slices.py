from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from sagelens.evaluation.record import Slice, SmallSlice
from sagelens.evaluation.slices import slices_of
from sagelens.project.model import ErrorCosts

COSTS = ErrorCosts(false_negative=5, false_positive=1)
RANDOM = np.random.default_rng(5)
LABELS = (RANDOM.random(40) < 0.5).astype(np.int8)
SCORES = RANDOM.random(40)


def measure(values: list[str | int | None], minimum_rows: int = 5) -> tuple[list[Slice], list[SmallSlice]]:
    whole = pa.array(values)
    column = pa.chunked_array([whole[:7], whole[7:]])
    return slices_of("carrier", column, LABELS, SCORES, threshold=0.5, costs=COSTS, minimum_rows=minimum_rows)


def test_each_value_is_measured_on_its_own_rows() -> None:
    values = ["UA" if i % 3 else "AA" for i in range(40)]

    measured, small = measure([*values])

    own = np.array([value == "AA" for value in values])
    assert [(s.value, s.rows) for s in measured] == [("AA", 14), ("UA", 26)]
    assert measured[0].metrics["roc_auc"] == pytest.approx(roc_auc_score(LABELS[own], SCORES[own]))
    assert measured[0].metrics["positive_rate"] == pytest.approx(LABELS[own].mean())
    assert small == []


def test_too_few_rows_are_named_but_not_measured() -> None:
    measured, small = measure([*["AA"] * 36, *["HA"] * 4])

    assert [s.value for s in measured] == ["AA"]
    assert small == [SmallSlice(column="carrier", value="HA", rows=4, reason="fewer than 5 rows")]


def test_the_minimum_itself_is_enough() -> None:
    measured, small = measure([*["AA"] * 35, *["HA"] * 5], minimum_rows=5)

    assert {s.value for s in measured} | {s.value for s in small if s.reason == "one class only"} == {"AA", "HA"}


def test_a_slice_of_one_class_is_named_but_not_measured() -> None:
    values = ["late" if label else "on time" for label in LABELS]

    _, small = measure([*values])

    assert [s.reason for s in small] == ["one class only", "one class only"]


def test_missing_values_are_a_slice_and_numbers_keep_their_order() -> None:
    measured, _ = measure([*[None] * 10, *[12] * 15, *[9] * 15])

    assert [s.value for s in measured] == ["9", "12", "(missing)"]
