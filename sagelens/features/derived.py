"""Columns that the project computes with a function of its own, known by its import path."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadConfig
from sagelens.features.batch import Batch

__all__ = ["DeriveFunction", "Derived"]

DeriveFunction: TypeAlias = Callable[[Mapping[str, npt.NDArray[Any]]], Mapping[str, npt.NDArray[Any]]]


class _Recorder(Mapping[str, npt.NDArray[Any]]):
    """Passes columns on and remembers which were read."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        self.read[name] = None
        return self.batch[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.batch)

    def __len__(self) -> int:
        return len(self.batch)


class Derived:
    """`function` takes columns by name and gives new ones; it must treat one row and many alike.

    `reads` and `gives` are learned when the transform is fitted.
    """

    def __init__(self, function: DeriveFunction, reads: tuple[str, ...] = (), gives: tuple[str, ...] = ()) -> None:
        self.function = function
        self.reads = reads
        self.gives = gives
        self.path = f"{function.__module__}:{function.__qualname__}"
        if "<" in self.path or function.__module__ == "__main__":
            raise BadConfig(
                f"Derived columns cannot come from '{self.path}', which cannot be imported when the model is served. "
                "Give a function at the top level of a module."
            )

    def fit(self, batch: Batch) -> Derived:
        recorder = _Recorder(batch)
        given = self.function(recorder)
        return Derived(self.function, tuple(recorder.read), tuple(given))

    def transform(self, batch: Batch) -> None:
        """Add the derived columns to the batch."""
        for name, values in self.function(batch).items():
            column = np.asarray(values, dtype=np.float64)
            if column.shape != (batch.rows,):
                raise BadConfig(
                    f"'{self.path}' gave column '{name}' of shape {column.shape} for {batch.rows} rows. "
                    "It must give one number a row; write it with numpy on whole columns."
                )
            batch.add(name, column)

    def state(self) -> dict[str, Any]:
        return {"function": self.path, "reads": list(self.reads), "gives": list(self.gives)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Derived:
        return cls(_imported(state["function"]), tuple(state["reads"]), tuple(state["gives"]))


def _imported(path: str) -> DeriveFunction:
    module, _, name = path.partition(":")
    try:
        function: DeriveFunction = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BadConfig(
            f"The transform needs '{path}', which cannot be imported: {error}. "
            "Put the code that was packaged with the model on PYTHONPATH."
        ) from error
    return function
