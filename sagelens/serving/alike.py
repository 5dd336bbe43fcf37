"""Whether a row gets the same features, and the same answer, however it comes: as in training, alone, or among others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadConfig
from sagelens.serving.schema import rows_to_batch
from sagelens.serving.servable import Servable

__all__ = ["check_alike", "golden_rows"]

_FIRST = 5  # rows from the table's head
_MOST = 25  # rows in all: each is asked at every deployment

Matrix = npt.NDArray[np.float32]
Row = Mapping[str, Any]


def golden_rows(rows: Any, used: Sequence[str]) -> list[int]:
    """Numbers of the rows to ask for: the first ones, and of each column that the model reads one where it is missing, one where
    it is largest or last, one where it is smallest or first, as far as there is room. `rows` is an Arrow table."""
    import pyarrow.compute as pc

    chosen = dict.fromkeys(range(min(_FIRST, rows.num_rows)))
    candidates: list[int] = []
    for name in used:
        column = rows.column(name)
        candidates.append(column.is_null(nan_is_null=True).index(True).as_py())
    for name in used:
        column = rows.column(name)
        column = column.cast(column.type.value_type) if hasattr(column.type, "value_type") else column
        ends = pc.min_max(column).as_py()
        candidates += [column.index(ends[end]).as_py() if ends[end] is not None else -1 for end in ("max", "min")]
    for number in candidates:
        if number >= 0 and len(chosen) < _MOST:
            chosen[number] = None
    return list(chosen)


def check_alike(servable: Servable, rows: Sequence[Row], trained: Matrix) -> None:
    """Compare the features of raw rows with those that they had in training, (rows, features), to the bit.

    Each row is asked as a caller sends it: alone, in a batch, in the batch turned round, and twice. Raises BadConfig that names
    the column that differs, the row and both values.
    """
    names = servable.transform.get_feature_names_out()
    raw = [json.loads(json.dumps(row)) for row in rows]
    for how, order, features in _asked(servable, raw):
        wrong = np.argwhere(~_same(features, trained[order]))
        if len(wrong):
            place, column = (int(number) for number in wrong[0])
            was, now = trained[order[place], column], features[place, column]
            raise BadConfig(
                f"Feature '{names[column]}' is not the same in training and when served: in row {order[place]} of the golden set "
                f"it was {was:.9g} when the model was trained, and is {now:.9g} asked {how}. {_advice(servable, names[column])}"
            )
    _check_scores(servable, raw)


def _asked(servable: Servable, rows: Sequence[Row]) -> Iterator[tuple[str, list[int], Matrix]]:
    """How the rows are asked, in which order, and the features that they get so."""
    together, turned = list(range(len(rows))), list(reversed(range(len(rows))))
    for number in together:
        yield "alone", [number], _features(servable, [rows[number]])
    yield "in a batch", together, _features(servable, rows)
    yield "in the batch turned round", turned, _features(servable, [rows[number] for number in turned])
    yield "in the batch once more", together, _features(servable, rows)


def _features(servable: Servable, rows: Sequence[Row]) -> Matrix:
    for number, row in enumerate(rows):
        servable.schema.check(row, number)
    return servable.transform.transform(rows_to_batch(rows, servable.schema, servable.transform.inputs))


def _same(one: Matrix, other: Matrix) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _check_scores(servable: Servable, rows: Sequence[Row]) -> None:
    together = servable.predict_rows(rows).tolist()
    for number, row in enumerate(rows):
        (alone,) = servable.predict_rows([row]).tolist()
        if alone != together[number]:
            raise BadConfig(
                f"The model answers {alone:.9g} to row {number} of the golden set alone, and {together[number]:.9g} in a batch. "
                "A row's answer must not depend on those beside it."
            )


def _advice(servable: Servable, feature: str) -> str:
    derived = servable.transform.derived
    if derived is not None and feature in derived.gives:
        return (
            f"'{derived.path}' makes it: each row must be derived from itself alone, without means, ranks, shifts or random "
            "numbers over the batch. Learn such figures in preparation, or leave the column out."
        )
    return "The raw value loses something on its way: give the column a type that JSON keeps."
