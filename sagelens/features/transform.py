"""From raw columns to the model's matrix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadConfig, BadData, Refused
from sagelens.features.batch import Batch
from sagelens.features.derived import Derived
from sagelens.features.encoder import OrdinalEncoder
from sagelens.features.imputer import MedianImputer
from sagelens.features.lookup import Lookup
from sagelens.features.naming import code_name

__all__ = ["FittedTransform"]

VERSION = 1
FILE = "transform.json"


@dataclass(frozen=True, eq=False)
class FittedTransform:
    """Joins, derives, encodes and fills, in that order. Learned from the training rows alone; kept as JSON."""

    encoders: Mapping[str, OrdinalEncoder]
    numeric: tuple[str, ...]
    imputer: MedianImputer
    lookups: tuple[Lookup, ...] = ()
    derived: Derived | None = None

    @classmethod
    def fit(
        cls,
        train: Batch,
        *,
        categorical: Sequence[str],
        numeric: Sequence[str],
        lookups: Sequence[Lookup] = (),
        derived: Derived | None = None,
    ) -> FittedTransform:
        """Learn categories and medians from the training rows; lookups keep only the columns that are needed."""
        if not train.rows:
            raise BadData("There are no training rows to fit the features on. Check the split in configs/.")
        for lookup in lookups:
            lookup.transform(train)
        if derived is not None:
            derived = derived.fit(train)
            derived.transform(train)
        _refuse_unknown((*categorical, *numeric), train)
        needed = {*categorical, *numeric, *(derived.reads if derived else ())}
        return cls(
            encoders={name: OrdinalEncoder.fit(train.text(name)) for name in categorical},
            numeric=tuple(numeric),
            imputer=MedianImputer.fit([train.numbers(name) for name in numeric]),
            lookups=tuple(lookup.only(needed) for lookup in lookups if needed & set(lookup.gives)),
            derived=derived,
        )

    def transform(self, batch: Batch) -> npt.NDArray[np.float32]:
        """One row of features for each row of the batch, columns in the order of `get_feature_names_out`.

        Columns are contiguous. The joined and derived columns stay in the batch.
        """
        for lookup in self.lookups:
            lookup.transform(batch)
        if self.derived is not None:
            self.derived.transform(batch)
        encoded = len(self.encoders)
        matrix = np.empty((encoded + len(self.numeric), batch.rows), dtype=np.float32)
        for row, (name, encoder) in enumerate(self.encoders.items()):
            matrix[row] = encoder.transform(batch.text(name))
        for row, name in enumerate(self.numeric, encoded):
            matrix[row] = batch.numbers(name)
        features = matrix.T
        self.imputer.transform(features[:, encoded:])
        return features

    def get_feature_names_out(self) -> tuple[str, ...]:
        return (*(code_name(name) for name in self.encoders), *self.numeric)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The raw columns that the transform reads."""
        reads = (*self.encoders, *self.numeric, *(self.derived.reads if self.derived else ()))
        made = {*(name for lookup in self.lookups for name in lookup.gives), *(self.derived.gives if self.derived else ())}
        return tuple(dict.fromkeys((*(lookup.on for lookup in self.lookups), *(name for name in reads if name not in made))))

    def save(self, folder: Path) -> None:
        """Write the transform to a folder, which is made where it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "version": VERSION,
            "categorical": {name: encoder.state() for name, encoder in self.encoders.items()},
            "numeric": dict(zip(self.numeric, self.imputer.state(), strict=True)),
            "lookups": [lookup.name for lookup in self.lookups],
            "derived": self.derived.state() if self.derived else None,
        }
        _write(folder / FILE, state)
        for lookup in self.lookups:
            _write(folder / f"lookup-{lookup.name}.json", lookup.state())

    @classmethod
    def load(cls, folder: Path) -> FittedTransform:
        state = _read(folder / FILE)
        if state.get("version") != VERSION:
            raise Refused(
                f"The transform in '{folder}' is of version {state.get('version')}; this code reads version {VERSION}. "
                "Serve it with the code that was packaged with it, or train again."
            )
        return cls(
            encoders={name: OrdinalEncoder.from_state(kept) for name, kept in state["categorical"].items()},
            numeric=tuple(state["numeric"]),
            imputer=MedianImputer.from_state(list(state["numeric"].values())),
            lookups=tuple(Lookup.from_state(_read(folder / f"lookup-{name}.json")) for name in state["lookups"]),
            derived=Derived.from_state(state["derived"]) if state["derived"] else None,
        )


def _refuse_unknown(features: Sequence[str], train: Batch) -> None:
    unknown = [name for name in features if name not in train]
    if unknown:
        raise BadConfig(
            f"No column gives the feature {', '.join(unknown)}. Known columns: {', '.join(train)}. "
            "Correct features.categorical or features.numeric, or derive the column in steps/features.py."
        )


def _write(path: Path, state: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(state, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise BadData(
            f"{_endless(state)} holds infinity, which no request can name and no model is trained on. "
            "Make it a missing value or a number in preparation."
        ) from error
    path.write_text(text, encoding="utf-8")


def _endless(state: Mapping[str, Any]) -> str:
    """The column, of a transform's medians or of a lookup, that JSON cannot hold."""
    columns = state["columns"] if "columns" in state else {name: [median] for name, median in state["numeric"].items()}
    numbers = {name: values for name, values in columns.items() if isinstance(values, list)}
    name = next((n for n, values in numbers.items() if any(v is not None and np.isinf(v) for v in values)), "?")
    return f"Column '{name}'" + (f" of table '{state['name']}'" if "columns" in state else "")


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadData(f"'{path}' cannot be read as part of a fitted transform: {error}.") from error
    return state
